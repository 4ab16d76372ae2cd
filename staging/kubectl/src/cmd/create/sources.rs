//! `--from-file`, `--from-literal` and `--from-env-file` of config maps and secrets.

use std::io;
use std::path::Path;

use apimachinery::names::env_var_name;
use component_base::flags::{FlagSet, StringArray};
use k8s_api::primitives::quote;

use cli_runtime::{Result, io_words, message};

/// Where the data come from.
#[derive(Default)]
pub(super) struct Sources {
    files: Vec<String>,
    literals: StringArray,
    env_files: Vec<String>,
}

/// Takes a key and its value.
type Add<'a> = &'a mut dyn FnMut(&str, Vec<u8>) -> Result<()>;

impl Sources {
    /// Lends the fields, for `configmap` or `secret`.
    pub(super) fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>, what: &str, files: &'static str) {
        flags.add("from-file", &mut self.files, files);
        flags.add(
            "from-literal",
            &mut self.literals,
            format!("Specify a key and literal value to insert in {what} (i.e. mykey=somevalue)"),
        );
        flags.add(
            "from-env-file",
            &mut self.env_files,
            format!("Specify the path to a file to read lines of key=val pairs to create a {what}."),
        );
    }

    /// Refuses what does not go together.
    ///
    /// # Errors
    /// Environment files and others.
    pub(super) fn check(&self) -> Result<()> {
        let others = !self.files.is_empty() || !self.literals.is_empty();
        if others && !self.env_files.is_empty() {
            return Err(message!(
                "from-env-file cannot be combined with from-file or from-literal"
            ));
        }
        Ok(())
    }

    /// The files.
    ///
    /// # Errors
    /// One is unreadable, or its key is refused.
    pub(super) fn files(&self, add: Add<'_>) -> Result<()> {
        files(&self.files, add)
    }

    /// The literals.
    ///
    /// # Errors
    /// One is no pair, or its key is refused.
    pub(super) fn literals(&self, add: Add<'_>) -> Result<()> {
        for literal in &*self.literals {
            match literal.split_once('=') {
                Some((key, value)) if !key.is_empty() => add(key, value.into())?,
                _ => return Err(message!("invalid literal source {literal}, expected key=value")),
            }
        }
        Ok(())
    }

    /// The environment files; `what` they are, for messages.
    ///
    /// # Errors
    /// One is unreadable or malformed, or a key is refused.
    pub(super) fn env_files(&self, what: &str, add: Add<'_>) -> Result<()> {
        for file in &self.env_files {
            if kind_of(file)?.is_dir() {
                return Err(message!("env {what} file cannot be a directory"));
            }
            let text = std::fs::read(file).map_err(|error| message!("open {file}: {}", io_words(&error)))?;
            for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
                if let Some((key, value)) = env_line(line, file, number)? {
                    add(&key, value.into_bytes())?;
                }
            }
        }
        Ok(())
    }
}

/// The content of files, and of the files in folders, each under its key or its name.
///
/// # Errors
/// One is unreadable, or its key is refused.
pub(super) fn files(sources: &[String], add: Add<'_>) -> Result<()> {
    for source in sources {
        let (key, file) = file_source(source)?;
        if !kind_of(file)?.is_dir() {
            add(&key, read(file)?)?;
            continue;
        }
        if source.contains('=') {
            return Err(message!("cannot give a key name for a directory path"));
        }
        let listing = |error: io::Error| message!("error listing files in {file}: open {file}: {}", io_words(&error));
        let mut entries = std::fs::read_dir(file)
            .map_err(listing)?
            .collect::<io::Result<Vec<_>>>()
            .map_err(listing)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_type().map_err(listing)?.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                add(&name, read(&entry.path().to_string_lossy())?)?;
            }
        }
    }
    Ok(())
}

fn kind_of(file: &str) -> Result<std::fs::FileType> {
    let metadata = std::fs::metadata(file).map_err(|error| message!("error reading {file}: {}", io_words(&error)))?;
    Ok(metadata.file_type())
}

fn read(file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| message!("open {file}: {}", io_words(&error)))
}

/// Key and path of `[KEY=]PATH`.
fn file_source(source: &str) -> Result<(String, &str)> {
    let parts: Vec<&str> = source.split('=').collect();
    match parts[..] {
        [path] => {
            let name = Path::new(path).components().next_back();
            let name = name.map(|name| name.as_os_str().to_string_lossy().into_owned());
            Ok((name.unwrap_or_else(|| ".".to_owned()), path))
        }
        ["", path] => Err(message!("key name for file path {path} missing")),
        [key, ""] => Err(message!("file path for key name {key} missing")),
        [key, path] => Ok((key.to_owned(), path)),
        _ => Err(message!("key names or file paths cannot contain '='")),
    }
}

/// The pair of a line; nothing of a comment. A key alone has its value from the environment.
fn env_line(line: &[u8], file: &str, number: usize) -> Result<Option<(String, String)>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(message!(
            "env file {file} contains invalid utf8 bytes at line {}: [{}]",
            number + 1,
            line.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        ));
    };
    let text = if number == 0 {
        text.trim_start_matches('\u{feff}')
    } else {
        text
    };
    let text = text.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    let errors = env_var_name(key);
    if !errors.is_empty() {
        return Err(message!("{} is not a valid key name: {}", quote(key), errors.join(";")));
    }
    let value = value.or_else(|| std::env::var(key).ok()).unwrap_or_default();
    Ok(Some((key.to_owned(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_keys() {
        for (source, expected) in [
            ("a/b.txt", Ok(("b.txt", "a/b.txt"))),
            ("dir/", Ok(("dir", "dir/"))),
            ("k=a/b", Ok(("k", "a/b"))),
            ("=b", Err("key name for file path b missing")),
            ("k=", Err("file path for key name k missing")),
            ("a=b=c", Err("key names or file paths cannot contain '='")),
        ] {
            let found = file_source(source).map_err(|error| error.to_string());
            let expected = expected
                .map(|(key, path)| (key.to_owned(), path))
                .map_err(str::to_owned);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn lines_of_environment_files_are_pairs() {
        for (line, number, expected) in [
            (&b"A=b=c"[..], 3, Ok(Some(("A", "b=c")))),
            ("\u{feff} A=\r".as_bytes(), 0, Ok(Some(("A", "")))),
            (b"  # no", 1, Ok(None)),
            (b"", 1, Ok(None)),
            (b"NOBODY_SETS_THIS", 1, Ok(Some(("NOBODY_SETS_THIS", "")))),
            (
                b"A\xff",
                1,
                Err("env file f contains invalid utf8 bytes at line 2: [65 255]"),
            ),
        ] {
            let found = env_line(line, "f", number).map_err(|error| error.to_string());
            let expected = expected
                .map(|pair| pair.map(|(key, value)| (key.to_owned(), value.to_owned())))
                .map_err(str::to_owned);
            assert_eq!(found, expected);
        }
        let error = env_line(b"1=2", "f", 0).expect_err("refused").to_string();
        assert!(error.starts_with("\"1\" is not a valid key name: "), "{error}");
    }
}
