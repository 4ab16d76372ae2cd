//! The table of controllers.

use controller::Descriptor;

/// Controllers of upstream's that are not part of this release; their names are accepted.
pub const ABSENT: &[&str] = &[
    "device-taint-eviction-controller",
    "horizontal-pod-autoscaler-controller",
    "podcertificaterequest-cleaner-controller",
    "podgroup-protection-controller",
    "resourceclaim-controller",
    "resourcepoolstatusrequest-controller",
    "selinux-warning-controller",
    "service-ca-certificate-publisher-controller",
    "storage-version-migrator-controller",
    "storageversion-garbage-collector-controller",
    "validatingadmissionpolicy-status-controller",
];

/// Every controller, in no particular order but that the first ones come first.
#[must_use]
pub fn descriptors() -> Vec<Descriptor> {
    let families = [
        controller_workloads::DESCRIPTORS,
        controller_batch::DESCRIPTORS,
        controller_discovery::DESCRIPTORS,
        controller_disruption::DESCRIPTORS,
        controller_cluster::DESCRIPTORS,
        controller_gc::DESCRIPTORS,
        controller_node::DESCRIPTORS,
        controller_certificates::DESCRIPTORS,
        controller_storage::DESCRIPTORS,
    ];
    let mut all = families.concat();
    all.sort_by_key(|descriptor| !descriptor.first);
    all
}
