//! What the processes of a cluster use while nothing happens.

use std::time::Duration;

use perf::usage::{Memory, cpu_of_process, memory_of_process};

use crate::Failure;
use crate::cluster::Cluster;

/// The processes that the budget is about.
const SIX: [&str; 5] = [
    // With its store in it.
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet-1",
    "kube-proxy-1",
];

/// What one process uses.
pub(crate) struct Process {
    /// The daemon's name.
    pub(crate) name: String,
    /// At the end.
    pub(crate) memory: Memory,
    /// Of one core, over the whole time.
    pub(crate) share: f64,
}

/// What all use.
pub(crate) struct Rest {
    /// By name.
    pub(crate) processes: Vec<Process>,
}

impl Rest {
    /// The resident bytes and the share of a core of those that the budget is about.
    pub(crate) fn of_the_six(&self) -> (u64, f64) {
        let six = || {
            self.processes
                .iter()
                .filter(|process| SIX.contains(&process.name.as_str()))
        };
        (six().map(|it| it.memory.resident).sum(), six().map(|it| it.share).sum())
    }
}

/// In millions of bytes.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The daemons with the seconds that each has run.
///
/// # Errors
/// The daemons are not known.
pub(crate) fn run_times(cluster: &Cluster) -> Result<Vec<(String, f64)>, Failure> {
    let mut daemons = cluster.daemons()?;
    // What only holds a node's namespaces open.
    daemons.retain(|(name, _)| !name.starts_with("namespace-"));
    Ok(daemons
        .into_iter()
        .map(|(name, pid)| (name, cpu_of_process(pid)))
        .collect())
}

/// Looks at the beginning and at the end of that time.
///
/// # Errors
/// The daemons are not known.
pub(crate) async fn measure(cluster: &Cluster, time: Duration) -> Result<Rest, Failure> {
    let mut daemons = cluster.daemons()?;
    // What only holds a node's namespaces open.
    daemons.retain(|(name, _)| !name.starts_with("namespace-"));
    let before: Vec<_> = daemons.iter().map(|(_, pid)| cpu_of_process(*pid)).collect();
    tokio::time::sleep(time).await;
    let processes = daemons.into_iter().zip(before).map(|((name, pid), before)| Process {
        name,
        memory: memory_of_process(pid),
        share: (cpu_of_process(pid) - before) / time.as_secs_f64(),
    });
    Ok(Rest {
        processes: processes.collect(),
    })
}
