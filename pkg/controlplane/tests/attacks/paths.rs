//! Paths that mean one thing to authorization and, so the attacker hopes, another to the endpoint.

use serde_json::json;

use super::{expect, harness::Server};

#[expect(clippy::too_many_lines, reason = "a list of attempts")]
pub(crate) async fn attempt(server: &Server) {
    server
        .grant(
            "alice",
            "reader",
            json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]),
            false,
        )
        .await;
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "treasure"}});
    server.make("/api/v1/namespaces/kube-system/secrets", secret).await;
    let cannot = r#"User \"alice\" cannot"#;
    for (attempt, method, target) in [
        (
            "dots in the path",
            "GET",
            "/api/v1/namespaces/default/configmaps/../secrets/s",
        ),
        (
            "dots up to another namespace",
            "GET",
            "/api/v1/namespaces/default/../kube-system/secrets/s",
        ),
        (
            "encoded dots",
            "GET",
            "/api/v1/namespaces/default/%2e%2e/kube-system/secrets/s",
        ),
        (
            "an encoded slash in the namespace",
            "GET",
            "/api/v1/namespaces/default%2f..%2fkube-system/secrets/s",
        ),
        (
            "an encoded slash in the name",
            "GET",
            "/api/v1/namespaces/kube-system/secrets/x%2f..%2fs",
        ),
        (
            "a namespace and a resource in one segment",
            "GET",
            "/api/v1/namespaces/kube-system%2fsecrets/s",
        ),
        (
            "twice encoded dots",
            "GET",
            "/api/v1/namespaces/default/%252e%252e/kube-system/secrets/s",
        ),
        ("two slashes", "GET", "//api//v1//namespaces/kube-system/secrets/s"),
        ("a slash at the end", "GET", "/api/v1/namespaces/kube-system/secrets/s/"),
        ("capitals", "GET", "/API/v1/namespaces/kube-system/secrets/s"),
        (
            "a semicolon",
            "GET",
            "/api/v1/namespaces/kube-system/secrets;x=configmaps/s",
        ),
        ("a null byte", "GET", "/api/v1/namespaces/kube-system/secrets/s%00"),
        (
            "the old watch path with the right to get",
            "GET",
            "/api/v1/watch/namespaces/default/configmaps",
        ),
        (
            "a watch with the right to list",
            "GET",
            "/api/v1/namespaces/default/configmaps?watch=true",
        ),
        (
            "a watch in another spelling",
            "GET",
            "/api/v1/namespaces/default/configmaps?watch=TRUE&watch=1",
        ),
        (
            "a list of all namespaces with the right to one",
            "GET",
            "/api/v1/configmaps?fieldSelector=metadata.namespace%3Ddefault",
        ),
        (
            "the head of a secret",
            "HEAD",
            "/api/v1/namespaces/kube-system/secrets/s",
        ),
        (
            "deleting a collection with the right to list",
            "DELETE",
            "/api/v1/namespaces/default/configmaps",
        ),
        (
            "a method that nobody knows",
            "STEAL",
            "/api/v1/namespaces/kube-system/secrets/s",
        ),
        (
            "the debug dump of requests",
            "GET",
            "/debug/api_priority_and_fairness/dump_requests",
        ),
        ("metrics", "GET", "/metrics"),
    ] {
        let answer = server.with_token("alicetoken", method, target, None).await;
        assert!(
            !answer.body.contains("treasure") && !answer.body.contains("dHJlYXN1cmU"),
            "{attempt}: {answer:?}"
        );
        if method == "HEAD" {
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (403, ""),
                "{attempt}: {answer:?}"
            );
            println!("{attempt} → 403");
        } else {
            expect(attempt, &answer, 403, cannot);
        }
    }
    // An absolute target and a lying Host change nothing.
    let absolute = "https://elsewhere/api/v1/namespaces/kube-system/secrets/s";
    expect(
        "an absolute target",
        &server.get("alicetoken", absolute).await,
        403,
        cannot,
    );
    let headers = [
        "Authorization: Bearer alicetoken",
        "X-HTTP-Method-Override: GET",
        "X-Original-URL: /version",
    ];
    let target = "/api/v1/namespaces/kube-system/secrets/s";
    expect(
        "headers that some servers obey",
        &server.send(None, "POST", target, &headers, "").await,
        403,
        cannot,
    );
}
