//! A containerd of the test's own: real sandboxes, real containers, nothing shared with the machine's.
//!
//! State, sockets, CNI network, images and cgroups lie in a [slot](slot); what the test leaves running is removed through the
//! CRI when the value is dropped (so that CNI takes its rules back), and the rest is swept away by process and mount. Works
//! without the right to lower OOM scores, on cgroup version 1 as well as 2, and without any network.

mod cgroup;
mod slot;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use image_builder::binaries::BuildOptions;
use image_builder::{catalog, write_archive};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep, timeout};

use self::slot::Slot;
use crate::api::{ImageSpec, PodSandboxFilter};
use crate::{ConnectOptions, ImageService, RemoteImageService, RemoteRuntimeService, RuntimeService};

/// The image that holds sandboxes.
pub const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10.2";
/// An image with a shell.
pub const BUSYBOX_IMAGE: &str = "docker.io/kubernox/busybox:latest";

/// The programs that are needed, and the Debian packages they come in.
const NEEDED: [(&str, &str); 4] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("ip", "iproute2"),
];

/// Where Debian puts the CNI plugins.
const CNI_PLUGINS: &str = "/usr/lib/cni";

/// How long containerd may take to be ready, and to end.
const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(10);

/// What a test wants of its containerd.
#[derive(Clone, Debug)]
pub struct ContainerdOptions {
    /// Images of the catalog to import.
    pub images: Vec<String>,
    /// Further runtime handlers, all of them runc.
    pub handlers: Vec<String>,
}

impl Default for ContainerdOptions {
    fn default() -> Self {
        Self {
            images: vec![PAUSE_IMAGE.to_owned(), BUSYBOX_IMAGE.to_owned()],
            handlers: Vec::new(),
        }
    }
}

/// A running containerd.
pub struct Containerd {
    slot: Slot,
    process: Option<Child>,
}

impl Containerd {
    /// Starts one with the default options and waits until it is ready.
    ///
    /// # Errors
    /// If a program is missing (with the package to install), or if containerd does not become ready (with its log).
    pub async fn start() -> Result<Self> {
        Self::start_with(&ContainerdOptions::default()).await
    }

