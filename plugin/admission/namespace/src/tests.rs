//! What is let through and what is refused, in upstream's words.

use std::sync::Arc;

use apiserver::{
    admission::{Attributes, GroupVersionName, Operation, Plugin, WriteOptions},
    request::{RequestContext, RequestInfo, UserInfo},
};
use async_trait::async_trait;

use super::{NamespaceExists, NamespaceLifecycle, NamespaceLookup, NamespaceState};

#[derive(Debug)]
struct Fixed;

#[async_trait]
impl NamespaceLookup for Fixed {
    async fn state(&self, name: &str) -> NamespaceState {
        match name {
            "open" => NamespaceState::Active,
            "closing" => NamespaceState::Terminating,
            _ => NamespaceState::Absent,
        }
    }
}

async fn judge(plugin: &dyn Plugin, resource: &str, namespace: &str, name: &str, operation: Operation) -> Option<String> {
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName { group: String::new(), version: "v1".to_owned(), name: name.to_owned() };
    let (kind, resource) = (named("Kind"), named(resource));
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

    let plugin = NamespaceLifecycle::new(Arc::new(Fixed));
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
            Some("configmaps \"x\" is forbidden: unable to create new content in namespace closing because it is being terminated"),
        ),
        ("configmaps", "closing", "x", Update, None),
        ("namespaces", "new", "new", Create, None),
        ("namespaces", "default", "default", Delete, Some("namespaces \"default\" is forbidden: this namespace may not be deleted")),
        ("namespaces", "other", "other", Delete, None),
        ("nodes", "", "n", Create, None),
    ];
    for (resource, namespace, name, operation, expected) in cases {
        let seen = judge(&plugin, resource, namespace, name, operation).await;
        assert_eq!(seen.as_deref(), expected, "{operation:?} {resource} {namespace}/{name}");
    }
}

#[tokio::test]
async fn exists() {
    let plugin = NamespaceExists::new(Arc::new(Fixed));
    assert_eq!(judge(&plugin, "pods", "closing", "x", Operation::Create).await, None);
    let refused = judge(&plugin, "pods", "gone", "x", Operation::Create).await;
    assert_eq!(refused.as_deref(), Some("namespaces \"gone\" not found"));
}
