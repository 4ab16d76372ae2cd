//! Archives of local files, and what is taken out of those of a container.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt as _;

use cli_runtime::{Output, Result, message};
use k8s_api::primitives::quote;
use tar::{Archive, Builder, Header};

use super::path::{base, clean, destination, dir, is_within, join};

/// Writes a file, or a folder and what is in it, as an archive that has it under the destination's own name.
///
/// # Errors
/// A file cannot be read, or has no place in an archive; or nobody reads the archive any more.
pub(super) fn pack(source: &str, dest: &str, out: impl Write) -> io::Result<()> {
    let mut archive = Builder::new(out);
    add(&mut archive, &clean(source), base(&clean(dest)))?;
    archive.into_inner()?.flush()
}

fn add(archive: &mut Builder<impl Write>, path: &str, name: &str) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let mut header = Header::new_gnu();
    header.set_metadata(&metadata);
    if kind.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        if entries.is_empty() {
            header.set_size(0);
            return archive.append_data(&mut header, name, io::empty());
        }
        for entry in entries {
            let own = entry.file_name();
            let Some(own) = own.to_str() else {
                return Err(io::Error::other(format!(
                    "the name of {} is not UTF-8",
                    entry.path().display()
                )));
            };
            add(archive, &format!("{path}/{own}"), &format!("{name}/{own}"))?;
        }
        return Ok(());
    }
    if kind.is_symlink() {
        header.set_size(0);
        return archive.append_link(&mut header, name, fs::read_link(path)?);
    }
    if kind.is_socket() {
        return Err(io::Error::other("archive/tar: sockets not supported"));
    }
    if !kind.is_file() {
        header.set_size(0);
        return archive.append_data(&mut header, name, io::empty());
    }
    let mut content = File::open(path)?.take(metadata.len());
    archive.append_data(&mut header, name, &mut content)?;
    if content.limit() > 0 {
        return Err(io::Error::other(format!("{path} became shorter while it was copied")));
    }
    Ok(())
}

/// What is told about links, which are not followed.
#[derive(Clone, Debug)]
pub(super) struct Advice {
    pub(super) command: String,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) source: String,
}

/// Takes the files of an archive, whose names begin with the prefix, to the destination. Links are left out, and so is
/// whatever would go elsewhere.
///
/// # Errors
/// The archive is broken, or has other names; a file cannot be written.
pub(super) fn unpack(archive: impl Read, prefix: &str, dest: &str, advice: &Advice, warnings: &Output) -> Result<()> {
    let mut archive = Archive::new(archive);
    let mut advised = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = text(&entry.path_bytes())?;
        let Some(below) = name.strip_prefix(prefix) else {
            return Err(message!("tar contents corrupted"));
        };
        let path = destination(dest, below);
        if !is_within(dest, &path) {
            warnings.print(format!(
                "warning: file {} is outside target destination, skipping\n",
                quote(&path)
            ))?;
            continue;
        }
        fs::create_dir_all(dir(&path))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || name.ends_with('/') {
            fs::create_dir_all(&path)?;
            continue;
        }
        if kind.is_symlink() {
            let target = entry.link_name_bytes().unwrap_or_default();
            let link = format!("{} -> {}", quote(&path), quote(&String::from_utf8_lossy(&target)));
            let more = if std::mem::replace(&mut advised, true) {
                String::new()
            } else {
                format!(
                    " (consider using \"{} exec -n {} {} -- tar cf - {} | tar xf -\")",
                    advice.command,
                    quote(&advice.namespace),
                    quote(&advice.pod),
                    quote(&advice.source)
                )
            };
            warnings.print(format!("warning: skipping symlink: {link}{more}\n"))?;
            continue;
        }
        io::copy(&mut entry, &mut File::create(&path)?)?;
    }
    Ok(())
}

fn text(name: &[u8]) -> Result<String> {
    String::from_utf8(name.to_vec()).map_err(|_| message!("the name of a file in the container is not UTF-8"))
}

/// The local source of a copy.
///
/// # Errors
/// There is none.
pub(super) fn require_source(path: &str) -> Result<()> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(_) => Err(message!("{path} doesn't exist in local filesystem")),
    }
}

/// Where a copy goes if the destination is a folder.
pub(super) fn into_folder(dest: &str, source: &str) -> String {
    join(dest, base(source))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use cli_runtime::IoStreams;

    use super::*;

    fn advice() -> Advice {
        Advice {
            command: "kubectl".to_owned(),
            namespace: "ns".to_owned(),
            pod: "web".to_owned(),
            source: "/src".to_owned(),
        }
    }

    #[test]
    fn folders_there_and_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("src");
        fs::create_dir_all(source.join("empty")).expect("a folder");
        fs::create_dir_all(source.join("deep/er")).expect("a folder");
        fs::write(source.join("deep/er/file"), "content").expect("a file");
        symlink("/etc/passwd", source.join("link")).expect("a link");
        let mut archive = Vec::new();
        pack(source.to_str().expect("UTF-8"), "/tmp/dst", &mut archive).expect("an archive");

        let streams = IoStreams::memory(b"");
        let dest = folder.path().join("out");
        let dest = dest.to_str().expect("UTF-8");
        unpack(archive.as_slice(), "dst", dest, &advice(), &streams.err).expect("unpacked");
        let read = fs::read_to_string(format!("{dest}/deep/er/file")).expect("the file");
        assert_eq!(read, "content");
        assert!(fs::metadata(format!("{dest}/empty")).expect("the folder").is_dir());
        assert!(fs::symlink_metadata(format!("{dest}/link")).is_err());
        assert_eq!(
            streams.err.take(),
            format!(
                "warning: skipping symlink: \"{dest}/link\" -> \"/etc/passwd\" (consider using \"kubectl exec -n \"ns\" \"web\" -- tar cf - \"/src\" | tar xf -\")\n"
            )
        );
    }

    #[test]
    fn names_that_lead_elsewhere() {
        for (name, error, warned) in [
            ("src/../evil", None, true),
            ("evil", Some("tar contents corrupted"), false),
            ("src/fine", None, false),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let dest = format!("{}/d", folder.path().display());
            let mut header = Header::new_gnu();
            // The crate itself would not write such a name.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(1);
            header.set_mode(0o644);
            header.set_cksum();
            let mut builder = Builder::new(Vec::new());
            builder.append(&header, &b"x"[..]).expect("an entry");
            let archive = builder.into_inner().expect("an archive");
            let streams = IoStreams::memory(b"");
            let outcome = unpack(archive.as_slice(), "src", &dest, &advice(), &streams.err);
            assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), error, "{name}");
            let told = format!(
                "warning: file \"{}/evil\" is outside target destination, skipping\n",
                folder.path().display()
            );
            assert_eq!(streams.err.take(), if warned { told } else { String::new() }, "{name}");
            assert!(!folder.path().join("evil").exists(), "{name}");
        }
    }
}
