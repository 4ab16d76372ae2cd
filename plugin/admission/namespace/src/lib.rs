//! Admission by the state of namespaces.
//!
//! [`NamespaceLifecycle`] (on by default) keeps new content out of namespaces that do not exist or are
//! being deleted, and keeps the system's namespaces from deletion. [`NamespaceExists`] only checks that
//! the namespace is there. Upstream: `plugin/namespace/lifecycle` of `k8s.io/apiserver` and
//! `plugin/pkg/admission/namespace/exists`.

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::{GroupResource, StatusError};
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::meta::v1::StatusCause;

/// How a namespace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceState {
    /// It takes new content.
    Active,
    /// It is being deleted.
    Terminating,
    /// There is none of that name.
    Absent,
}

/// Looks namespaces up, with at least the freshness of the server's cache.
#[async_trait]
pub trait NamespaceLookup: Send + Sync + Debug + 'static {
    /// The state of a namespace; an absent one is looked for in the store itself.
    async fn state(&self, name: &str) -> NamespaceState;
}

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Requests that are never refused for their namespace: they only ask.
fn is_access_review(attributes: &Attributes<'_>) -> bool {
    attributes.resource.group == "authorization.k8s.io" && attributes.resource.name == "localsubjectaccessreviews"
}

fn is_namespace(attributes: &Attributes<'_>) -> bool {
    attributes.resource.group.is_empty() && attributes.resource.name == "namespaces"
}

fn not_found(namespace: &str) -> StatusError {
    StatusError::not_found(GroupResource::new("", "namespaces"), namespace)
}

/// The plugin `NamespaceLifecycle`.
#[derive(Debug)]
pub struct NamespaceLifecycle(Arc<dyn NamespaceLookup>);

impl NamespaceLifecycle {
    /// A plugin that looks namespaces up there.
    #[must_use]
    pub fn new(lookup: Arc<dyn NamespaceLookup>) -> Self {
        Self(lookup)
    }
}

#[async_trait]
impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation != Operation::Connect
    }

    async fn admit(&self, attributes: &Attributes<'_>, _object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let resource = GroupResource::new(&attributes.resource.group, &attributes.resource.name);
        if attributes.operation == Operation::Delete {
            if is_namespace(attributes) && IMMORTAL.contains(&attributes.name) {
                return Err(StatusError::forbidden(resource, attributes.name, "this namespace may not be deleted"));
            }
            // What is in a namespace may always go.
            return Ok(());
        }
        if attributes.namespace.is_empty() || is_namespace(attributes) || is_access_review(attributes) {
            return Ok(());
        }
        match self.0.state(attributes.namespace).await {
            NamespaceState::Active => Ok(()),
            NamespaceState::Absent => Err(not_found(attributes.namespace)),
            NamespaceState::Terminating if attributes.operation != Operation::Create => Ok(()),
            NamespaceState::Terminating => {
                let namespace = attributes.namespace;
                let reason =
                    format!("unable to create new content in namespace {namespace} because it is being terminated");
                let status = StatusError::forbidden(resource, attributes.name, reason);
                Err(status.map_details(|details| {
                    details.causes.push(StatusCause {
                        reason: "NamespaceTerminating".to_owned(),
                        message: format!("namespace {namespace} is being terminated"),
                        field: "metadata.namespace".to_owned(),
                    });
                }))
            }
        }
    }
}

/// The plugin `NamespaceExists`.
#[derive(Debug)]
pub struct NamespaceExists(Arc<dyn NamespaceLookup>);

impl NamespaceExists {
    /// A plugin that looks namespaces up there.
    #[must_use]
    pub fn new(lookup: Arc<dyn NamespaceLookup>) -> Self {
        Self(lookup)
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

    async fn validate(&self, attributes: &Attributes<'_>, _object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if attributes.namespace.is_empty() || is_namespace(attributes) {
            return Ok(());
        }
        match self.0.state(attributes.namespace).await {
            NamespaceState::Absent => Err(not_found(attributes.namespace)),
            NamespaceState::Active | NamespaceState::Terminating => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
