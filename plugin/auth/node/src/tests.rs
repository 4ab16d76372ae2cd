//! What nodes reach, and how refusals read.

use std::sync::Arc;

use apiserver_auth::{
    authorization::{Attributes, Authorization, Authorizer as _, RuleResolver},
    user::UserInfo,
};
use k8s_api::{
    core::v1::{PersistentVolume, Pod},
    object::Kind as _,
};
use serde_json::json;

use crate::{Graph, Kind, NodeAuthorizer, Progress};

fn pod(name: &str, node: &str) -> Pod {
    Pod::from_value(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name},
        "spec": {
            "nodeName": node,
            "serviceAccountName": "account",
            "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"name": "i", "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "env-secret", "key": "k"}}},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "env-map", "key": "k"}}},
            ]}],
            "containers": [{"name": "c", "envFrom": [
                {"secretRef": {"name": "from-secret"}}, {"configMapRef": {"name": "from-map"}},
            ]}],
            "volumes": [
                {"name": "a", "secret": {"secretName": "vol-secret"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "p-secret"}}, {"configMap": {"name": "p-map"}}]}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
                {"name": "d", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
                {"name": "e", "csi": {"driver": "x", "nodePublishSecretRef": {"name": "csi-secret"}}},
            ],
            "resourceClaims": [
                {"name": "r", "resourceClaimName": "direct"},
                {"name": "t", "resourceClaimTemplateName": "template"},
            ],
        },
        "status": {"resourceClaimStatuses": [{"name": "t", "resourceClaimName": "generated"}]},
    }))
    .unwrap()
}

fn volume() -> PersistentVolume {
    PersistentVolume::from_value(json!({
        "metadata": {"name": "pv"},
        "spec": {
            "claimRef": {"namespace": "ns", "name": "claim"},
            "csi": {
                "driver": "x", "volumeHandle": "h",
                "nodeStageSecretRef": {"namespace": "storage", "name": "stage"},
                "controllerPublishSecretRef": {"namespace": "storage", "name": "controller"},
            },
        },
    }))
    .unwrap()
}

#[test]
fn a_node_reaches_what_its_pods_refer_to() {
    let graph = Graph::default();
    let reached = [
        (Kind::Pod, "ns", "p"),
        (Kind::ServiceAccount, "ns", "account"),
        (Kind::Secret, "ns", "pull"),
        (Kind::Secret, "ns", "env-secret"),
        (Kind::Secret, "ns", "from-secret"),
        (Kind::Secret, "ns", "vol-secret"),
        (Kind::Secret, "ns", "p-secret"),
        (Kind::Secret, "ns", "csi-secret"),
        (Kind::Secret, "storage", "stage"),
        (Kind::ConfigMap, "ns", "env-map"),
        (Kind::ConfigMap, "ns", "from-map"),
        (Kind::ConfigMap, "ns", "p-map"),
        (Kind::PersistentVolumeClaim, "ns", "claim"),
        (Kind::PersistentVolumeClaim, "ns", "p-d"),
        (Kind::PersistentVolume, "", "pv"),
        (Kind::ResourceClaim, "ns", "direct"),
        (Kind::ResourceClaim, "ns", "generated"),
    ];
    let all = |node: &str| {
        reached
            .iter()
            .filter(|one| graph.reaches(node, one.0, one.1, one.2))
            .count()
    };
    assert_eq!(all("n"), 0);
    // The volume may come before the pod.
    graph.upsert_volume(&volume());
    graph.upsert_pod(&pod("p", "n"));
    assert_eq!((all("n"), all("m"), all("")), (reached.len(), 0, 0));
    for (kind, namespace, name) in [
        (Kind::Secret, "other", "pull"),
        (Kind::ConfigMap, "ns", "pull"),
        (Kind::Secret, "storage", "controller"),
        (Kind::Secret, "ns", "stage"),
    ] {
        assert!(!graph.reaches("n", kind, namespace, name), "{kind:?} {name}");
    }

    graph.delete_volume("pv");
    assert_eq!(all("n"), reached.len() - 2);
    graph.upsert_volume(&volume());
    // A second pod on the same node keeps what the first lets go, but for the claims named after it.
    graph.upsert_pod(&pod("q", "n"));
    graph.delete_pod("ns", "p");
    assert_eq!(all("n"), reached.len() - 2);
    graph.delete_pod("ns", "q");
    assert_eq!(all("n"), 0);
    let edges = format!("{graph:?}");
    assert!(!edges.contains("from-secret"), "nothing is left behind: {edges}");
}

