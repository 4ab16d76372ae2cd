//! The cluster that is measured, started and taken down by the same script as everybody's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use client_go::Client;
use client_go::config::Config;
use cri_client::{ConnectOptions, RemoteRuntimeService};
use tokio::process::Command;

use crate::{Arguments, Failure};

/// Where a cluster is kept, and what it is started with.
pub(crate) struct Cluster {
    script: PathBuf,
    state: PathBuf,
    options: Vec<String>,
}

impl Cluster {
    /// Nothing is started yet.
    ///
    /// # Errors
    /// There is one already, or the repository is not there.
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        if arguments.state.exists() {
            return Err(Failure::Exists(arguments.state.clone()));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hack/local-up-cluster.sh");
        let script = script
            .canonicalize()
            .map_err(|error| Failure::Io(script.display().to_string(), error))?;
        // What is made outlives the cluster, so that the second start has nothing to make.
        let images = arguments
            .images
            .clone()
            .map_or_else(|| make_images(&arguments.bin), Ok)?;
        let text = |path: &Path| path.display().to_string();
        let options = [
            "--nodes".to_owned(),
            "2".to_owned(),
            "--bin".to_owned(),
            text(&arguments.bin),
        ];
        Ok(Self {
            script,
            state: arguments.state.clone(),
            options: options
                .into_iter()
                .chain(["--images".to_owned(), text(&images)])
                .collect(),
        })
    }

    /// Starts it, and says how long that took.
    ///
    /// # Errors
    /// The script fails; what it says is on standard error.
    pub(crate) async fn up(&self) -> Result<Duration, Failure> {
        self.run(&self.options).await
    }

    /// Takes it down, and says how long that took.
    ///
    /// # Errors
    /// The script fails.
    pub(crate) async fn down(&self) -> Result<Duration, Failure> {
        self.run(&["--down".to_owned()]).await
    }

    async fn run(&self, options: &[String]) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let status = Command::new(&self.script)
            .args(options)
            .arg("--state")
            .arg(&self.state)
            .stdout(Stdio::null())
            .status()
            .await
            .map_err(|error| Failure::Io(self.script.display().to_string(), error))?;
        if status.success() {
            Ok(begun.elapsed())
        } else {
            let arguments = options.join(" ");
            Err(Failure::Script { arguments, status })
        }
    }

    /// The administrator's client, without a rate limit.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let config = Config {
            qps: -1.0,
            ..Config::from_flags(Some(&self.state.join("admin.kubeconfig")), "")?
        };
        Ok(Client::new(&config)?)
    }

    /// The container runtime of the first node.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) async fn runtime(&self) -> Result<RemoteRuntimeService, Failure> {
        let socket = self.of_first_node("containerd-run/containerd.sock");
        let endpoint = format!("unix://{}", socket.display());
        Ok(RemoteRuntimeService::connect(&endpoint, &ConnectOptions::default()).await?)
    }

    /// A file or directory of the first node.
    pub(crate) fn of_first_node(&self, name: &str) -> PathBuf {
        self.state.join("node-1").join(name)
    }

    /// The names and processes of all daemons.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn daemons(&self) -> Result<Vec<(String, u32)>, Failure> {
        let directory = self.state.join("pids");
        let failed = |error| Failure::Io(directory.display().to_string(), error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let text = fs::read_to_string(entry.path()).map_err(failed)?;
            let pid = text.split_whitespace().next().and_then(|word| word.parse().ok());
            let name = entry.file_name().to_string_lossy().into_owned();
            found.extend(pid.map(|pid| (name, pid)));
        }
        found.sort();
        Ok(found)
    }
}

/// The archive of images beside the programs, made unless it is there.
fn make_images(bin: &Path) -> Result<PathBuf, Failure> {
    let images = bin.join("perf-images.tar");
    if images.exists() {
        return Ok(images);
    }
    let builder = bin.join("image-builder");
    let status = std::process::Command::new(&builder)
        .arg("--output")
        .arg(&images)
        .args(["registry.k8s.io/pause:3.10.2", crate::pods::IMAGE])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| Failure::Io(builder.display().to_string(), error))?;
    if status.success() {
        Ok(images)
    } else {
        let why = std::io::Error::other(status.to_string());
        Err(Failure::Io(builder.display().to_string(), why))
    }
}