    /// Starts one and waits until it is ready, images included.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(options: &ContainerdOptions) -> Result<Self> {
        check_installed()?;
        let slot = Slot::claim()?;
        for directory in ["root", "state", "cni", "ipam", "runc", "opt", "logs"] {
            fs::create_dir_all(slot.directory().join(directory))?;
        }
        share_mounts(slot.directory())?;
        fs::write(slot.directory().join("config.toml"), config(&slot, options))?;
        fs::write(slot.directory().join("cni/10-test.conflist"), network(&slot))?;
        let mut containerd = Self { slot, process: None };
        containerd.spawn().await?;
        containerd.import(&options.images).await?;
        Ok(containerd)
    }

    /// The CRI endpoint.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.path("containerd.sock").display())
    }

    /// The directory that is this containerd's alone; mounts below it reach its containers. Removed with it.
    pub fn directory(&self) -> &Path {
        self.slot.directory()
    }

    /// A directory for container logs.
    pub fn log_directory(&self) -> PathBuf {
        self.path("logs")
    }

    /// The addresses that pods get.
    pub fn pod_cidr(&self) -> String {
        self.slot.pod_cidr()
    }

    /// The cgroup to make pods in; removed with the containerd.
    pub fn cgroup_parent(&self) -> String {
        format!("/{}/pods", self.slot.cgroup())
    }

    /// The process id.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// A client of the runtime service.
    ///
    /// # Errors
    /// If containerd does not answer.
    pub async fn runtime(&self) -> Result<Arc<dyn RuntimeService>> {
        Ok(Arc::new(
            RemoteRuntimeService::connect(&self.endpoint(), &ConnectOptions::default()).await?,
        ))
    }

    /// A client of the image service.
    ///
    /// # Errors
    /// If containerd does not answer.
    pub async fn images(&self) -> Result<Arc<dyn ImageService>> {
        Ok(Arc::new(
            RemoteImageService::connect(&self.endpoint(), &ConnectOptions::default()).await?,
        ))
    }

    /// Kills the daemon as a crash would; containers run on.
    ///
    /// # Errors
    /// If the process cannot be waited for.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Starts the daemon again on the same state, after [`crash`](Self::crash).
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.crash()?;
        self.spawn().await
    }

    /// Imports images of the catalog, building what they hold.
    ///
    /// # Errors
    /// If an image cannot be built or imported.
    pub async fn import(&self, names: &[String]) -> Result<()> {
        let picked = catalog::select(catalog::definitions()?, names)?;
        let archive = self.path("images.tar");
        let target = archive.clone();
        tokio::task::spawn_blocking(move || -> Result<()> {
            let mut options = BuildOptions::default();
            options.target_dir = Some(options.workspace.join("target/static"));
            let images = picked
                .iter()
                .map(|image| image.build(&options))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(write_archive(&images, File::create(&target)?)?)
        })
        .await??;
        self.import_archive(&archive).await?;
        let images = self.images().await?;
        for name in names {
            // The CRI learns of an import by an event.
            let spec = ImageSpec {
                image: name.clone(),
                ..Default::default()
            };
            let end = Instant::now() + READY_WITHIN;
            while images.image_status(&spec, false).await?.image.is_none() {
                if Instant::now() > end {
                    bail!("the runtime does not see {name} after its import");
                }
                sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(())
    }

    /// Imports an archive of images into the namespace of Kubernetes.
    ///
    /// # Errors
    /// If containerd refuses it.
    pub async fn import_archive(&self, archive: &Path) -> Result<()> {
        let output = tokio::process::Command::new("ctr")
            .arg("--address")
            .arg(self.path("containerd.sock"))
            .args(["--namespace", "k8s.io", "images", "import"])
            .arg(archive)
            .output()
            .await
            .context("run ctr")?;
        if !output.status.success() {
            bail!(
                "import {}: {}",
                archive.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.slot.directory().join(name)
    }

    /// Starts the daemon in its cgroup and waits until both conditions hold.
    async fn spawn(&mut self) -> Result<()> {
        let procs = cgroup::create(&format!("{}/daemon", self.slot.cgroup()))?;
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("containerd.log"))?;
        let process = Command::new("sh")
            .args(["-c", r#"echo $$ >"$0" && exec containerd --config "$1""#])
            .arg(procs)
            .arg(self.path("config.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start containerd")?;
        let process = self.process.insert(process);
        let end = Instant::now() + READY_WITHIN;
        loop {
            let failure = match ready(&format!(
                "unix://{}",
                self.slot.directory().join("containerd.sock").display()
            ))
            .await
            {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let ended = process.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(self.slot.directory().join("containerd.log")).unwrap_or_default();
                let tail: Vec<_> = log.lines().rev().take(20).collect();
                bail!(
                    "containerd is not ready ({failure:#}, ended: {ended:?}); its log, last line first:\n{}",
                    tail.join("\n")
                );
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Removes all pods and ends the daemon.
    fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let endpoint = self.endpoint();
        // A drop may happen inside a runtime, where nothing can be waited for; a thread of its own can.
        let removal = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { timeout(END_WITHIN * 3, remove_pods(&endpoint)).await? })
        });
        let removed = removal.join().unwrap_or_else(|_| bail!("the removal of pods panicked"));
        let pid = Pid::from_raw(i32::try_from(process.id())?);
        let _gone = kill(pid, Signal::SIGTERM);
        let end = std::time::Instant::now() + END_WITHIN;
        while process.try_wait()?.is_none() {
            if std::time::Instant::now() > end {
                process.kill()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        removed
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "containerd did not end cleanly; its slot is swept");
        }
    }
}

/// Removes every sandbox, with the containers in it.
async fn remove_pods(endpoint: &str) -> Result<()> {
    let runtime = RemoteRuntimeService::connect(endpoint, &ConnectOptions::default()).await?;
    for sandbox in runtime.list_pod_sandboxes(None::<PodSandboxFilter>).await? {
        runtime.stop_pod_sandbox(&sandbox.id).await?;
        runtime.remove_pod_sandbox(&sandbox.id).await?;
    }
    Ok(())
}

/// Succeeds when the runtime and its network are ready.
async fn ready(endpoint: &str) -> Result<()> {
    let runtime = RemoteRuntimeService::connect(endpoint, &ConnectOptions::default()).await?;
    let status = runtime.status(false).await?.status.unwrap_or_default();
    match status.conditions.iter().find(|condition| !condition.status) {
        Some(condition) => bail!("{}: {} {}", condition.r#type, condition.reason, condition.message),
        None => Ok(()),
    }
}

/// Says what to install if a program or plugin is missing.
fn check_installed() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for (program, package) in NEEDED {
        if !std::env::split_paths(&path).any(|directory| directory.join(program).is_file()) {
            bail!("{program} is not installed: apt-get install {package}");
        }
    }
    for plugin in ["bridge", "host-local", "portmap", "loopback"] {
        if !Path::new(CNI_PLUGINS).join(plugin).is_file() {
            bail!("{CNI_PLUGINS}/{plugin} is not installed: apt-get install containernetworking-plugins");
        }
    }
    Ok(())
}

/// Makes mounts below the directory travel into containers that ask for it.
fn share_mounts(directory: &Path) -> Result<()> {
    let none: Option<&str> = None;
    mount(Some(directory), directory, none, MsFlags::MS_BIND, none)
        .context("bind the test's directory (needs root)")?;
    mount(none, directory, none, MsFlags::MS_SHARED | MsFlags::MS_REC, none).context("share the test's directory")?;
    Ok(())
}

/// The configuration. Snapshotters that cannot be used here are off, which shortens the start.
fn config(slot: &Slot, options: &ContainerdOptions) -> String {
    let directory = slot.directory().display();
    let mut text = format!(
        r#"version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{directory}/containerd.sock"
[ttrpc]
  address = "{directory}/containerd.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  disable_apparmor = true
  # A process without CAP_SYS_RESOURCE may not lower any score.
  restrict_oom_score_adj = true
  # Network namespaces go with the directory.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{directory}/cni"
"#
    );
    for handler in std::iter::once("runc").chain(options.handlers.iter().map(String::as_str)) {
        text += &format!(
            r#"  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}.options]
      Root = "{directory}/runc"
      SystemdCgroup = false
"#
        );
    }
    text
}

/// The pod network: a bridge of the slot's own, addresses from its subnet.
fn network(slot: &Slot) -> String {
    let (bridge, cidr, directory) = (slot.bridge(), slot.pod_cidr(), slot.directory().display());
    format!(
        r#"{{"cniVersion": "0.4.0", "name": "test", "plugins": [
 {{"type": "bridge", "bridge": "{bridge}", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {{"type": "host-local", "dataDir": "{directory}/ipam", "ranges": [[{{"subnet": "{cidr}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
 {{"type": "portmap", "capabilities": {{"portMappings": true}}}}]}}
"#
    )
}
