//! A node that wants more than its pods need.

use serde_json::json;

use super::{expect, harness::Server};

pub(crate) async fn attempt(server: &Server) {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign"}, "stringData": {"k": "v"}});
    server.make("/api/v1/namespaces/default/secrets", secret).await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2"}});
    server.make("/api/v1/nodes", node).await;
    let get = |token: &'static str, path: &'static str| server.get(token, path);
    let secrets = "/api/v1/namespaces/default/secrets";
    let foreign = "/api/v1/namespaces/default/secrets/foreign";
    let unrelated = "no relationship found between node 'n1' and this object";
    expect(
        "a node that reads a foreign secret",
        &get("node1token", foreign).await,
        403,
        unrelated,
    );
    expect(
        "a node that lists secrets",
        &get("node1token", secrets).await,
        403,
        "No Object name found",
    );
    expect(
        "a node that watches secrets everywhere",
        &get("node1token", "/api/v1/secrets?watch=true").await,
        403,
        "can only read namespaced object of this type",
    );
    expect(
        "a node that lists pods of all nodes",
        &get("node1token", "/api/v1/pods").await,
        403,
        "can only list/watch pods with spec.nodeName field selector",
    );
    expect(
        "a node that reads another node",
        &get("node1token", "/api/v1/nodes/n2").await,
        403,
        "node 'n1' cannot read 'n2', only its own Node object",
    );
    expect(
        "a node that renews another's lease",
        &get(
            "node1token",
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2",
        )
        .await,
        403,
        "can only access node lease with the same name as the requesting node",
    );
    let token = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = "/api/v1/namespaces/kube-system/serviceaccounts/default/token";
    let asked = server.with_token("node1token", "POST", path, Some(token)).await;
    expect(
        "a node that asks for a token of an account that none of its pods has",
        &asked,
        403,
        unrelated,
    );
    expect(
        "a node's name without its group",
        &get("loosetoken", foreign).await,
        403,
        r#"cannot get resource \"secrets\""#,
    );
    // A mirror pod is the node's own invention.
    let mirror = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "mirror-n1", "annotations": {"kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": "foreign"}}]}]}});
    let made = server
        .with_token("node1token", "POST", "/api/v1/namespaces/default/pods", Some(mirror))
        .await;
    assert!(matches!(made.status, 201 | 403), "{made:?}");
    expect(
        "a node that gives itself a pod with the secret",
        &get("node1token", foreign).await,
        403,
        unrelated,
    );
}
