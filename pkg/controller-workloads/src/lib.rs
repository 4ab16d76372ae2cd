//! The controllers that run pods: replica sets, replication controllers, deployments, stateful sets and daemon sets.
//!
//! One folder a controller; what they share is `controller::workload`. *Deliberate absence*: jobs, which end (they are
//! `controller-batch`'s), and the network's view of pods (`controller-discovery`).

mod daemonset;
mod deployment;
mod replicaset;
mod statefulset;

use controller::Descriptor;

/// The controllers of this crate.
pub const DESCRIPTORS: &[Descriptor] = &[
    daemonset::DAEMON_SET,
    deployment::DEPLOYMENT,
    replicaset::REPLICA_SET,
    statefulset::STATEFUL_SET,
    replicaset::REPLICATION_CONTROLLER,
];
