//! The cluster that the specs run on: brought up by the same script as everybody's, taken down, and looked after.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use client_go::config::Config;
use client_go::rest::Client;
use http::Method;
use serde_json::Value;
use tokio::process::Command;

use crate::spec::values_at;

/// What of the machine a cluster could leave behind, one command each; only lines that name it count.
const TRACES: [(&str, &str); 11] = [
    (
        "processes",
        "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -F \"$STATE/\"; done; true",
    ),
    (
        "mounts",
        "awk '{ print $2 }' /proc/mounts | grep -E \"^$STATE/|/kubernox\"; true",
    ),
    (
        "network namespaces",
        "ls /run/netns 2>/dev/null | grep -E '^(kubernox|cni)-'; true",
    ),
    (
        "links",
        "ip -o link | awk -F': ' '{ print $2 }' | grep -E '^(knx|veth)'; true",
    ),
    ("nftables", "nft list tables | grep -E 'kube|kubernox|cni'; true"),
    ("iptables", "iptables-save | grep -E 'KUBE|CNI|kubernox'; true"),
    (
        "routes",
        "{ ip route show table all; ip -6 route show table all; } | grep -E 'proto 117|dev (knx|veth)|10\\.(89\\.0|244|96)\\.|fd00:(89|244|96):'; true",
    ),
    (
        "files",
        "ls -d /run/kubernox-* /run/lock/kubernox-* /etc/cni/net.d/*kubernox* /var/log/pods/* /var/lib/kubelet/* 2>/dev/null; true",
    ),
    (
        "directories",
        "source hack/lib/teardown.sh; ls -d \"${DIRECTORIES[@]}\" 2>/dev/null; true",
    ),
    (
        "kernel settings",
        "source hack/lib/teardown.sh; sysctl -e \"${SYSCTLS[@]}\"; true",
    ),
    (
        "cgroups",
        "find /sys/fs/cgroup -maxdepth 2 -type d -name 'kubernox-*'; true",
    ),
];

/// What the cluster whose files lie in that directory was started with, an option a line.
///
/// # Errors
/// There is none.
pub(crate) fn options(state: &Path) -> Result<String> {
    std::fs::read_to_string(state.join("options")).with_context(|| format!("no cluster in {}", state.display()))
}

/// A running cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// Where its files are.
    pub(crate) state: PathBuf,
    /// Where its programs are.
    pub(crate) programs: PathBuf,
    /// A directory with the kubectl to try.
    pub(crate) kubectl: Option<PathBuf>,
    /// The administrator's client.
    pub(crate) client: Client,
}

impl Cluster {
    /// The cluster whose files lie in that directory.
    ///
    /// # Errors
    /// Its kubeconfig cannot be read.
    pub(crate) fn open(state: &Path) -> Result<Self> {
        let mut config = Config::from_flags(Some(&state.join("admin.kubeconfig")), "")
            .with_context(|| format!("no cluster in {}", state.display()))?;
        // Polling specs are no tenants to be fair to.
        config.qps = -1.0;
        let programs = std::fs::read_to_string(state.join("bin")).context("where the cluster's programs are")?;
        Ok(Self {
            state: state.to_owned(),
            programs: programs.trim().into(),
            kubectl: None,
            client: Client::new(&config)?,
        })
    }

    /// Starts one with the script of the repository.
    ///
    /// # Errors
    /// There is one in that directory already, or the script fails.
    pub(crate) async fn up(repository: &Path, state: &Path, options: &[String]) -> Result<Self> {
        ensure!(
            !state.exists(),
            "{} exists: take that cluster down first",
            state.display()
        );
        script(repository, state, options).await?;
        Self::open(state)
    }

    /// What keeps pods away from the nodes, a line each: conditions as the kubelet reports them, and taints that no spec has
    /// set. Empty where all is well.
    ///
    /// # Errors
    /// The nodes cannot be read.
    pub(crate) async fn troubles(&self) -> Result<Vec<String>> {
        let response = self.client.request(Method::GET, "/api/v1/nodes").send().await?;
        let nodes: Value = serde_json::from_slice(&response.body).context("the nodes")?;
        let nodes = values_at(&nodes, "/items/*").into_iter();
        // A spec's own node may be in whatever trouble the spec has made.
        let common = nodes.filter(|node| node["metadata"]["labels"]["e2e"].is_null());
        Ok(common.flat_map(|node| troubles_of(&node)).collect())
    }
}

fn troubles_of(node: &Value) -> Vec<String> {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let name = text(&node["metadata"], "name");
    let mut troubles = Vec::new();
    for condition in values_at(node, "/status/conditions/*") {
        let wanted = if condition["type"] == "Ready" { "True" } else { "False" };
        if condition["status"] != wanted {
            let [kind, status, message] = ["type", "status", "message"].map(|field| text(&condition, field));
            troubles.push(format!("node {name}: {kind} is {status}: {message}"));
        }
    }
    for taint in values_at(node, "/spec/taints/*") {
        let key = text(&taint, "key");
        if key.starts_with("node.kubernetes.io/") && key != "node.kubernetes.io/unschedulable" {
            troubles.push(format!("node {name}: taint {key}:{}", text(&taint, "effect")));
        }
    }
    troubles
}

async fn script(repository: &Path, state: &Path, options: &[String]) -> Result<()> {
    let status = Command::new(repository.join("hack/local-up-cluster.sh"))
        .args(options)
        .arg("--state")
        .arg(state)
        .status()
        .await
        .context("run hack/local-up-cluster.sh")?;
    ensure!(
        status.success(),
        "hack/local-up-cluster.sh {}: {status}",
        options.join(" ")
    );
    Ok(())
}

/// What is on the machine of the kinds that a cluster makes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Traces(BTreeSet<String>);

impl Traces {
    /// Looks.
    ///
    /// # Errors
    /// A command cannot be run.
    pub(crate) async fn of_machine(repository: &Path, state: &Path) -> Result<Self> {
        let mut found = BTreeSet::new();
        for (kind, command) in TRACES {
            let output = Command::new("bash")
                .args(["-c", command])
                .env("STATE", state)
                .current_dir(repository)
                .stderr(Stdio::null())
                .output()
                .await
                .with_context(|| format!("look for {kind}"))?;
            // The look itself names the directory.
            let lines = String::from_utf8_lossy(&output.stdout).into_owned();
            found.extend(
                lines
                    .lines()
                    .filter(|line| !line.contains("--down"))
                    .map(|line| format!("{kind}: {line}")),
            );
        }
        Ok(Self(found))
    }
}

/// Takes the cluster down and sees that it has left nothing that was not there before.
///
/// # Errors
/// The script fails, or something is left.
pub(crate) async fn down(repository: &Path, state: &Path, before: &Traces) -> Result<()> {
    script(repository, state, &["--down".to_owned()]).await?;
    let after = Traces::of_machine(repository, state).await?;
    let left: Vec<_> = after
        .0
        .difference(&before.0)
        .filter(|line| !line.contains("/e2e "))
        .cloned()
        .collect();
    if !left.is_empty() || state.exists() {
        bail!("--down has left behind:\n  {}", left.join("\n  "));
    }
    Ok(())
}
