//! Gaining rights: by roles, bindings, aggregation, impersonation.

use serde_json::{Value, json};

use super::{expect, harness::Server};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const VERSION: &str = "rbac.authorization.k8s.io/v1";
const MORE: &str = "is attempting to grant RBAC permissions not currently held";

fn role(name: &str, resource: &str) -> Value {
    json!({"apiVersion": VERSION, "kind": "Role", "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]})
}

fn binding(name: &str, kind: &str, role: &str) -> Value {
    json!({"apiVersion": VERSION, "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}]})
}

pub(crate) async fn attempt(server: &Server) {
    let writes = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
         "verbs": ["create", "update", "patch", "get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
    ]);
    server.grant("alice", "writer", writes.clone(), false).await;
    server.grant("alice", "cluster-writer", writes, true).await;
    let alice = |method: &'static str, path: String, body: Value| async move {
        server.with_token("alicetoken", method, &path, Some(body)).await
    };
    let roles = format!("{RBAC}/namespaces/default/roles");
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    // What he holds he may give.
    assert_eq!(
        alice("POST", roles.clone(), role("own", "configmaps")).await.status,
        201
    );

    let own = format!("{roles}/own");
    expect(
        "a role with more than one's own rights",
        &alice("POST", roles.clone(), role("more", "secrets")).await,
        403,
        MORE,
    );
    expect(
        "a role that grows by an update",
        &alice("PUT", own.clone(), role("own", "secrets")).await,
        403,
        MORE,
    );
    let fresh = format!("{roles}/fresh");
    expect(
        "a role made by an update",
        &alice("PUT", fresh.clone(), role("fresh", "secrets")).await,
        403,
        MORE,
    );
    let patch = json!([{"op": "add", "path": "/rules/0/resources/-", "value": "secrets"}]).to_string();
    let headers = [
        "Authorization: Bearer alicetoken",
        "Content-Type: application/json-patch+json",
    ];
    expect(
        "a role that grows by a patch",
        &server.send(None, "PATCH", &own, &headers, &patch).await,
        403,
        MORE,
    );
    let headers = [
        "Authorization: Bearer alicetoken",
        "Content-Type: application/apply-patch+yaml",
    ];
    let applied = role("fresh", "secrets").to_string();
    let target = format!("{fresh}?fieldManager=x");
    expect(
        "a role made by server-side apply",
        &server.send(None, "PATCH", &target, &headers, &applied).await,
        403,
        MORE,
    );
    let aggregating = json!({"apiVersion": VERSION, "kind": "ClusterRole", "metadata": {"name": "all"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}]}});
    expect(
        "a role that gathers others",
        &alice("POST", format!("{RBAC}/clusterroles"), aggregating).await,
        403,
        "must have cluster-admin privileges to use the aggregationRule",
    );
    expect(
        "binding cluster-admin to oneself",
        &alice("POST", bindings.clone(), binding("me", "ClusterRole", "cluster-admin")).await,
        403,
        MORE,
    );
    let everywhere = json!({"apiVersion": VERSION, "kind": "ClusterRoleBinding", "metadata": {"name": "me"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}]});
    expect(
        "binding cluster-admin everywhere",
        &alice("POST", format!("{RBAC}/clusterrolebindings"), everywhere).await,
        403,
        MORE,
    );
    expect(
        "binding a role that does not exist yet",
        &alice("POST", bindings.clone(), binding("early", "Role", "later")).await,
        404,
        r#""later\" not found"#,
    );
    impersonate(server).await;
}

async fn impersonate(server: &Server) {
    server
        .grant(
            "alice",
            "as-bob",
            json!([{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["bob"]}]),
            true,
        )
        .await;
    let as_somebody = |headers: Vec<&'static str>| async move {
        let mut all = vec!["Authorization: Bearer alicetoken"];
        all.extend(headers);
        server.send(None, "GET", "/api/v1/secrets", &all, "").await
    };
    let bob = as_somebody(vec!["Impersonate-User: bob"]).await;
    expect(
        "acting as somebody whom one may act as",
        &bob,
        403,
        r#"User \"bob\" cannot list"#,
    );
    for (attempt, headers, part) in [
        (
            "acting as the administrator",
            vec!["Impersonate-User: admin"],
            r#"User \"alice\" cannot impersonate"#,
        ),
        (
            "acting as somebody in a group that one may not name",
            vec!["Impersonate-User: bob", "Impersonate-Group: system:masters"],
            r#"User \"alice\" cannot impersonate"#,
        ),
        (
            "acting with another identifier",
            vec!["Impersonate-User: bob", "Impersonate-Uid: 0"],
            r#"User \"alice\" cannot impersonate"#,
        ),
        (
            "acting with further attributes",
            vec!["Impersonate-User: bob", "Impersonate-Extra-scopes: all"],
            r#"User \"alice\" cannot impersonate"#,
        ),
        (
            "acting as a node",
            vec!["Impersonate-User: system:node:n1", "Impersonate-Group: system:nodes"],
            r#"User \"alice\" cannot impersonate"#,
        ),
    ] {
        expect(attempt, &as_somebody(headers).await, 403, part);
    }
    expect(
        "acting as a group alone",
        &as_somebody(vec!["Impersonate-Group: system:masters"]).await,
        400,
        "without impersonating a user name",
    );
    let nobody = server
        .send(None, "GET", "/api/v1/secrets", &["Impersonate-User: admin"], "")
        .await;
    expect(
        "acting as somebody without being anybody",
        &nobody,
        403,
        r#"User \"system:anonymous\" cannot impersonate"#,
    );
}
