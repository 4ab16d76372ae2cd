//! The cgroup of all pods and those of their QoS classes.

use std::sync::Arc;

use kubelet_cgroup::{Driver, Hierarchy, Limits, PodCgroupTree};
use kubelet_config::KubeletConfiguration;
use kubelet_node::{Machine, Reservations};
use kubelet_types::resources::milli_cpu_to_shares;

use super::RunError;

/// Makes the tree, and limits all pods together to what is not reserved if that is to be enforced.
pub(super) fn set_up(
    configuration: &KubeletConfiguration,
    machine: &Machine,
    reservations: &Reservations,
) -> Result<Arc<PodCgroupTree>, RunError> {
    let hierarchy = Hierarchy::detect()?;
    let root = &configuration.cgroup_root;
    let driver = if configuration.cgroup_driver == "systemd" {
        Driver::Systemd
    } else {
        Driver::Cgroupfs
    };
    let tree = PodCgroupTree::new(hierarchy, root).with_driver(driver);
    let mut mounts = tree.hierarchy().mounts().into_iter();
    let missing = mounts.find(|mount| !mount.join(tree.root_path()).is_dir());
    if let Some(mount) = missing {
        return Err(RunError::Refused(format!(
            "invalid configuration: cgroup-root {root:?} doesn't exist: {} has no such cgroup",
            mount.display()
        )));
    }
    let enforced = configuration
        .enforce_node_allocatable
        .iter()
        .any(|level| level == "pods");
    let limits = if enforced {
        pod_limits(machine, reservations)
    } else {
        Limits::default()
    };
    tree.set_up(&limits)?;
    Ok(Arc::new(tree))
}

/// What all pods together may have: eviction begins before that, so that its thresholds are not taken off.
fn pod_limits(machine: &Machine, reservations: &Reservations) -> Limits {
    let reserved = |name: &str| {
        let of = |map: &std::collections::BTreeMap<String, k8s_api::primitives::Quantity>| map.get(name).cloned();
        (of(&reservations.system), of(&reservations.kube))
    };
    let left = |total: i64, name: &str, value: fn(&k8s_api::primitives::Quantity) -> i64| {
        let (system, kube) = reserved(name);
        let taken = [system, kube].iter().flatten().map(value).sum::<i64>();
        (total - taken).max(0)
    };
    let (system, kube) = reserved("pid");
    let pids = (system.is_some() || kube.is_some()).then(|| {
        let most = std::fs::read_to_string("/proc/sys/kernel/pid_max");
        let most = most.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(32768);
        left(most, "pid", k8s_api::primitives::Quantity::value)
    });
    Limits {
        shares: Some(milli_cpu_to_shares(left(
            machine.cores * 1000,
            "cpu",
            k8s_api::primitives::Quantity::milli_value,
        ))),
        memory: Some(left(machine.memory, "memory", k8s_api::primitives::Quantity::value)),
        pids,
        ..Default::default()
    }
}