#[test]
fn replaced_and_unscheduled_pods() {
    let graph = Graph::default();
    graph.upsert_pod(&pod("p", ""));
    assert!(!graph.reaches("", Kind::Secret, "ns", "pull"));
    graph.upsert_pod(&pod("p", "n"));
    graph.upsert_pod(&pod("p", "m"));
    assert!(!graph.reaches("n", Kind::Secret, "ns", "pull"));
    assert!(graph.reaches("m", Kind::Secret, "ns", "pull"));

    let mut mirror = pod("p", "m");
    mirror
        .metadata
        .annotations
        .insert("kubernetes.io/config.mirror", "x".to_owned());
    graph.upsert_pod(&mirror);
    assert!(!graph.reaches("m", Kind::Secret, "ns", "pull"));
    assert!(graph.reaches("m", Kind::Pod, "ns", "p"));
}

fn attributes<'a>(
    user: &'a UserInfo,
    verb: &'a str,
    group: &'a str,
    resource: &'a str,
    namespace: &'a str,
    name: &'a str,
) -> Attributes<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes {
        namespace,
        name,
        subresource,
        ..Attributes::resource(user, verb, group, "v1", resource)
    }
}

/// A graph that is told of a pod only when somebody asks how far it is.
#[derive(Debug)]
struct Late(std::sync::Weak<Graph>);

#[async_trait::async_trait]
impl Progress for Late {
    async fn caught_up(&self) {
        if let Some(graph) = self.0.upgrade() {
            graph.upsert_pod(&pod("p", "n"));
        }
    }
}

#[tokio::test]
async fn a_kubelet_that_knows_of_a_pod_before_the_graph_does_is_not_refused() {
    let graph = Arc::new(Graph::default());
    graph.told_by(Arc::new(Late(Arc::downgrade(&graph))));
    let authorizer = NodeAuthorizer::new(graph, auth_rbac::bootstrap::node_rules().to_vec());
    let ask = async |node: &str, verb, resource, name| {
        let user = UserInfo::named(format!("system:node:{node}")).with_groups(["system:nodes"]);
        authorizer
            .authorize(&attributes(&user, verb, "", resource, "ns", name))
            .await
    };
    let allowed = Authorization::allow("");
    assert_eq!(ask("n", "create", "serviceaccounts/token", "account").await, allowed);
    assert_eq!(ask("n", "get", "secrets", "pull").await, allowed);
    let unrelated = "no relationship found between node 'm' and this object";
    let refused = Authorization::no_opinion(unrelated);
    assert_eq!(
        ask("m", "get", "secrets", "pull").await,
        refused,
        "another node's pods stay another's"
    );
}

