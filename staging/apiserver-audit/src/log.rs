//! Records in a file that is rotated by size (`--audit-log-*`; upstream: `plugin/pkg/audit/log`, `lumberjack`).
//!
//! A full file is renamed to `NAME-TIME.EXT`, time in UTC; old ones go by number and by age.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use parking_lot::Mutex;

use crate::{Backend, Event};

/// How a record is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of JSON.
    #[default]
    Json,
    /// A line of text.
    Legacy,
}

/// Where records go.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The file; `-` is standard output.
    pub path: PathBuf,
    /// How records are written.
    pub format: LogFormat,
    /// Largest file in bytes; zero for 100 megabytes.
    pub max_size: u64,
    /// How long old files stay; zero for ever.
    pub max_age: Duration,
    /// How many old files stay; zero for all.
    pub max_backups: usize,
    /// Whether old files are compressed.
    pub compress: bool,
}

const DEFAULT_SIZE: u64 = 100 * 1024 * 1024;
const TIME_FORMAT: &str = "%Y-%m-%dT%H-%M-%S%.3f";

enum Target {
    Stdout,
    File { file: Option<File>, size: u64 },
}

/// Writes records into a file.
pub struct LogBackend {
    settings: LogSettings,
    target: Mutex<Target>,
}

/// Opens for appending; only the server's own user may read who did what.
fn open(path: &Path) -> io::Result<(File, u64)> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn compress(path: &Path) -> io::Result<()> {
    let mut target = path.as_os_str().to_owned();
    target.push(".gz");
    let (output, _) = open(Path::new(&target))?;
    let mut encoder = GzEncoder::new(output, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::remove_file(path)
}

impl LogBackend {
    /// Opens the file, so that a wrong path is known at the start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn new(settings: LogSettings) -> io::Result<Self> {
        let target = if settings.path.as_os_str() == "-" {
            Target::Stdout
        } else {
            let (file, size) = open(&settings.path)?;
            Target::File { file: Some(file), size }
        };
        Ok(Self {
            settings,
            target: Mutex::new(target),
        })
    }

    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut target = self.target.lock();
        match &mut *target {
            Target::Stdout => io::stdout().lock().write_all(line),
            Target::File { file, size } => {
                let length = line.len() as u64;
                let limit = if self.settings.max_size == 0 {
                    DEFAULT_SIZE
                } else {
                    self.settings.max_size
                };
                if *size > 0 && *size + length > limit {
                    *file = None;
                    self.rotate()?;
                }
                if file.is_none() {
                    let (opened, existing) = open(&self.settings.path)?;
                    *file = Some(opened);
                    *size = existing;
                }
                let open = file.as_mut().expect("the file was just opened");
                open.write_all(line)?;
                *size += length;
                Ok(())
            }
        }
    }

    fn names(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let extension = text(self.settings.path.extension());
        let extension = if extension.is_empty() {
            extension
        } else {
            format!(".{extension}")
        };
        (format!("{}-", text(self.settings.path.file_stem())), extension)
    }

    fn rotate(&self) -> io::Result<()> {
        let (stem, extension) = self.names();
        let time = jiff::Timestamp::now().strftime(TIME_FORMAT).to_string();
        let backup = self.settings.path.with_file_name(format!("{stem}{time}{extension}"));
        fs::rename(&self.settings.path, &backup)?;
        if self.settings.compress {
            compress(&backup)?;
        }
        self.remove_old(&stem, &extension)
    }

    fn remove_old(&self, stem: &str, extension: &str) -> io::Result<()> {
        let Some(folder) = self.settings.path.parent() else {
            return Ok(());
        };
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let mut backups = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let plain = name.strip_suffix(".gz").unwrap_or(&name);
            if plain.starts_with(stem) && plain.ends_with(extension) && plain.len() > stem.len() + extension.len() {
                backups.push((name, entry.path(), entry.metadata()?.modified()?));
            }
        }
        // The time in the name sorts them; newest first.
        backups.sort_by(|left, right| right.0.cmp(&left.0));
        let oldest = (!self.settings.max_age.is_zero()).then(|| SystemTime::now() - self.settings.max_age);
        for (index, (_, path, modified)) in backups.iter().enumerate() {
            let surplus = self.settings.max_backups > 0 && index >= self.settings.max_backups;
            if surplus || oldest.is_some_and(|oldest| *modified < oldest) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Backend for LogBackend {
    fn process(&self, events: &[Event]) -> bool {
        let mut written = true;
        for event in events {
            let mut line = match self.settings.format {
                LogFormat::Json => event.to_json(),
                LogFormat::Legacy => event.to_legacy().into_bytes(),
            };
            line.push(b'\n');
            if let Err(error) = self.write(&line) {
                tracing::error!("Error in audit plugin 'log' affecting 1 audit events: {error}");
                written = false;
            }
        }
        written
    }
}
