//! `NamespaceLifecycle`: nothing new in namespaces that are not there or on their way out.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::{core::v1::Namespace, meta::v1::StatusCause};
use parking_lot::RwLock;

use crate::{is_namespace, not_found};

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// How long after a deletion the cache is not taken at its word that a namespace is active.
const DISTRUST: Duration = Duration::from_secs(30);

/// Requests that are never refused for their namespace: they only ask.
fn is_access_review(attributes: &Attributes<'_>) -> bool {
    attributes.is("authorization.k8s.io", "localsubjectaccessreviews")
}

fn is_terminating(namespace: &Namespace) -> bool {
    namespace.status.phase == "Terminating" || namespace.metadata.deletion_timestamp.is_some()
}

/// The plugin `NamespaceLifecycle`.
#[derive(Debug)]
pub struct NamespaceLifecycle {
    namespaces: Arc<dyn Lookup<Namespace>>,
    /// Namespaces whose deletion was asked for not long ago.
    deleted: RwLock<HashMap<String, Instant>>,
}

impl NamespaceLifecycle {
    /// A plugin that looks namespaces up there.
    #[must_use]
    pub fn new(namespaces: Arc<dyn Lookup<Namespace>>) -> Self {
        Self {
            namespaces,
            deleted: RwLock::default(),
        }
    }

    fn note_deletion(&self, name: &str) {
        let now = Instant::now();
        let mut deleted = self.deleted.write();
        deleted.retain(|_, at| now.duration_since(*at) < DISTRUST);
        deleted.insert(name.to_owned(), now);
    }

    fn was_deleted(&self, name: &str) -> bool {
        let deleted = self.deleted.read();
        deleted.get(name).is_some_and(|at| at.elapsed() < DISTRUST)
    }

    async fn namespace(&self, name: &str) -> Result<Option<Arc<Namespace>>, StatusError> {
        match self.namespaces.get("", name) {
            Some(namespace) if is_terminating(&namespace) || !self.was_deleted(name) => Ok(Some(namespace)),
            _ => self.namespaces.live("", name).await,
        }
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

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if attributes.operation == Operation::Delete {
            if is_namespace(attributes) {
                if IMMORTAL.contains(&attributes.name) {
                    let (resource, reason) = (attributes.group_resource(), "this namespace may not be deleted");
                    return Err(StatusError::forbidden(resource, attributes.name, reason));
                }
                self.note_deletion(attributes.name);
            }
            // What is in a namespace may always go.
            return Ok(());
        }
        let namespace = attributes.namespace;
        if namespace.is_empty() || is_namespace(attributes) || is_access_review(attributes) {
            return Ok(());
        }
        // What follows in the chain looks at namespaces too, and finds what was acknowledged to clients.
        if self.namespaces.lags() {
            self.namespaces.catch_up().await;
        }
        let Some(found) = self.namespace(namespace).await? else {
            return Err(not_found(namespace));
        };
        if attributes.operation != Operation::Create || !is_terminating(&found) {
            return Ok(());
        }
        let reason = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let object: Option<&dyn AnyObject> = object.map(|object| &**object);
        let status = attributes.forbidden(object, reason);
        Err(status.map_details(|details| {
            details.causes.push(StatusCause {
                reason: "NamespaceTerminating".to_owned(),
                message: format!("namespace {namespace} is being terminated"),
                field: "metadata.namespace".to_owned(),
            });
        }))
    }
}
