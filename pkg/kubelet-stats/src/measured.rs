//! Every cgroup of the node with what the kernel counts of it: the figures behind `/metrics/cadvisor`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cri_client::Result;
use k8s_api::core::v1::Pod;
use kubelet_cgroup::{Figures, FoundCgroup, PodCgroupTree};
use kubelet_runtime::labels::CONTAINER_NAME;

use crate::node::NodeUsage;
use crate::provider::StatsProvider;

/// The columns of `/proc/<pid>/net/dev` for one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceFigures {
    /// Its name.
    pub name: String,
    /// Received: bytes, packets, errors, packets dropped.
    pub received: [u64; 4],
    /// Sent: the same.
    pub sent: [u64; 4],
}

/// A cgroup, whose it is, and its figures.
#[derive(Clone, Debug, Default)]
pub struct MeasuredCgroup {
    /// Its path; `/` is the whole node.
    pub id: String,
    /// What the runtime calls it; empty for what is no container.
    pub name: String,
    /// The image as the pod names it; empty for what is no container, and for sandboxes.
    pub image: String,
    /// The container's name in its pod; empty for pods and sandboxes.
    pub container: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// When it was made, in seconds since 1970.
    pub created: Option<i64>,
    /// What the kernel counts.
    pub figures: Figures,
    /// Of sandboxes that have a network of their own, and of the node.
    pub interfaces: Vec<InterfaceFigures>,
}

/// What the runtime says of a container.
struct Known {
    name: String,
    image: String,
    created: i64,
    sandbox: bool,
}

const NANOS: i64 = 1_000_000_000;

/// Interfaces without those that belong to nobody in particular.
fn interfaces(table: &str) -> Vec<InterfaceFigures> {
    let rows = table.lines().skip(2).filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let columns: Vec<u64> = rest.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let of = |from: usize| columns.get(from..from + 4)?.try_into().ok();
        Some(InterfaceFigures {
            name: name.trim().to_owned(),
            received: of(0)?,
            sent: of(8)?,
        })
    });
    let passed_over = |name: &str| ["lo", "veth", "docker"].iter().any(|prefix| name.starts_with(prefix));
    rows.filter(|it| !passed_over(&it.name)).collect()
}

/// The node as a whole: where the kernel counts nothing for the topmost cgroup, what it counts elsewhere.
fn whole_node(tree: &PodCgroupTree, usage: &NodeUsage) -> MeasuredCgroup {
    let figures = Figures {
        cpu: Some(usage.cpu_nanos),
        memory: Some(usage.memory_usage),
        working_set: Some(usage.memory_working_set),
        rss: Some(usage.memory_rss),
        memory_limit: Some(usage.memory_capacity),
        threads: Some(usage.pids),
        threads_limit: Some(usage.max_pids),
        process: None,
        processes: None,
        ..tree.figures("/")
    };
    MeasuredCgroup {
        id: "/".to_owned(),
        created: Some(usage.boot_time),
        figures,
        interfaces: interfaces(&fs::read_to_string("/proc/self/net/dev").unwrap_or_default()),
        ..MeasuredCgroup::default()
    }
}

/// The image as the pod names it; runtimes tend to know it by its digest.
fn named_image(known: &Known, pod: Option<&Pod>) -> String {
    let mut containers = pod.into_iter().flat_map(kubelet_types::container::all);
    let own = containers.find(|(_, container)| container.name == known.name);
    own.map_or_else(|| known.image.clone(), |(_, container)| container.image.clone())
}

fn measure(
    tree: &PodCgroupTree,
    found: FoundCgroup,
    pods: &HashMap<&str, &Pod>,
    known: &HashMap<String, Known>,
) -> MeasuredCgroup {
    let pod = found.pod.as_deref().and_then(|uid| pods.get(uid));
    let of_pod = |text: fn(&Pod) -> &String| pod.map(|pod| text(pod).clone()).unwrap_or_default();
    let figures = tree.figures(&found.path);
    let known = found.container.as_ref().and_then(|id| known.get(id));
    let own_network = known.is_some_and(|known| known.sandbox) && pod.is_some_and(|pod| !pod.spec.host_network);
    let process = figures.process.filter(|_| own_network);
    // The process may have ended since.
    let table = process.and_then(|id| fs::read_to_string(Path::new("/proc").join(id.to_string()).join("net/dev")).ok());
    MeasuredCgroup {
        name: known.and(found.container.clone()).unwrap_or_default(),
        image: known.map(|it| named_image(it, pod.copied())).unwrap_or_default(),
        container: known.map(|it| it.name.clone()).unwrap_or_default(),
        namespace: of_pod(|pod| &pod.metadata.namespace),
        pod: of_pod(|pod| &pod.metadata.name),
        created: known.map(|it| it.created / NANOS),
        interfaces: table.map(|table| interfaces(&table)).unwrap_or_default(),
        id: found.path,
        figures,
    }
}

impl StatsProvider {
    /// The node, and all cgroups of pods and containers.
    ///
    /// # Errors
    /// The runtime's, or that the node cannot be measured.
    pub async fn measured(&self, pods: &[Arc<Pod>]) -> Result<Vec<MeasuredCgroup>> {
        let runtime = &self.runtime().services().runtime;
        let (containers, sandboxes) =
            tokio::try_join!(runtime.list_containers(None), runtime.list_pod_sandboxes(None))?;
        let mut known = HashMap::new();
        for container in containers {
            let image = container.image.unwrap_or_default();
            let image = match image.user_specified_image.is_empty() {
                true => image.image,
                false => image.user_specified_image,
            };
            let entry = Known {
                name: container.labels.get(CONTAINER_NAME).cloned().unwrap_or_default(),
                image,
                created: container.created_at,
                sandbox: false,
            };
            known.insert(container.id, entry);
        }
        for sandbox in sandboxes {
            let entry = Known {
                name: String::new(),
                image: String::new(),
                created: sandbox.created_at,
                sandbox: true,
            };
            known.insert(sandbox.id, entry);
        }
        let usage = self
            .node_usage()
            .map_err(|error| cri_client::Error::InvalidResponse(format!("failed to get root cgroup stats: {error}")))?;
        let (tree, pods) = (self.cgroups().clone(), pods.to_vec());
        let read = move || {
            let by_uid = pods.iter().map(|pod| (pod.metadata.uid.as_str(), &**pod)).collect();
            let found = tree.found().into_iter();
            let below = found.map(|found| measure(&tree, found, &by_uid, &known));
            std::iter::once(whole_node(&tree, &usage)).chain(below).collect()
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| cri_client::Error::InvalidResponse(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_a_namespace() {
        let table = "Inter-|   Receive                                                |  Transmit\n \
                     face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n    \
                     lo:  1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 100 4 3 2 0 0 0 0 200 8 7 6 0 0 0 0\nvetha1: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n";
        let eth0 = InterfaceFigures {
            name: "eth0".to_owned(),
            received: [100, 4, 3, 2],
            sent: [200, 8, 7, 6],
        };
        assert_eq!(interfaces(table), [eth0]);
    }
}
