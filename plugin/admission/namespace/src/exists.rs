//! `NamespaceExists`: nothing is written into a namespace that is not there.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::core::v1::Namespace;

use crate::{is_namespace, not_found};

/// The plugin `NamespaceExists`.
#[derive(Debug)]
pub struct NamespaceExists(Arc<dyn Lookup<Namespace>>);

impl NamespaceExists {
    /// A plugin that looks namespaces up there.
    #[must_use]
    pub fn new(namespaces: Arc<dyn Lookup<Namespace>>) -> Self {
        Self(namespaces)
    }
}

#[async_trait]
impl Plugin for NamespaceExists {
    fn name(&self) -> &'static str {
        "NamespaceExists"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation != Operation::Connect
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, _object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if attributes.namespace.is_empty() || is_namespace(attributes) {
            return Ok(());
        }
        match self.0.find("", attributes.namespace).await? {
            Some(_) => Ok(()),
            None => Err(not_found(attributes.namespace)),
        }
    }
}
