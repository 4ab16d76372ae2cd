//! The table of controllers.

use component_base::feature_gates::Feature;
use controller::Descriptor;

/// A controller of upstream's that is not part of this release.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    /// Its name, which `--controllers` accepts.
    pub name: &'static str,
    /// Upstream runs it only with this gate; none for one that runs with any.
    pub feature_gate: Option<Feature>,
    /// Upstream does not run it unless it is named.
    pub disabled_by_default: bool,
    /// What does not happen without it.
    pub missing: &'static str,
}

const fn absent(name: &'static str, feature_gate: Option<Feature>, missing: &'static str) -> Absent {
    Absent {
        name,
        feature_gate,
        disabled_by_default: false,
        missing,
    }
}

/// The controllers that are not part of this release.
pub const ABSENT: &[Absent] = &[
    absent(
        "device-taint-eviction-controller",
        Some(Feature::DRADeviceTaints),
        "pods stay though devices of their claims are tainted NoExecute",
    ),
    absent(
        "podcertificaterequest-cleaner-controller",
        Some(Feature::PodCertificateRequest),
        "old PodCertificateRequests stay",
    ),
    absent(
        "podgroup-protection-controller",
        Some(Feature::GenericWorkload),
        "PodGroups that are in use are not protected",
    ),
    absent(
        "resourceclaim-controller",
        None,
        "no ResourceClaims are made from templates, and none are released: pods with resourceClaimTemplateName stay pending",
    ),
    absent(
        "resourcepoolstatusrequest-controller",
        Some(Feature::DRAResourcePoolStatus),
        "ResourcePoolStatusRequests are not answered",
    ),
    Absent {
        disabled_by_default: true,
        ..absent(
            "selinux-warning-controller",
            None,
            "nothing warns of volumes that pods with different SELinux labels share",
        )
    },
    absent(
        "storage-version-migrator-controller",
        Some(Feature::StorageVersionMigrator),
        "StorageVersionMigrations are not carried out",
    ),
    absent(
        "storageversion-garbage-collector-controller",
        Some(Feature::StorageVersionAPI),
        "StorageVersions of API servers that are gone stay",
    ),
    absent(
        "validatingadmissionpolicy-status-controller",
        None,
        "the expressions of ValidatingAdmissionPolicies are not checked for types; their status stays empty",
    ),
];

/// Every controller, in no particular order but that the first ones come first.
#[must_use]
pub fn descriptors() -> Vec<Descriptor> {
    let families = [
        controller_workloads::DESCRIPTORS,
        controller_autoscaling::DESCRIPTORS,
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