fn authorizer() -> NodeAuthorizer {
    let graph = Graph::default();
    graph.upsert_pod(&pod("p", "n"));
    graph.upsert_attachment("va", "n");
    graph.upsert_slice("slice", Some("n"));
    graph.upsert_slice("shared", None);
    NodeAuthorizer::new(Arc::new(graph), auth_rbac::bootstrap::node_rules().to_vec())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of requests and their answers")]
fn decisions_read_as_upstream() {
    const UNRELATED: Option<&str> = Some("no relationship found between node 'n' and this object");
    let authorizer = authorizer();
    let node = UserInfo::named("system:node:n").with_groups(["system:nodes"]);
    let (core, storage, dra, coordination) = ("", "storage.k8s.io", "resource.k8s.io", "coordination.k8s.io");
    // verb, group, resource, namespace, name → reason of the refusal, none if allowed
    let cases = [
        ("get", core, "secrets", "ns", "pull", None),
        ("list", core, "secrets", "ns", "pull", None),
        ("get", core, "secrets", "ns", "other", UNRELATED),
        ("list", core, "secrets", "ns", "", Some("No Object name found")),
        (
            "list",
            core,
            "secrets",
            "",
            "",
            Some("can only read namespaced object of this type"),
        ),
        (
            "update",
            core,
            "secrets",
            "ns",
            "pull",
            Some("can only read resources of this type"),
        ),
        (
            "get",
            core,
            "configmaps/x",
            "ns",
            "from-map",
            Some("cannot read subresource"),
        ),
        ("get", core, "persistentvolumeclaims", "ns", "claim", None),
        (
            "list",
            core,
            "persistentvolumeclaims",
            "ns",
            "",
            Some("can only get individual resources of this type"),
        ),
        ("patch", core, "persistentvolumeclaims/status", "ns", "claim", None),
        (
            "get",
            core,
            "persistentvolumeclaims/status",
            "ns",
            "claim",
            Some("can only get/update/patch this type"),
        ),
        ("get", core, "persistentvolumes", "", "pv", UNRELATED),
        ("get", storage, "volumeattachments", "", "va", None),
        (
            "get",
            storage,
            "volumeattachments/status",
            "",
            "va",
            Some("cannot get subresource"),
        ),
        ("get", core, "serviceaccounts", "ns", "account", None),
        ("create", core, "serviceaccounts/token", "ns", "account", None),
        ("create", core, "serviceaccounts/token", "ns", "other", UNRELATED),
        (
            "create",
            core,
            "serviceaccounts",
            "ns",
            "account",
            Some("can only create token subresource of serviceaccount"),
        ),
        (
            "update",
            core,
            "serviceaccounts",
            "ns",
            "account",
            Some("can only create tokens for individual service accounts"),
        ),
        ("get", coordination, "leases", "kube-node-lease", "n", None),
        ("create", coordination, "leases", "kube-node-lease", "", None),
        (
            "get",
            coordination,
            "leases",
            "kube-node-lease",
            "m",
            Some("can only access node lease with the same name as the requesting node"),
        ),
        (
            "get",
            coordination,
            "leases",
            "ns",
            "n",
            Some(r#"can only access leases in the "kube-node-lease" system namespace"#),
        ),
        (
            "list",
            coordination,
            "leases",
            "kube-node-lease",
            "",
            Some("can only get, create, update, patch, or delete a node lease"),
        ),
        ("get", storage, "csinodes", "", "n", None),
        (
            "get",
            storage,
            "csinodes",
            "",
            "m",
            Some("can only access CSINode with the same name as the requesting node"),
        ),
        (
            "list",
            storage,
            "csinodes",
            "",
            "",
            Some("can only get, create, update, patch, or delete a CSINode"),
        ),
        ("create", dra, "resourceslices", "", "", None),
        ("get", dra, "resourceslices", "", "slice", None),
        ("get", dra, "resourceslices", "", "shared", UNRELATED),
        (
            "list",
            dra,
            "resourceslices",
            "",
            "",
            Some("can only list/watch/deletecollection resourceslices with nodeName field selector"),
        ),
        ("get", dra, "resourceclaims", "ns", "direct", None),
        ("get", core, "nodes", "", "n", None),
        (
            "get",
            core,
            "nodes",
            "",
            "m",
            Some("node 'n' cannot read 'm', only its own Node object"),
        ),
        (
            "list",
            core,
            "nodes",
            "",
            "",
            Some("node 'n' cannot read all nodes, only its own Node object"),
        ),
        ("patch", core, "nodes/status", "", "m", None),
        ("delete", core, "nodes", "", "n", Some("")),
        ("get", core, "pods", "ns", "p", None),
        ("get", core, "pods", "ns", "q", UNRELATED),
        (
            "list",
            core,
            "pods",
            "",
            "",
            Some("can only list/watch pods with spec.nodeName field selector"),
        ),
        ("patch", core, "pods/status", "ns", "q", None),
        ("create", core, "pods/eviction", "ns", "q", None),
        ("create", core, "pods/exec", "ns", "p", Some("")),
        ("list", core, "services", "", "", None),
        ("create", "apps", "deployments", "ns", "", Some("")),
        (
            "get",
            "certificates.k8s.io",
            "podcertificaterequests",
            "ns",
            "x",
            Some(""),
        ),
    ];
    for (verb, group, resource, namespace, name, refusal) in cases {
        let seen = authorizer.decide(&attributes(&node, verb, group, resource, namespace, name));
        let expected = refusal.map_or_else(|| Authorization::allow(""), Authorization::no_opinion);
        assert_eq!(seen, expected, "{verb} {resource} {namespace}/{name}");
    }
    for (selector, resource, group, allowed) in [
        ("spec.nodeName=n", "pods", "", true),
        ("spec.nodeName=m", "pods", "", false),
        ("spec.nodeName!=n", "pods", "", false),
        ("spec.nodeName=n", "resourceslices", "resource.k8s.io", true),
    ] {
        let list = attributes(&node, "list", group, resource, "", "").with_selectors(selector, "");
        assert_eq!(authorizer.decide(&list).is_allowed(), allowed, "{selector}");
    }
}

#[tokio::test]
async fn who_is_a_node() {
    let authorizer = authorizer();
    let reason = |user: &UserInfo| authorizer.decide(&attributes(user, "get", "", "nodes", "", "n"));
    let nobody = UserInfo::named("system:node:").with_groups(["system:nodes"]);
    assert_eq!(
        reason(&nobody),
        Authorization::no_opinion(r#"unknown node for user "system:node:""#)
    );
    for user in [
        UserInfo::named("system:node:n"),
        UserInfo::named("zed").with_groups(["system:nodes"]),
    ] {
        assert_eq!(reason(&user), Authorization::no_opinion(""));
        assert!(!authorizer.rules_for(&user, "ns").await.incomplete);
    }
    let rules = authorizer.rules_for(&nobody, "ns").await;
    assert_eq!(
        rules.evaluation_error(),
        "node authorizer does not support user rule resolution"
    );
}
