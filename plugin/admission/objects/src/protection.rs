//! `StorageObjectInUseProtection`: what is in use does not go before its user.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::ObjectBox,
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};

/// The finalizers by resource.
const FINALIZERS: [(&str, &str, &str); 3] = [
    ("", "persistentvolumes", "kubernetes.io/pv-protection"),
    ("", "persistentvolumeclaims", "kubernetes.io/pvc-protection"),
    (
        "storage.k8s.io",
        "volumeattributesclasses",
        "kubernetes.io/vac-protection",
    ),
];

/// The plugin `StorageObjectInUseProtection`.
#[derive(Debug)]
pub struct StorageObjectInUseProtection {
    attributes_classes: bool,
}

impl StorageObjectInUseProtection {
    /// A plugin under these gates.
    #[must_use]
    pub fn new(gates: &FeatureGates) -> Self {
        Self {
            attributes_classes: gates.enabled(Feature::VolumeAttributesClass),
        }
    }

    fn finalizer(&self, group: &str, resource: &str) -> Option<&'static str> {
        let mut known = FINALIZERS
            .iter()
            .filter(|(group, _, _)| group.is_empty() || self.attributes_classes);
        known
            .find(|(of_group, of_resource, _)| *of_group == group && *of_resource == resource)
            .map(|(_, _, finalizer)| *finalizer)
    }
}

#[async_trait]
impl Plugin for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.finalizer(group, resource).is_some()
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let resource = attributes.resource;
        let finalizer = self.finalizer(&resource.group, &resource.name);
        let Some((finalizer, object)) = finalizer.zip(object).filter(|_| attributes.subresource.is_empty()) else {
            return Ok(());
        };
        let finalizers = &mut object.metadata_mut().finalizers;
        if !finalizers.iter().any(|own| own == finalizer) {
            finalizers.push(finalizer.to_owned());
        }
        Ok(())
    }
}
