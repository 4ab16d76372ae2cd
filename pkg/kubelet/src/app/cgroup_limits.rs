//! The cgroup of all pods and those of their QoS classes.

use std::sync::Arc;

use kubelet_cgroup::{Driver, Hierarchy, Limits, PodCgroupTree};
use kubelet_config::KubeletConfiguration;
use kubelet_node::{Machine, Reservations};
use kubelet_types::resources::milli_cpu_to_shares;

use k8s_api::primitives::Quantity;

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
    enforce_reserved(configuration, &tree, reservations)?;
    Ok(Arc::new(tree))
}

/// Keeps what is not a pod within what is reserved for it, where that is to be enforced.
fn enforce_reserved(
    configuration: &KubeletConfiguration,
    tree: &PodCgroupTree,
    reservations: &Reservations,
) -> Result<(), RunError> {
    let (system, kube) = (&reservations.system, &reservations.kube);
    for (level, what, cgroup, reserved) in [
        (
            "system-reserved",
            "System",
            &configuration.system_reserved_cgroup,
            system,
        ),
        ("kube-reserved", "Kube", &configuration.kube_reserved_cgroup, kube),
    ] {
        let compressible = format!("{level}-compressible");
        let asked = |level: &str| configuration.enforce_node_allocatable.iter().any(|it| it == level);
        let (all, compressible) = (asked(level), asked(&compressible));
        if !all && !compressible {
            continue;
        }
        let of = |name: &str| reserved.get(name);
        let limits = Limits {
            shares: of("cpu").map(|cpu| milli_cpu_to_shares(cpu.milli_value())),
            memory: of("memory").filter(|_| all).map(Quantity::value),
            pids: of("pid").filter(|_| all).map(Quantity::value),
            ..Default::default()
        };
        tree.limit_existing(cgroup, &limits).map_err(|error| {
            RunError::Refused(format!(
                "Failed to enforce {what} Reserved Cgroup Limits on {cgroup:?}: {error}"
            ))
        })?;
        tracing::info!(cgroup, ?limits, "Enforcing limits on what is reserved");
    }
    Ok(())
}

/// What all pods together may have: eviction begins before that, so that its thresholds are not taken off.
fn pod_limits(machine: &Machine, reservations: &Reservations) -> Limits {
    let reserved = |name: &str| {
        let of = |map: &std::collections::BTreeMap<String, Quantity>| map.get(name).cloned();
        (of(&reservations.system), of(&reservations.kube))
    };
    let left = |total: i64, name: &str, value: fn(&Quantity) -> i64| {
        let (system, kube) = reserved(name);
        let taken = [system, kube].iter().flatten().map(value).sum::<i64>();
        (total - taken).max(0)
    };
    let (system, kube) = reserved("pid");
    let pids = (system.is_some() || kube.is_some()).then(|| {
        let most = std::fs::read_to_string("/proc/sys/kernel/pid_max");
        let most = most.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(32768);
        left(most, "pid", Quantity::value)
    });
    Limits {
        shares: Some(milli_cpu_to_shares(left(
            machine.cores * 1000,
            "cpu",
            Quantity::milli_value,
        ))),
        memory: Some(left(machine.memory, "memory", Quantity::value)),
        pids,
        ..Default::default()
    }
}
