//! Admission of other objects than pods and nodes, one module a plugin or a pair of them.
//!
//! Storage: [`DefaultStorageClass`], [`StorageObjectInUseProtection`], [`PersistentVolumeClaimResize`].
//! Networking: [`DefaultIngressClass`], [`DenyServiceExternalIPs`]. Owners:
//! [`OwnerReferencesPermissionEnforcement`]. Workloads: [`JobValidation`], [`PodGroupProtection`],
//! [`PodGroupWorkloadExists`]. And [`AlwaysAdmit`] and [`AlwaysDeny`].

mod always;
mod claim_resize;
mod default_class;
mod external_ips;
mod owner_references;
mod pod_groups;
mod protection;
#[cfg(test)]
mod tests;

pub use always::{AlwaysAdmit, AlwaysDeny};
pub use claim_resize::PersistentVolumeClaimResize;
pub use default_class::{DefaultIngressClass, DefaultStorageClass};
pub use external_ips::DenyServiceExternalIPs;
pub use owner_references::{BuiltinKinds, KindMapper, OwnerReferencesPermissionEnforcement};
pub use pod_groups::{DynamicLookup, JobValidation, NotServed, PodGroupProtection, PodGroupWorkloadExists};
pub use protection::StorageObjectInUseProtection;
