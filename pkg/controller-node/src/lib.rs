//! The controllers of nodes.
//!
//! Whether nodes answer ([`lifecycle`]); pods on nodes that have taints they do not tolerate ([`taint_eviction`]); pods
//! that nobody will end any more ([`pod_gc`]); the pod networks of nodes ([`ipam`]); how long kubelets may trust what they
//! have read ([`ttl`]). Routes, load balancers and the life of machines are a cloud's, and there is none.
//!
//! Upstream counterparts: `pkg/controller/{nodelifecycle,tainteviction,podgc,nodeipam,ttl}`.

mod events;
pub mod ipam;
pub mod lifecycle;
pub mod pod_gc;
pub mod taint_eviction;
pub mod ttl;

use controller::{ControllerContext, Descriptor, ready};
use k8s_api::core::v1::Pod;

/// The controllers of this crate, for the manager's table.
pub const DESCRIPTORS: &[Descriptor] = &[
    Descriptor::new("node-lifecycle-controller", |context| {
        Box::pin(lifecycle::build(context))
    })
    .aliases(&["nodelifecycle"]),
    Descriptor::new("taint-eviction-controller", |context| {
        Box::pin(taint_eviction::build(context))
    }),
    Descriptor::new("pod-garbage-collector-controller", |context| {
        Box::pin(pod_gc::build(context))
    })
    .aliases(&["podgc"]),
    Descriptor::new("node-ipam-controller", |context| Box::pin(ipam::build(context))).aliases(&["nodeipam"]),
    Descriptor::new("ttl-controller", |context| Box::pin(ttl::build(context))).aliases(&["ttl"]),
    Descriptor::new("node-route-controller", |_| {
        tracing::info!("configure-cloud-routes is set, but there is no cloud provider; no routes are configured");
        ready(Ok(None))
    })
    .aliases(&["route"]),
    Descriptor::new("service-lb-controller", |_| {
        tracing::info!("service-controller is set, but there is no cloud provider; no load balancers are configured");
        ready(Ok(None))
    })
    .aliases(&["service"]),
];

/// The index of pods by their node; unscheduled pods have the empty name.
pub(crate) const BY_NODE: &str = "spec.nodeName";

/// The shared informer for pods, indexed by node.
pub(crate) fn pods(context: &ControllerContext) -> client_go::cache::SharedInformer<Pod> {
    let pods = context.informers.informer::<Pod>();
    pods.add_index(BY_NODE, |pod| vec![pod.spec.node_name.clone()]);
    pods
}
