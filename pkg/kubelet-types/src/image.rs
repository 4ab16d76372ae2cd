//! Names of images, as far as the kubelet has to understand them.

use std::collections::BTreeSet;

/// Why a name is none that a registry could know.
enum Flaw {
    Format,
    /// Upper case in a repository, as it reads once it is completed.
    UpperCase(String),
}

/// A name and the tag and digest behind it.
struct Reference<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

fn parse(image: &str) -> Result<Reference<'_>, Flaw> {
    let (name, digest) = image
        .split_once('@')
        .map_or((image, None), |(name, digest)| (name, Some(digest)));
    if let Some(digest) = digest {
        let hexadecimal = digest.split_once(':').is_some_and(|(kind, value)| {
            !kind.is_empty() && value.len() >= 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if !hexadecimal {
            return Err(Flaw::Format);
        }
    }
    let after_slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[after_slash..].find(':') {
        Some(at) => (&name[..after_slash + at], Some(&name[after_slash + at + 1..])),
        None => (name, None),
    };
    let tag_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if tag.is_some_and(|tag| {
        tag.is_empty() || tag.len() > 128 || !tag.bytes().all(tag_byte) || tag.starts_with(['.', '-'])
    }) {
        return Err(Flaw::Format);
    }
    let (domain, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, repository),
    };
    let domain_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'[' | b']');
    if domain.is_some_and(|domain| domain.is_empty() || !domain.bytes().all(domain_byte)) {
        return Err(Flaw::Format);
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        // A name without a path on Docker's registry is completed before it is judged.
        return Err(Flaw::UpperCase(if domain.is_none() && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        }));
    }
    let part = |part: &str| {
        let inner = part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'));
        inner && !part.is_empty() && !part.starts_with(['.', '_', '-']) && !part.ends_with(['.', '_', '-'])
    };
    if !path.split('/').all(part) {
        return Err(Flaw::Format);
    }
    Ok(Reference {
        repository,
        tag,
        digest,
    })
}

/// Puts `:latest` behind a name that has neither tag nor digest.
///
/// # Errors
/// If the name is none that a registry could know.
pub fn with_default_tag(image: &str) -> Result<String, String> {
    let found = parse(image).map_err(|flaw| {
        let why = match flaw {
            Flaw::Format => "invalid reference format".to_owned(),
            Flaw::UpperCase(completed) => {
                format!("invalid reference format: repository name ({completed}) must be lowercase")
            }
        };
        format!("couldn't parse image name {image:?}: {why}")
    })?;
    if found.digest.is_none() && found.tag.is_none() {
        return Ok(format!("{image}:latest"));
    }
    Ok(image.to_owned())
}

/// The name without its tag and digest.
///
/// # Errors
/// If the name is none that a registry could know.
pub fn without_tag(image: &str) -> Result<&str, String> {
    match parse(image) {
        Ok(found) => Ok(found.repository),
        Err(Flaw::Format) => Err("invalid reference format".to_owned()),
        Err(Flaw::UpperCase(_)) => Err("repository name must be lowercase".to_owned()),
    }
}

/// Names of images, and of registries or paths in them with `/*` at the end (`preloadedImagesVerificationAllowlist`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageList {
    names: BTreeSet<String>,
    prefixes: Vec<String>,
}

impl ImageList {
    /// From patterns.
    ///
    /// # Errors
    /// The first pattern that is none, in upstream's words.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let mut list = Self::default();
        for pattern in patterns {
            if pattern.trim() != pattern {
                return Err(format!("leading/trailing spaces are not allowed: {pattern}"));
            }
            let prefix = pattern.ends_with("/*").then(|| &pattern[..pattern.len() - 1]);
            let text = prefix.unwrap_or(pattern);
            if text.is_empty() {
                return Err(format!("the supplied pattern is too short: {pattern}"));
            }
            if text.contains('*') {
                return Err(format!(
                    "not a valid wildcard pattern, only patterns ending with '/*' are allowed: {pattern}"
                ));
            }
            if let Some(prefix) = prefix {
                if prefix == "/" {
                    return Err("at least registry hostname is required".to_owned());
                }
                list.prefixes.push(prefix.to_owned());
                continue;
            }
            let name = without_tag(text).map_err(|error| format!("failed to parse as an image name: {error}"))?;
            if name != text {
                return Err(format!(
                    "neither tag nor digest is accepted in an image reference: {pattern}"
                ));
            }
            list.names.insert(text.to_owned());
        }
        Ok(list)
    }

    /// Whether an image is named, whatever its tag.
    #[must_use]
    pub fn contains(&self, image: &str) -> bool {
        let name = without_tag(image).unwrap_or(image);
        self.names.contains(name) || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// The registry and path of an image, as credentials are looked up by them.
#[must_use]
pub fn repository(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let after_slash = name.rfind('/').map_or(0, |at| at + 1);
    let name = name[after_slash..]
        .find(':')
        .map_or(name, |at| &name[..after_slash + at]);
    match name.split_once('/') {
        Some(("docker.io", rest)) => format!("index.docker.io/{rest}"),
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_owned(),
        Some(_) => format!("index.docker.io/{name}"),
        None => format!("index.docker.io/library/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_tags() {
        let digest = format!("a.example/b:1@sha256:{}", "0".repeat(64));
        for (image, expected) in [
            ("busybox", Ok("busybox")),
            ("localhost:5000/a/b:1", Ok("localhost:5000/a/b")),
            (digest.as_str(), Ok("a.example/b")),
            ("a:", Err("invalid reference format")),
            ("A", Err("repository name must be lowercase")),
        ] {
            assert_eq!(without_tag(image), expected.map_err(str::to_owned), "{image}");
        }
    }

    #[test]
    fn lists_of_images() {
        let list = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|it| (*it).to_owned()).collect();
            ImageList::new(&patterns)
        };
        let known = list(&["busybox", "registry.example/team/*"]).expect("a list");
        for (image, contained) in [
            ("busybox:1", true),
            ("busybox2", false),
            ("docker.io/busybox", false),
            ("registry.example/team/a/b:2", true),
            ("registry.example/teams/a", false),
        ] {
            assert_eq!(known.contains(image), contained, "{image}");
        }
        for (pattern, error) in [
            (" a", "leading/trailing spaces are not allowed:  a"),
            ("", "the supplied pattern is too short: "),
            (
                "a/*/b",
                "not a valid wildcard pattern, only patterns ending with '/*' are allowed: a/*/b",
            ),
            ("/*", "at least registry hostname is required"),
            ("a//b", "failed to parse as an image name: invalid reference format"),
            ("a:1", "neither tag nor digest is accepted in an image reference: a:1"),
        ] {
            assert_eq!(list(&[pattern]), Err(error.to_owned()), "{pattern}");
        }
    }
}
