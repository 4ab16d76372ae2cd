//! What is let through and what is refused, in upstream's words.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, FixedLookup, GroupVersionName, Lookup, Operation, Plugin, Reinvocation, WriteOptions},
    request::{RequestContext, RequestInfo, UserInfo},
};
use async_trait::async_trait;
use k8s_api::{
    core::v1::{Namespace, NamespaceStatus},
    meta::v1::ObjectMeta,
};
use parking_lot::Mutex;

use super::*;

fn namespaces() -> Arc<dyn Lookup<Namespace>> {
    FixedLookup::new(
        [("open", "Active"), ("closing", "Terminating")].map(|(name, phase)| Namespace {
            metadata: ObjectMeta {
                name: name.to_owned(),
                ..ObjectMeta::default()
            },
            status: NamespaceStatus {
                phase: phase.to_owned(),
                ..NamespaceStatus::default()
            },
            ..Namespace::default()
        }),
    )
}

async fn judge(
    plugin: &dyn Plugin,
    resource: &str,
    namespace: &str,
    name: &str,
    operation: Operation,
) -> Option<String> {
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName {
        group: String::new(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let kind = named(if resource == "namespaces" { "Namespace" } else { "Kind" });
    let resource = named(resource);
    let options = WriteOptions::default();
    let attributes = Attributes {
        request: &request,
        kind: &kind,
        resource: &resource,
        subresource: "",
        namespace,
        name,
        operation,
        options: &options,
        old: None,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    let admitted = plugin.admit(&attributes, None).await;
    let judged = match admitted {
        Ok(()) => plugin.validate(&attributes, None).await,
        refused => refused,
    };
    judged.err().map(|status| status.status().message.clone())
}

#[tokio::test]
async fn lifecycle() {
    use Operation::{Create, Delete, Update};

    let plugin = NamespaceLifecycle::new(namespaces());
    let cases = [
        ("configmaps", "open", "x", Create, None),
        ("configmaps", "gone", "x", Create, Some("namespaces \"gone\" not found")),
        ("configmaps", "gone", "x", Update, Some("namespaces \"gone\" not found")),
        ("configmaps", "gone", "x", Delete, None),
        (
            "configmaps",
            "closing",
            "x",
            Create,
            Some(
                "configmaps \"x\" is forbidden: unable to create new content in namespace closing because it is being terminated",
            ),
        ),
        ("configmaps", "closing", "x", Update, None),
        ("namespaces", "new", "new", Create, None),
        (
            "namespaces",
            "default",
            "default",
            Delete,
            Some("namespaces \"default\" is forbidden: this namespace may not be deleted"),
        ),
        ("namespaces", "other", "other", Delete, None),
        ("nodes", "", "n", Create, None),
    ];
    for (resource, namespace, name, operation, expected) in cases {
        let seen = judge(&plugin, resource, namespace, name, operation).await;
        assert_eq!(seen.as_deref(), expected, "{operation:?} {resource} {namespace}/{name}");
    }
}

/// A cache that has not seen a deletion yet.
#[derive(Debug)]
struct Stale(Arc<dyn Lookup<Namespace>>);

#[async_trait]
impl Lookup<Namespace> for Stale {
    fn get(&self, namespace: &str, name: &str) -> Option<Arc<Namespace>> {
        self.0.get(namespace, name)
    }

    async fn live(&self, _namespace: &str, _name: &str) -> Result<Option<Arc<Namespace>>, StatusError> {
        Ok(None)
    }

    fn visit(&self, namespace: &str, visit: &mut dyn FnMut(&Arc<Namespace>) -> std::ops::ControlFlow<()>) {
        self.0.visit(namespace, visit);
    }

    fn changed(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_deletion_is_known_before_the_cache_knows() {
    let plugin = NamespaceLifecycle::new(Arc::new(Stale(namespaces())));
    let create = || judge(&plugin, "configmaps", "open", "x", Operation::Create);
    assert_eq!(create().await, None);
    assert_eq!(
        judge(&plugin, "namespaces", "open", "open", Operation::Delete).await,
        None
    );
    assert_eq!(create().await.as_deref(), Some("namespaces \"open\" not found"));
}

#[tokio::test]
async fn exists() {
    let plugin = NamespaceExists::new(namespaces());
    assert_eq!(judge(&plugin, "pods", "closing", "x", Operation::Create).await, None);
    let refused = judge(&plugin, "pods", "gone", "x", Operation::Create).await;
    assert_eq!(refused.as_deref(), Some("namespaces \"gone\" not found"));
}

#[derive(Debug, Default)]
struct Noting(Mutex<Vec<String>>);

#[async_trait]
impl NamespaceMaker for Noting {
    async fn ensure(&self, name: &str) -> Result<(), StatusError> {
        self.0.lock().push(name.to_owned());
        if name == "bad" {
            return Err(StatusError::internal_error("no room"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn missing_namespaces_are_made() {
    let maker = Arc::new(Noting::default());
    let plugin = NamespaceAutoProvision::new(namespaces(), maker.clone());
    for namespace in ["open", "new"] {
        assert_eq!(judge(&plugin, "pods", namespace, "x", Operation::Create).await, None);
    }
    let refused = judge(&plugin, "pods", "bad", "x", Operation::Create).await;
    assert_eq!(
        refused.as_deref(),
        Some("pods \"x\" is forbidden: Internal error occurred: no room")
    );
    assert_eq!(*maker.0.lock(), ["new", "bad"]);
}
