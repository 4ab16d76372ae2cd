//! One layer: files, links and directories, packed in the order of their paths.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use crate::error::{Error, Result};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory,
    File(Vec<u8>),
    Symlink(String),
}

/// The contents of a layer, before they are packed. Parents of an entry come along by themselves.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    entries: BTreeMap<String, (u32, Entry)>,
    /// Directories that were added only as parents; an explicit one may still replace them.
    implied: std::collections::BTreeSet<String>,
}

impl Layer {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// [`Error::Duplicate`] if the path is taken.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<&mut Self> {
        self.add(path, mode, Entry::Directory)
    }

    /// Adds a file with the given content.
    ///
    /// # Errors
    /// [`Error::Duplicate`] if the path is taken.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Result<&mut Self> {
        self.add(path, mode, Entry::File(content.into()))
    }

    /// Adds a copy of a file of this machine.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Duplicate`] if the path is taken.
    pub fn copy(&mut self, path: &str, mode: u32, source: &Path) -> Result<&mut Self> {
        let content = std::fs::read(source).map_err(|source_error| Error::File {
            action: "read",
            path: source.to_owned(),
            source: source_error,
        })?;
        self.file(path, mode, content)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// [`Error::Duplicate`] if the path is taken.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<&mut Self> {
        self.add(path, 0o777, Entry::Symlink(target.to_owned()))
    }

    fn add(&mut self, path: &str, mode: u32, entry: Entry) -> Result<&mut Self> {
        let path = path.trim_matches('/');
        let mut parent = path;
        while let Some((above, _)) = parent.rsplit_once('/') {
            if let Slot::Vacant(slot) = self.entries.entry(above.to_owned()) {
                slot.insert((0o755, Entry::Directory));
                self.implied.insert(above.to_owned());
            }
            parent = above;
        }
        let replaces = self.implied.remove(path) && entry == Entry::Directory;
        if self.entries.contains_key(path) && !replaces {
            return Err(Error::Duplicate(format!("/{path}")));
        }
        self.entries.insert(path.to_owned(), (mode, entry));
        Ok(self)
    }

    /// Packs the layer as an uncompressed tar.
    ///
    /// # Errors
    /// [`Error::Pack`] if the format cannot hold an entry.
    pub fn pack(&self) -> Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        for (path, (mode, entry)) in &self.entries {
            append(&mut builder, path, *mode, entry).map_err(|source| Error::Pack {
                path: format!("/{path}"),
                source,
            })?;
        }
        builder.into_inner().map_err(|source| Error::Pack {
            path: "/".to_owned(),
            source,
        })
    }
}

/// A header with nothing in it that depends on when or by whom it is written.
pub(crate) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append(builder: &mut Builder<Vec<u8>>, path: &str, mode: u32, entry: &Entry) -> std::io::Result<()> {
    match entry {
        Entry::Directory => builder.append_data(
            &mut header(EntryType::Directory, mode, 0),
            format!("{path}/"),
            std::io::empty(),
        ),
        Entry::File(content) => builder.append_data(
            &mut header(EntryType::Regular, mode, content.len() as u64),
            path,
            content.as_slice(),
        ),
        Entry::Symlink(target) => builder.append_link(&mut header(EntryType::Symlink, mode, 0), path, target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_with_parents_first() {
        let mut layer = Layer::new();
        layer.file("/b/z", 0o644, "z").expect("b/z");
        layer.symlink("/a", "b/z").expect("a");
        layer
            .directory("/b", 0o700)
            .expect("an implied parent may be named later");
        let packed = layer.pack().expect("packs");
        let mut archive = tar::Archive::new(packed.as_slice());
        let seen: Vec<_> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let entry = entry.expect("entry");
                let header = entry.header();
                (
                    entry.path().expect("path").display().to_string(),
                    header.mode().expect("mode"),
                    header.mtime().expect("mtime"),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("a".into(), 0o777, 0),
                ("b/".into(), 0o700, 0),
                ("b/z".to_owned(), 0o644, 0)
            ]
        );
    }

    #[test]
    fn a_path_stands_once() {
        let mut layer = Layer::new();
        layer.file("/a/b", 0o644, "1").expect("first");
        assert!(matches!(layer.file("a/b", 0o644, "2"), Err(Error::Duplicate(path)) if path == "/a/b"));
        assert!(matches!(layer.file("/a", 0o644, "2"), Err(Error::Duplicate(path)) if path == "/a"));
    }
}
