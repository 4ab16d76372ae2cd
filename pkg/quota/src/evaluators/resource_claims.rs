//! Claims for devices, by device class, and the extended resources that stand for a class.

use std::{fmt::Debug, sync::Arc};

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{core::v1::Pod, primitives::Quantity, resource::v1::ResourceClaim};

use super::{
    number,
    pods::{Pods, extended_resource_of_quota},
};
use crate::{
    evaluator::{Evaluator, Item, Write},
    list::ResourceList,
};

const COUNT: &str = "count/resourceclaims.resource.k8s.io";
/// Suffix of quota names for the devices of a class.
const PER_CLASS: &str = ".deviceclass.resource.k8s.io/devices";
/// Prefix of quota names for devices of a class that an extended resource asks for implicitly.
const IMPLICIT: &str = "requests.deviceclass.resource.kubernetes.io/";
const REQUESTS: &str = "requests.";
/// Marks a claim that the scheduler made for the extended resources of a pod.
const MADE_FOR_POD: &str = "resource.kubernetes.io/extended-resource-claim";
/// The most devices that one claim can be given: what asks for all of them counts as this many.
const MOST_DEVICES: i64 = 32;

/// Who owns a claim that was made for a pod's extended resources.
#[derive(Clone, Debug)]
pub struct ClaimOwner {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Whether the claim is the one that was made for it (each pod has at most one).
    pub is_first_claim: bool,
}

/// What the evaluator asks of other objects.
pub trait DeviceClassNames: Send + Sync + Debug + 'static {
    /// The extended resource that stands for a device class.
    fn extended_resource(&self, class: &str) -> Option<String>;

    /// Whether some device class is behind an extended resource.
    fn has_class(&self, extended_resource: &str) -> bool;

    /// The pod that controls a claim in `namespace`, if the claim was made for its extended resources.
    fn owner(&self, namespace: &str, claim: &ResourceClaim) -> Option<ClaimOwner>;
}

/// Counts claims for devices.
#[derive(Debug)]
pub struct ResourceClaims {
    extended: bool,
    classes: Arc<dyn DeviceClassNames>,
    pods: Pods,
}

impl ResourceClaims {
    /// An evaluator under these gates.
    #[must_use]
    pub fn new(gates: &FeatureGates, classes: Arc<dyn DeviceClassNames>) -> Self {
        Self {
            extended: gates.enabled(Feature::DRAExtendedResource),
            classes,
            pods: Pods::new(gates),
        }
    }

    /// Charges devices to the extended resource that stands for their class too, less what the pod has been
    /// charged for it already.
    fn add_extended(&self, namespace: &str, claim: &ResourceClaim, used: &mut ResourceList, now: jiff::Timestamp) {
        let made_for_pod = claim
            .metadata
            .annotations
            .get(MADE_FOR_POD)
            .is_some_and(|v| v == "true");
        let owner = made_for_pod.then(|| self.classes.owner(namespace, claim)).flatten();
        let charged = owner
            .filter(|owner| match &owner.pod.status.extended_resource_claim_status {
                Some(status) => status.resource_claim_name == claim.metadata.name,
                None => owner.is_first_claim,
            })
            .map(|owner| self.pods.usage(namespace, Item::Pod(&owner.pod), now))
            .unwrap_or_default();
        let mut charges: Vec<(String, Quantity)> = Vec::new();
        for (name, quantity) in used.iter() {
            let Some(class) = name.strip_suffix(PER_CLASS).filter(|class| !class.is_empty()) else {
                continue;
            };
            charges.push((format!("{IMPLICIT}{class}"), quantity.clone()));
            if let Some(resource) = self.classes.extended_resource(class) {
                charges.push((format!("{REQUESTS}{resource}"), quantity.clone()));
            }
        }
        for (name, mut quantity) in charges {
            if let Some(already) = charged.get(&name) {
                quantity.sub(already);
            }
            if quantity.signum() > 0 {
                used.insert(name, quantity);
            }
        }
    }
}

fn devices(mode: &str, count: i64) -> i64 {
    match mode {
        "ExactCount" => count,
        "All" => MOST_DEVICES,
        // An unknown mode is not charged; the controller will find out what was allocated.
        _ => 0,
    }
}

impl Evaluator for ResourceClaims {
    fn group_resource(&self) -> (&str, &str) {
        ("resource.k8s.io", "resourceclaims")
    }

    fn handles(&self, write: &Write<'_>) -> bool {
        write.subresource.is_empty()
    }

    fn counts(&self, name: &str) -> bool {
        if name == COUNT || name.ends_with(PER_CLASS) {
            return true;
        }
        if !self.extended {
            return false;
        }
        let implicit = name
            .strip_prefix(IMPLICIT)
            .is_some_and(|class| self.classes.extended_resource(class).is_some());
        implicit || extended_resource_of_quota(name).is_some_and(|resource| self.classes.has_class(resource))
    }

    fn usage(&self, namespace: &str, item: Item<'_>, now: jiff::Timestamp) -> ResourceList {
        let Item::ResourceClaim(claim) = item else {
            return ResourceList::default();
        };
        let mut used = ResourceList::from([(COUNT, number(1))]);
        for request in &claim.spec.devices.requests {
            // Of the alternatives, the most devices of each class: any of them may be chosen.
            let mut most = ResourceList::default();
            let alternatives = request.first_available.iter().map(|alternative| {
                let count = devices(&alternative.allocation_mode, alternative.count);
                (alternative.device_class_name.as_str(), count)
            });
            let exactly = request.exactly.iter().map(|exactly| {
                let count = devices(&exactly.allocation_mode, exactly.count);
                (exactly.device_class_name.as_str(), count)
            });
            for (class, count) in alternatives.chain(exactly.filter(|_| request.first_available.is_empty())) {
                let entry = most.get_or_insert_with(format!("{class}{PER_CLASS}"), || number(0));
                if number(count) > *entry {
                    *entry = number(count);
                }
            }
            used = crate::list::add(&used, &most);
        }
        if self.extended {
            self.add_extended(namespace, claim, &mut used, now);
        }
        used
    }
}
