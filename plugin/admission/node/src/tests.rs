//! What nodes may write, in upstream's words.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{
        Attributes, FixedLookup, GroupVersionName, Operation, Permissions, Plugin, Reinvocation, WriteOptions,
    },
    registry::{AnyObject, ObjectBox},
    request::{RequestContext, RequestInfo, UserInfo},
};
use apiserver_auth::authorization::AlwaysDeny;
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Kind,
    authentication::v1::TokenRequest,
    coordination::v1::Lease,
    core::v1::{Node, PersistentVolumeClaim, Pod},
    resource::v1::ResourceSlice,
};
use serde_json::{Value, json};

use super::*;

fn object<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("an object")
}

/// What a node asks for.
struct Case<'a> {
    resource: (&'a str, &'a str),
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
    operation: Operation,
}

async fn run(
    plugin: &dyn Plugin,
    case: &Case<'_>,
    new: Option<ObjectBox>,
    old: Option<&dyn AnyObject>,
) -> Result<Option<ObjectBox>, String> {
    let user = UserInfo::named("system:node:n1").with_groups(["system:nodes"]);
    let request = RequestContext::new(
        Arc::new(user),
        RequestInfo::default(),
        jiff::Timestamp::UNIX_EPOCH,
        String::new(),
    );
    let named = |name: &str| GroupVersionName {
        group: case.resource.0.to_owned(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let attributes = Attributes {
        request: &request,
        kind: &named("Kind"),
        resource: &named(case.resource.1),
        subresource: case.subresource,
        namespace: case.namespace,
        name: case.name,
        operation: case.operation,
        options: &WriteOptions::default(),
        old,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    assert!(plugin.handles(case.operation) && plugin.concerns(case.resource.0, case.resource.1));
    let text = |status: StatusError| status.status().message.clone();
    let mut new = new;
    plugin.admit(&attributes, new.as_mut()).await.map_err(text)?;
    plugin.validate(&attributes, new.as_deref()).await.map_err(text)?;
    Ok(new)
}

fn restriction() -> NodeRestriction {
    let pod = |name: &str, node: &str| {
        object::<Pod>(
            json!({"metadata": {"name": name, "namespace": "ns", "uid": "pod"}, "spec": {"nodeName": node,
            "containers": [], "volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"audience": "vault", "path": "t"}}]}}]}}),
        )
    };
    let objects = NodeObjects {
        nodes: FixedLookup::new([object::<Node>(json!({"metadata": {"name": "n1", "uid": "node"}}))]),
        pods: FixedLookup::new([pod("mine", "n1"), pod("other", "n2")]),
        claims: FixedLookup::new([]),
        volumes: FixedLookup::new([]),
        drivers: FixedLookup::new([]),
    };
    let mut gates = FeatureGates::default();
    gates.set_from_text("PodCertificateRequest=false").expect("a gate");
    NodeRestriction::new(&gates, objects, Permissions::new(Arc::new(AlwaysDeny)))
}

fn boxed<T: k8s_api::HasMetadata>(value: Value) -> Option<ObjectBox> {
    Some(Box::new(object::<T>(value)))
}

const PODS: (&str, &str) = ("", "pods");

fn pods(subresource: &'static str, name: &'static str, operation: Operation) -> Case<'static> {
    Case {
        resource: PODS,
        subresource,
        namespace: "ns",
        name,
        operation,
    }
}

#[tokio::test]
async fn pods_of_other_nodes_are_out_of_reach() {
    use Operation::{Create, Delete, Update};

    let plugin = restriction();
    let cases = [
        (pods("", "mine", Delete), None),
        (
            pods("", "other", Delete),
            Some(r#"pods "other" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself"#),
        ),
        (pods("", "gone", Delete), Some(r#"pods "gone" not found"#)),
        (
            pods("", "mine", Update),
            Some(
                r#"pods "mine" is forbidden: unexpected operation "UPDATE", node "n1" can only create and delete mirror pods"#,
            ),
        ),
        (pods("eviction", "mine", Create), None),
        (
            pods("eviction", "other", Create),
            Some(r#"pods "other" is forbidden: node n1 can only evict pods with spec.nodeName set to itself"#),
        ),
        (
            pods("binding", "mine", Create),
            Some(
                r#"pods "mine" is forbidden: unexpected pod subresource "binding", only 'status' and 'eviction' are allowed"#,
            ),
        ),
    ];
    for (case, expected) in cases {
        let seen = run(&plugin, &case, None, None).await.err();
        assert_eq!(seen.as_deref(), expected, "{} {:?}", case.subresource, case.operation);
    }
    let status = |node: &str, label: &str| {
        object::<Pod>(
            json!({"metadata": {"name": "p", "labels": {"a": label}}, "spec": {"nodeName": node, "containers": []}}),
        )
    };
    let case = pods("status", "p", Update);
    let cases = [
        (status("n1", "x"), None),
        (
            status("n1", "y"),
            Some(r#"pods "p" is forbidden: node "n1" cannot update labels through pod status"#),
        ),
    ];
    for (new, expected) in cases {
        let seen = run(&plugin, &case, Some(Box::new(new)), Some(&status("n1", "x")))
            .await
            .err();
        assert_eq!(seen.as_deref(), expected);
    }
    let seen = run(
        &plugin,
        &case,
        Some(Box::new(status("n2", "x"))),
        Some(&status("n2", "x")),
    )
    .await
    .err();
    assert_eq!(
        seen.as_deref(),
        Some(
            r#"pods "p" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself"#
        )
    );
}

#[tokio::test]
async fn mirror_pods() {
    let plugin = restriction();
    let mirror = |change: fn(&mut Value)| {
        let mut pod = json!({"metadata": {"name": "m", "annotations": {"kubernetes.io/config.mirror": "x"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "node", "controller": true}]},
            "spec": {"nodeName": "n1", "containers": []}});
        change(&mut pod);
        boxed::<Pod>(pod)
    };
    let cases: [(Option<ObjectBox>, Option<&str>); 7] = [
        (mirror(|_| {}), None),
        (
            mirror(|pod| pod["metadata"]["annotations"] = json!({})),
            Some(
                r#"pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods"#,
            ),
        ),
        (
            mirror(|pod| pod["spec"]["nodeName"] = json!("n2")),
            Some(r#"node "n1" can only create pods with spec.nodeName set to itself"#),
        ),
        (
            mirror(|pod| pod["metadata"]["ownerReferences"] = json!([])),
            Some(r#"node "n1" can only create pods with an owner reference set to itself"#),
        ),
        (
            mirror(|pod| pod["metadata"]["ownerReferences"][0]["uid"] = json!("u")),
            Some("node n1 UID mismatch: expected u got node"),
        ),
        (
            mirror(|pod| pod["spec"]["serviceAccountName"] = json!("default")),
            Some(r#"node "n1" can not create pods that reference serviceaccounts"#),
        ),
        (
            mirror(|pod| pod["spec"]["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])),
            Some(r#"node "n1" can not create pods that reference persistentvolumeclaims"#),
        ),
    ];
    for (pod, expected) in cases {
        let seen = run(&plugin, &pods("", "m", Operation::Create), pod, None).await.err();
        let expected = expected.map(|reason| format!(r#"pods "m" is forbidden: {reason}"#));
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn nodes_write_themselves() {
    let plugin = restriction();
    let case = |name, operation| Case {
        resource: ("", "nodes"),
        subresource: "",
        namespace: "",
        name,
        operation,
    };
    let node = |labels: Value, taints: Value| {
        object::<Node>(json!({"metadata": {"name": "n1", "labels": labels}, "spec": {"taints": taints}}))
    };
    let plain = node(json!({"kubernetes.io/hostname": "n1", "example.com/x": "y"}), json!([]));
    let forbidden = node(
        json!({"node-role.kubernetes.io/control-plane": "", "x.node-restriction.kubernetes.io/a": "", "node.kubernetes.io/ok": ""}),
        json!([]),
    );
    let create = case("n1", Operation::Create);
    assert!(run(&plugin, &create, Some(Box::new(plain.clone())), None).await.is_ok());
    assert_eq!(
        run(&plugin, &create, Some(Box::new(forbidden.clone())), None)
            .await
            .err()
            .as_deref(),
        Some(
            r#"nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: node-role.kubernetes.io/control-plane, x.node-restriction.kubernetes.io/a"#
        )
    );
    let update = case("n1", Operation::Update);
    assert_eq!(
        run(&plugin, &update, Some(Box::new(forbidden)), Some(&plain))
            .await
            .err()
            .as_deref(),
        Some(
            r#"nodes "n1" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/control-plane, x.node-restriction.kubernetes.io/a"#
        )
    );
    let tainted = node(json!({}), json!([{"key": "a", "effect": "NoSchedule"}]));
    let bare = node(json!({}), json!([]));
    assert_eq!(
        run(&plugin, &update, Some(Box::new(tainted)), Some(&bare))
            .await
            .err()
            .as_deref(),
        Some(r#"nodes "n1" is forbidden: node "n1" is not allowed to modify taints"#)
    );
    assert_eq!(
        run(
            &plugin,
            &case("n2", Operation::Update),
            Some(Box::new(bare.clone())),
            Some(&bare)
        )
        .await
        .err()
        .as_deref(),
        Some(r#"nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2""#)
    );
}

#[tokio::test]
async fn what_belongs_to_a_node() {
    let plugin = restriction();
    let lease = |namespace, name| Case {
        resource: ("coordination.k8s.io", "leases"),
        subresource: "",
        namespace,
        name,
        operation: Operation::Update,
    };
    let own = || boxed::<Lease>(json!({"metadata": {"name": "n1"}}));
    assert!(run(&plugin, &lease("kube-node-lease", "n1"), own(), None).await.is_ok());
    assert_eq!(
        run(&plugin, &lease("default", "n1"), own(), None)
            .await
            .err()
            .as_deref(),
        Some(
            r#"leases.coordination.k8s.io "n1" is forbidden: can only access leases in the "kube-node-lease" system namespace"#
        )
    );
    assert_eq!(
        run(&plugin, &lease("kube-node-lease", "n2"), own(), None)
            .await
            .err()
            .as_deref(),
        Some(
            r#"leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node"#
        )
    );
    let slice = |node: &str| boxed::<ResourceSlice>(json!({"metadata": {"name": "s"}, "spec": {"nodeName": node}}));
    let case = Case {
        resource: ("resource.k8s.io", "resourceslices"),
        subresource: "",
        namespace: "",
        name: "s",
        operation: Operation::Create,
    };
    assert!(run(&plugin, &case, slice("n1"), None).await.is_ok());
    assert_eq!(
        run(&plugin, &case, slice("n2"), None).await.err().as_deref(),
        Some(
            r#"resourceslices.resource.k8s.io "s" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node"#
        )
    );
    let claim = |capacity: &str, name: &str| {
        object::<PersistentVolumeClaim>(
            json!({"metadata": {"name": "c"}, "spec": {"volumeName": name}, "status": {"capacity": {"storage": capacity}}}),
        )
    };
    let case = Case {
        resource: ("", "persistentvolumeclaims"),
        subresource: "status",
        namespace: "ns",
        name: "c",
        operation: Operation::Update,
    };
    let old = claim("1Gi", "v");
    assert!(
        run(&plugin, &case, Some(Box::new(claim("2Gi", "v"))), Some(&old))
            .await
            .is_ok()
    );
    let refused = run(&plugin, &case, Some(Box::new(claim("2Gi", "w"))), Some(&old))
        .await
        .err();
    assert!(
        refused
            .expect("a refusal")
            .contains(r#"node "n1" is not allowed to update fields other than status.quantity"#)
    );
}

#[tokio::test]
async fn tokens_are_bound_to_own_pods() {
    let plugin = restriction();
    let case = Case {
        resource: ("", "serviceaccounts"),
        subresource: "token",
        namespace: "ns",
        name: "default",
        operation: Operation::Create,
    };
    let request = |bound: Value, audiences: Value| {
        boxed::<TokenRequest>(json!({"spec": {"audiences": audiences, "boundObjectRef": bound}}))
    };
    let pod = |name: &str, uid: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid});
    let cases = [
        (request(pod("mine", "pod"), json!(["vault"])), None),
        (
            request(Value::Null, json!([])),
            Some("node requested token not bound to a pod"),
        ),
        (
            request(pod("mine", ""), json!([])),
            Some("node requested token with a pod binding without a uid"),
        ),
        (
            request(pod("mine", "old"), json!([])),
            Some(
                "the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated",
            ),
        ),
        (
            request(pod("other", "pod"), json!([])),
            Some("node requested token bound to a pod scheduled on a different node"),
        ),
        (
            request(pod("mine", "pod"), json!(["bank"])),
            Some(
                r#"audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience"#,
            ),
        ),
        (
            request(pod("mine", "pod"), json!(["vault", "bank"])),
            Some("node may only request 0 or 1 audiences"),
        ),
    ];
    for (request, expected) in cases {
        let seen = run(&plugin, &case, request, None).await.err();
        let expected = expected.map(|reason| format!(r#"serviceaccounts "default" is forbidden: {reason}"#));
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn new_nodes_are_tainted() {
    let case = Case {
        resource: ("", "nodes"),
        subresource: "",
        namespace: "",
        name: "n1",
        operation: Operation::Create,
    };
    let admitted = run(&TaintNodesByCondition, &case, boxed::<Node>(json!({})), None)
        .await
        .expect("admitted");
    let node = admitted.expect("a node");
    let node = node.downcast_ref::<Node>().expect("a node");
    let taints: Vec<(&str, &str)> = node
        .spec
        .taints
        .iter()
        .map(|t| (t.key.as_str(), t.effect.as_str()))
        .collect();
    assert_eq!(taints, [("node.kubernetes.io/not-ready", "NoSchedule")]);
}

#[tokio::test]
async fn pods_change_as_their_node_knows() {
    let nodes = FixedLookup::new([
        object::<Node>(
            json!({"metadata": {"name": "new"}, "status": {"declaredFeatures": ["InPlacePodVerticalScalingInitContainers"]}}),
        ),
        object::<Node>(json!({"metadata": {"name": "old"}})),
    ]);
    let plugin = NodeDeclaredFeatureValidator::new(&FeatureGates::default(), nodes);
    let pod = |node: &str, cpu: &str, generation: i64| {
        object::<Pod>(
            json!({"metadata": {"name": "p", "generation": generation}, "spec": {"nodeName": node, "containers": [],
            "initContainers": [{"name": "i", "resources": {"requests": {"cpu": cpu}}}]}}),
        )
    };
    let cases = [
        ("new", "2", None),
        (
            "old",
            "2",
            Some(
                r#"pods "p" is forbidden: pod update requires features InPlacePodVerticalScalingInitContainers which are not available on node "old""#,
            ),
        ),
        ("old", "1", None),
        ("gone", "2", Some(r#"pods "p" is forbidden: node "gone" not found"#)),
    ];
    for (node, cpu, expected) in cases {
        let old = pod(node, "1", 1);
        let case = pods("resize", "p", Operation::Update);
        let seen = run(&plugin, &case, Some(Box::new(pod(node, cpu, 2))), Some(&old)).await;
        assert_eq!(seen.err().as_deref(), expected, "{node} {cpu}");
    }
}
