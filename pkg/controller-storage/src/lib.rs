//! The controllers of storage.
//!
//! Claims are bound to volumes, and volumes reclaimed ([`binder`]); volumes, claims and classes that are in use stay
//! ([`protection`], [`attributes_class`]); ephemeral volumes get claims ([`ephemeral`]); volumes of CSI drivers are attached
//! to the nodes that need them ([`attach_detach`]); and claims that grow are handed to their driver ([`expand`]).
//!
//! *Deliberate absence*: the volumes of clouds, whose drivers are all CSI's by now ([`migration`] names them).
//! Upstream counterparts: the packages in `pkg/controller/volume`.

pub mod attach_detach;
pub mod attributes_class;
pub mod binder;
mod claims;
pub mod ephemeral;
pub mod expand;
mod migration;
pub mod protection;

use client_go::cache::SharedInformer;
use controller::{ControllerContext, Descriptor};
use k8s_api::core::v1::Pod;

/// The controllers of this crate, for the manager's table.
pub const DESCRIPTORS: &[Descriptor] = &[
    Descriptor::new("persistentvolume-binder-controller", |context| {
        Box::pin(binder::build(context))
    })
    .aliases(&["persistentvolume-binder"]),
    Descriptor::new("persistentvolume-protection-controller", |context| {
        Box::pin(protection::volumes::build(context))
    })
    .aliases(&["pv-protection"]),
    Descriptor::new("persistentvolumeclaim-protection-controller", |context| {
        Box::pin(protection::claims::build(context))
    })
    .aliases(&["pvc-protection"]),
    Descriptor::new("volumeattributesclass-protection-controller", |context| {
        Box::pin(attributes_class::build(context))
    }),
    Descriptor::new("ephemeral-volume-controller", |context| {
        Box::pin(ephemeral::build(context))
    })
    .aliases(&["ephemeral-volume"]),
    Descriptor::new("persistentvolume-attach-detach-controller", |context| {
        Box::pin(attach_detach::build(context))
    })
    .aliases(&["attachdetach"]),
    Descriptor::new("persistentvolume-expander-controller", |context| {
        Box::pin(expand::build(context))
    })
    .aliases(&["persistentvolume-expander"]),
];

/// The index of pods by the claims that their volumes use, `namespace/name`.
pub(crate) const BY_CLAIM: &str = "pod-pvc";

/// The shared informer for pods, indexed by claim.
pub(crate) fn pods(context: &ControllerContext) -> SharedInformer<Pod> {
    let pods = context.informers.informer::<Pod>();
    pods.add_index(BY_CLAIM, |pod| {
        let namespace = &pod.metadata.namespace;
        let names = controller_objects::pods::claim_names(pod);
        names.map(|name| format!("{namespace}/{name}")).collect()
    });
    pods
}
