//! `NamespaceAutoProvision`: what is written into a namespace that is not there makes the namespace.

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::core::v1::Namespace;

use crate::is_namespace;

/// Makes namespaces.
#[async_trait]
pub trait NamespaceMaker: Send + Sync + Debug + 'static {
    /// Makes a namespace unless there is one of that name.
    ///
    /// # Errors
    /// What keeps it from being made.
    async fn ensure(&self, name: &str) -> Result<(), StatusError>;
}

/// The plugin `NamespaceAutoProvision`.
#[derive(Debug)]
pub struct NamespaceAutoProvision {
    namespaces: Arc<dyn Lookup<Namespace>>,
    maker: Arc<dyn NamespaceMaker>,
}

impl NamespaceAutoProvision {
    /// A plugin that looks namespaces up in `namespaces` and has `maker` make the missing ones.
    #[must_use]
    pub fn new(namespaces: Arc<dyn Lookup<Namespace>>, maker: Arc<dyn NamespaceMaker>) -> Self {
        Self { namespaces, maker }
    }
}

#[async_trait]
impl Plugin for NamespaceAutoProvision {
    fn name(&self) -> &'static str {
        "NamespaceAutoProvision"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let namespace = attributes.namespace;
        if attributes.options.dry_run || namespace.is_empty() || is_namespace(attributes) {
            return Ok(());
        }
        if self.namespaces.get("", namespace).is_some() {
            return Ok(());
        }
        let made = self.maker.ensure(namespace).await;
        made.map_err(|status| {
            if status.is_forbidden() {
                return status;
            }
            let object: Option<&dyn AnyObject> = object.map(|object| &**object);
            attributes.forbidden(object, status)
        })
    }
}
