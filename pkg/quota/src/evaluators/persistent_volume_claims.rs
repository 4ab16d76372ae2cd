//! Claims for volumes and the storage that they ask for, in all and by storage class.

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    core::v1::{PersistentVolumeClaim, ScopedResourceSelectorRequirement},
    primitives::Quantity,
};

use super::number;
use crate::{
    evaluator::{Evaluator, Item, Operation, Write},
    list::ResourceList,
    scopes::{ScopeError, value_matches},
};

const COUNT: &str = "count/persistentvolumeclaims";
const CLAIMS: &str = "persistentvolumeclaims";
const STORAGE: &str = "requests.storage";
const CLASS_INFIX: &str = ".storageclass.storage.k8s.io/";
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Counts claims for volumes.
#[derive(Clone, Copy, Debug)]
pub struct PersistentVolumeClaims {
    attributes_classes: bool,
    expansion_recovery: bool,
}

impl PersistentVolumeClaims {
    /// An evaluator under these gates.
    #[must_use]
    pub fn new(gates: &FeatureGates) -> Self {
        Self {
            attributes_classes: gates.enabled(Feature::VolumeAttributesClass),
            expansion_recovery: gates.enabled(Feature::RecoverVolumeExpansionFailure),
        }
    }

    /// What the claim asks for, or more where a failed expansion has been allocated already.
    fn storage(self, claim: &PersistentVolumeClaim) -> Option<Quantity> {
        let mut storage = claim.spec.resources.requests.get("storage")?.clone();
        if self.expansion_recovery
            && let Some(allocated) = claim.status.allocated_resources.get("storage")
            && *allocated > storage
        {
            storage = allocated.clone();
        }
        storage.round_up(0);
        Some(storage)
    }
}

/// The class of a claim: that of the annotation of old, or of its spec; empty for none.
fn storage_class(claim: &PersistentVolumeClaim) -> &str {
    match claim.metadata.annotations.get(CLASS_ANNOTATION) {
        Some(class) => class,
        None => claim.spec.storage_class_name.as_deref().unwrap_or_default(),
    }
}

/// The attributes classes that a claim has, had, or is to get.
fn attributes_classes(claim: &PersistentVolumeClaim) -> Vec<&str> {
    let target = claim.status.modify_volume_status.as_ref();
    let mut names: Vec<&str> = [
        claim.spec.volume_attributes_class_name.as_deref(),
        claim.status.current_volume_attributes_class_name.as_deref(),
        target.map(|status| status.target_volume_attributes_class_name.as_str()),
    ]
    .into_iter()
    .flatten()
    .filter(|name| !name.is_empty())
    .collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Evaluator for PersistentVolumeClaims {
    fn group_resource(&self) -> (&str, &str) {
        ("", "persistentvolumeclaims")
    }

    fn handles(&self, write: &Write<'_>) -> bool {
        match (write.subresource, write.new, write.old) {
            ("", ..) => true,
            ("status", Item::PersistentVolumeClaim(new), Some(Item::PersistentVolumeClaim(old))) => {
                let allocated =
                    |claim: &PersistentVolumeClaim| claim.status.allocated_resources.get("storage").cloned();
                write.operation == Operation::Update
                    && ((self.expansion_recovery && allocated(new) != allocated(old))
                        || (self.attributes_classes && attributes_classes(new) != attributes_classes(old)))
            }
            _ => false,
        }
    }

    fn counts(&self, name: &str) -> bool {
        let of_class = |resource| {
            name.strip_suffix(resource)
                .is_some_and(|rest| rest.ends_with(CLASS_INFIX))
        };
        [COUNT, CLAIMS, STORAGE].contains(&name) || of_class(CLAIMS) || of_class(STORAGE)
    }

    fn has_scopes(&self) -> bool {
        self.attributes_classes
    }

    fn matches_scope(&self, selector: &ScopedResourceSelectorRequirement, item: Item<'_>) -> Result<bool, ScopeError> {
        let Item::PersistentVolumeClaim(claim) = item else {
            return Ok(false);
        };
        if !self.attributes_classes || selector.scope_name != "VolumeAttributesClass" {
            return Ok(false);
        }
        let classes = attributes_classes(claim);
        if classes.is_empty() {
            return value_matches(selector, None);
        }
        for class in classes {
            if value_matches(selector, Some(class))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn usage(&self, _namespace: &str, item: Item<'_>, _now: jiff::Timestamp) -> ResourceList {
        let Item::PersistentVolumeClaim(claim) = item else {
            return ResourceList::default();
        };
        let mut used = ResourceList::from([(COUNT, number(1)), (CLAIMS, number(1))]);
        let class = storage_class(claim);
        if !class.is_empty() {
            used.insert(format!("{class}{CLASS_INFIX}{CLAIMS}"), number(1));
        }
        if let Some(storage) = self.storage(claim) {
            if !class.is_empty() {
                used.insert(format!("{class}{CLASS_INFIX}{STORAGE}"), storage.clone());
            }
            used.insert(STORAGE, storage);
        }
        used
    }
}
