//! `DefaultStorageClass` and `DefaultIngressClass`: claims and ingresses that name no class get the default one.
//!
//! Of several defaults the newest counts. The default is looked for again only when a class has changed.

use std::{cmp::Reverse, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Derived, Lookup, Operation, Plugin},
    registry::ObjectBox,
};
use async_trait::async_trait;
use k8s_api::{
    HasMetadata,
    core::v1::PersistentVolumeClaim,
    networking::v1::{Ingress, IngressClass},
    storage::v1::StorageClass,
};

use crate::claim_resize::CLASS_ANNOTATION;

const STORAGE_DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
const INGRESS_DEFAULT: [&str; 1] = ["ingressclass.kubernetes.io/is-default-class"];
/// The annotation by which ingresses named their class before there was a field.
const INGRESS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// The name of the default class: the newest that an annotation makes one.
fn newest<T: HasMetadata>(classes: &[Arc<T>], annotations: &[&str]) -> Option<Arc<str>> {
    let is_default = |class: &&Arc<T>| {
        let own = &class.metadata().annotations;
        annotations
            .iter()
            .any(|key| own.get(key).is_some_and(|value| value == "true"))
    };
    let defaults = classes.iter().filter(is_default).map(|class| class.metadata());
    let newest = defaults.min_by_key(|metadata| (Reverse(metadata.creation_timestamp), &metadata.name));
    newest.map(|metadata| metadata.name.as_str().into())
}

/// The plugin `DefaultStorageClass`.
#[derive(Debug)]
pub struct DefaultStorageClass(Derived<StorageClass, Option<Arc<str>>>);

impl DefaultStorageClass {
    /// A plugin that finds classes there.
    #[must_use]
    pub fn new(classes: Arc<dyn Lookup<StorageClass>>) -> Self {
        Self(Derived::new(classes))
    }
}

#[async_trait]
impl Plugin for DefaultStorageClass {
    fn name(&self) -> &'static str {
        "DefaultStorageClass"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && resource == "persistentvolumeclaims"
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let Some(claim) = object.and_then(|object| object.as_mut().downcast_mut::<PersistentVolumeClaim>()) else {
            return Ok(());
        };
        if claim.metadata.annotations.contains_key(CLASS_ANNOTATION) || claim.spec.storage_class_name.is_some() {
            return Ok(());
        }
        self.0.catch_up().await;
        let default = self.0.get(|classes| newest(classes, &STORAGE_DEFAULT));
        claim.spec.storage_class_name = default.map(|name| name.as_ref().to_owned());
        Ok(())
    }
}

/// The plugin `DefaultIngressClass`.
#[derive(Debug)]
pub struct DefaultIngressClass(Derived<IngressClass, Option<Arc<str>>>);

impl DefaultIngressClass {
    /// A plugin that finds classes there.
    #[must_use]
    pub fn new(classes: Arc<dyn Lookup<IngressClass>>) -> Self {
        Self(Derived::new(classes))
    }
}

#[async_trait]
impl Plugin for DefaultIngressClass {
    fn name(&self) -> &'static str {
        "DefaultIngressClass"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group == "networking.k8s.io" && resource == "ingresses"
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let Some(ingress) = object.and_then(|object| object.as_mut().downcast_mut::<Ingress>()) else {
            let kind = &attributes.kind;
            let (group, version, name) = (&kind.group, &kind.version, &kind.name);
            let message = format!("Expected Ingress resource, got: {group}/{version}, Kind={name}");
            return Err(StatusError::internal_error(message));
        };
        let annotated = ingress.metadata.annotations.contains_key(INGRESS_ANNOTATION);
        if annotated || ingress.spec.ingress_class_name.is_some() {
            return Ok(());
        }
        self.0.catch_up().await;
        let default = self.0.get(|classes| newest(classes, &INGRESS_DEFAULT));
        ingress.spec.ingress_class_name = default.map(|name| name.as_ref().to_owned());
        Ok(())
    }
}
