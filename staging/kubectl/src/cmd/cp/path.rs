//! `[[namespace/]pod:]path`, and paths as Go's `path` package reads them.

use cli_runtime::{Result, message};

/// One side of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileSpec {
    /// Empty for the current one.
    pub(super) namespace: String,
    /// Empty for a local file.
    pub(super) pod: String,
    pub(super) path: String,
}

impl FileSpec {
    /// Reads a word of the command line.
    ///
    /// # Errors
    /// It begins with a colon, or has too many slashes in front of one.
    pub(super) fn parse(word: &str) -> Result<Self> {
        let Some((pod, path)) = word.split_once(':') else {
            return Ok(Self {
                path: without_trailing_slash(word).to_owned(),
                ..Self::default()
            });
        };
        let parts: Vec<&str> = pod.split('/').collect();
        let (namespace, pod) = match parts[..] {
            [pod] if !pod.is_empty() => ("", pod),
            [namespace, pod] => (namespace, pod),
            _ => {
                return Err(message!(
                    "filespec must match the canonical format: [[namespace/]pod:]file/path"
                ));
            }
        };
        Ok(Self {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            path: remote(path),
        })
    }
}

/// A path of a container: without a slash at its end, and with slashes for backslashes.
fn remote(path: &str) -> String {
    without_trailing_slash(path).replace('\\', "/")
}

fn without_trailing_slash(path: &str) -> &str {
    if path == "/" {
        path
    } else {
        path.strip_suffix('/').unwrap_or(path)
    }
}

/// The shortest path that means the same, without looking at any file; `.` for nothing.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            ("..", None) if rooted => {}
            (part, _) => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

/// The last element of a path.
pub(super) fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        path => path.rsplit_once('/').map_or(path, |(_, base)| base),
    }
}

/// Everything but the last element of a path.
pub(super) fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |end| &path[..=end]))
}

/// Two paths, one below the other; an empty one is left out.
pub(super) fn join(path: &str, below: &str) -> String {
    match (path, below) {
        ("", "") => String::new(),
        ("", only) | (only, "") => clean(only),
        (path, below) => clean(&format!("{path}/{below}")),
    }
}

/// What names of an archive of a path begin with: `tar` drops the root and leading `../`.
pub(super) fn archive_prefix(path: &str) -> String {
    let path = path.trim_start_matches(['/', '\\']);
    without_shortcuts(&clean(path)).to_owned()
}

/// A path without leading `../`.
fn without_shortcuts(path: &str) -> &str {
    let path = path.trim_start_matches("../");
    match path {
        "." | ".." => "",
        path => path.strip_prefix('/').unwrap_or(path),
    }
}

/// Where a file of an archive goes: below the destination, by its name without the prefix.
pub(super) fn destination(dest: &str, name: &str) -> String {
    join(dest, &remote(name))
}

/// Whether a path stays below another.
pub(super) fn is_within(base: &str, path: &str) -> bool {
    let (base, path) = (clean(base), clean(path));
    if base.starts_with('/') != path.starts_with('/') {
        return false;
    }
    let parts = |path: &str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.map(str::to_owned).collect()
    };
    parts(&path)
        .strip_prefix(parts(&base).as_slice())
        .is_some_and(|below| below.first().is_none_or(|part| part != ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs() {
        let spec = |namespace: &str, pod: &str, path: &str| {
            Ok(FileSpec {
                namespace: namespace.to_owned(),
                pod: pod.to_owned(),
                path: path.to_owned(),
            })
        };
        let malformed = Err("filespec must match the canonical format: [[namespace/]pod:]file/path".to_owned());
        for (word, expected) in [
            ("/tmp/foo/", spec("", "", "/tmp/foo")),
            ("pod:/tmp/foo", spec("", "pod", "/tmp/foo")),
            ("ns/pod:a:b", spec("ns", "pod", "a:b")),
            (r"pod:tmp\foo", spec("", "pod", "tmp/foo")),
            ("pod:/", spec("", "pod", "/")),
            ("pod:", spec("", "pod", "")),
            (":/tmp", malformed.clone()),
            ("a/b/c:/tmp", malformed),
        ] {
            let found = FileSpec::parse(word).map_err(|error| error.to_string());
            assert_eq!(found, expected, "{word}");
        }
    }

    #[test]
    fn paths_are_gos() {
        for (path, cleaned, parent, last) in [
            ("", ".", ".", "."),
            ("/", "/", "/", "/"),
            ("a", "a", ".", "a"),
            ("/a/b", "/a/b", "/a", "b"),
            ("a//b/./c/..", "a/b", "a/b/c", ".."),
            ("../../a", "../../a", "../..", "a"),
            ("/../a", "/a", "/", "a"),
            ("a/..", ".", "a", ".."),
        ] {
            assert_eq!(
                (clean(path).as_str(), dir(path).as_str(), base(path)),
                (cleaned, parent, last),
                "{path}"
            );
        }
    }

    #[test]
    fn prefixes_are_what_tar_leaves() {
        for (path, expected) in [
            ("/tmp/foo", "tmp/foo"),
            ("../../foo", "foo"),
            ("/../foo", "foo"),
            (".", ""),
            ("..", ""),
            ("/", ""),
            ("./a/../b", "b"),
        ] {
            assert_eq!(archive_prefix(path), expected, "{path}");
        }
    }

    #[test]
    fn nothing_leaves_the_destination() {
        for (dest, name, path, within) in [
            ("/tmp/d", "/a/b", "/tmp/d/a/b", true),
            ("/tmp/d", "", "/tmp/d", true),
            ("/tmp/d", "/../d/x", "/tmp/d/x", true),
            ("/tmp/d", "/../x", "/tmp/x", false),
            ("/tmp/d", r"/..\..\x", "/x", false),
            ("/tmp/d", "/../dx", "/tmp/dx", false),
            (".", "a", "a", true),
            (".", "../a", "../a", false),
            ("../d", "/../../a", "../../a", false),
            ("..", "/a", "../a", true),
        ] {
            let found = destination(dest, name);
            assert_eq!(found, path, "{dest} {name}");
            assert_eq!(is_within(dest, &found), within, "{dest} {name}");
        }
    }
}
