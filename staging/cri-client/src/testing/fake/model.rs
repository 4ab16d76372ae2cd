//! The state of the in-memory runtime.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::{Fault, Program, RecordedCall, Stream};
use crate::api::*;
use crate::error::{Code, Error, Result};

/// All that the runtime holds.
pub(super) struct State {
    pub(super) sandboxes: BTreeMap<String, Sandbox>,
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) images: BTreeMap<String, Image>,
    /// What can be pulled: size and time by name.
    pub(super) registry: BTreeMap<String, (u64, Duration)>,
    pub(super) programs: HashMap<Vec<String>, Program>,
    pub(super) conditions: BTreeMap<String, RuntimeCondition>,
    pub(super) stats: BTreeMap<String, ContainerStats>,
    pub(super) image_fs: ImageFsInfoResponse,
    pub(super) faults: HashMap<Method, VecDeque<Fault>>,
    pub(super) lasting: HashMap<Method, Fault>,
    pub(super) calls: Vec<RecordedCall>,
    pub(super) pod_cidr: String,
    next_id: u64,
}

/// A sandbox and what it was made from.
pub(super) struct Sandbox {
    pub(super) config: PodSandboxConfig,
    pub(super) status: PodSandboxStatus,
}

/// A container, what it was made from and what it does.
pub(super) struct Container {
    pub(super) sandbox: String,
    pub(super) program: Program,
    pub(super) status: ContainerStatus,
    /// Becomes true when the container has ended.
    pub(super) ended: watch::Sender<bool>,
    /// The log, open while the container runs.
    pub(super) log: Option<File>,
}

impl Default for State {
    fn default() -> Self {
        let ready = |name: &str| RuntimeCondition {
            r#type: name.to_owned(),
            status: true,
            ..Default::default()
        };
        let usage = FilesystemUsage {
            timestamp: 1,
            fs_id: Some(FilesystemIdentifier {
                mountpoint: "/var/lib/fake".to_owned(),
            }),
            used_bytes: Some(UInt64Value { value: 1 << 20 }),
            inodes_used: Some(UInt64Value { value: 64 }),
        };
        Self {
            sandboxes: BTreeMap::new(),
            containers: BTreeMap::new(),
            images: BTreeMap::new(),
            registry: BTreeMap::new(),
            programs: HashMap::new(),
            conditions: [RUNTIME_READY, NETWORK_READY]
                .map(|name| (name.to_owned(), ready(name)))
                .into(),
            stats: BTreeMap::new(),
            image_fs: ImageFsInfoResponse {
                image_filesystems: vec![usage],
                container_filesystems: Vec::new(),
            },
            faults: HashMap::new(),
            lasting: HashMap::new(),
            calls: Vec::new(),
            pod_cidr: String::new(),
            next_id: 1,
        }
    }
}

impl State {
    /// An id of the usual form: 64 hexadecimal digits.
    pub(super) fn new_id(&mut self) -> String {
        self.next_id += 1;
        format!("{:064x}", self.next_id.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// An address that no earlier sandbox had.
    pub(super) fn new_address(&self) -> String {
        format!("10.88.{}.{}", self.next_id / 250 % 250, self.next_id % 250 + 2)
    }

    pub(super) fn sandbox_mut(&mut self, id: &str) -> Result<&mut Sandbox> {
        let missing = || not_found(format!("an error occurred when try to find sandbox: {id:?}"));
        self.sandboxes.get_mut(id).ok_or_else(missing)
    }

    pub(super) fn sandbox(&self, id: &str) -> Result<&Sandbox> {
        self.sandboxes
            .get(id)
            .ok_or_else(|| not_found(format!("an error occurred when try to find sandbox: {id:?}")))
    }

    pub(super) fn container_mut(&mut self, id: &str) -> Result<&mut Container> {
        let missing = || not_found(format!("an error occurred when try to find container {id:?}"));
        self.containers.get_mut(id).ok_or_else(missing)
    }

    pub(super) fn container(&self, id: &str) -> Result<&Container> {
        let missing = || not_found(format!("an error occurred when try to find container {id:?}"));
        self.containers.get(id).ok_or_else(missing)
    }

    /// The image with this name, digest reference or id.
    pub(super) fn image(&self, name: &str) -> Option<&Image> {
        let is_it = |image: &&Image| {
            image.id == name || image.repo_tags.iter().chain(&image.repo_digests).any(|own| own == name)
        };
        self.images.values().find(is_it)
    }

    /// Adds an image and returns its id.
    pub(super) fn add_image(&mut self, name: &str, size: u64) -> String {
        if let Some(image) = self.image(name) {
            return image.id.clone();
        }
        let id = format!("sha256:{}", self.new_id());
        let repository = name.rsplit_once(':').map_or(name, |(repository, _)| repository);
        let image = Image {
            id: id.clone(),
            repo_tags: vec![name.to_owned()],
            repo_digests: vec![format!("{repository}@{id}")],
            size,
            ..Default::default()
        };
        self.images.insert(id.clone(), image);
        id
    }
}

impl Container {
    /// Opens the log at its path, as the runtime does at a start and on request.
    pub(super) fn open_log(&mut self) -> Result<()> {
        if self.status.log_path.is_empty() {
            return Ok(());
        }
        let path = Path::new(&self.status.log_path);
        let open = || -> std::io::Result<File> {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            OpenOptions::new().create(true).append(true).open(path)
        };
        let failed = |error| {
            unknown(format!(
                "failed to create container loggers: failed to open log {path:?}: {error}"
            ))
        };
        self.log = Some(open().map_err(failed)?);
        Ok(())
    }

    /// Writes a line in the CRI format.
    pub(super) fn write_log(&mut self, now: i64, stream: Stream, line: &str) {
        let Some(log) = &mut self.log else { return };
        let time = jiff::Timestamp::from_nanosecond(now.into()).unwrap_or_default();
        let stream = match stream {
            Stream::Stdout => LOG_STDOUT,
            Stream::Stderr => LOG_STDERR,
        };
        for line in line.lines() {
            // A log that cannot be written loses lines and stops no container.
            if let Err(error) = writeln!(log, "{time:.9} {stream} {LOG_TAG_FULL} {line}") {
                tracing::warn!(%error, path = self.status.log_path, "container log");
            }
        }
    }
}

/// There is no such thing.
pub(super) fn not_found(words: impl Into<String>) -> Error {
    Error::status(Code::NotFound, format!("{}: not found", words.into()))
}

/// What runtimes answer to most mistakes.
pub(super) fn unknown(words: impl Into<String>) -> Error {
    Error::status(Code::Unknown, words)
}
