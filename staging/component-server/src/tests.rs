//! What the guard lets pass, asked over the reviews of a server in memory.

use std::sync::Arc;
use std::time::Duration;

use apiserver_auth::authentication::{Anonymous, Chain, Credentials};
use apiserver_auth::authorization::{Authorizer, PrivilegedGroups, Union};
use client_go::testing::{Canned, FakeServer};
use component_base::health::{CheckFn, HealthError};
use component_base::serving::{Body, Handler as _};
use http::{Request, StatusCode};
use serde_json::json;

use crate::reviews::Reviews;
use crate::{AllowedPaths, Guard, HealthRegistry, PathError, Refusal, Router};

fn guard(server: &FakeServer) -> Guard {
    let reviews = Reviews::new(server.client());
    let second = Duration::from_secs(10);
    let chain = Chain::new(
        reviews.token_authenticators(second),
        Some(Anonymous::default()),
        Credentials::default(),
    );
    let authorizers: Vec<Arc<dyn Authorizer>> = vec![
        Arc::new(PrivilegedGroups::default()),
        Arc::new(AllowedPaths::new(["/healthz", "open/*"]).unwrap()),
        Arc::new(reviews.authorizer(second, second)),
    ];
    Guard::new(chain, Arc::new(Union::new(authorizers)))
}

/// Knows the token `good` as alice, who may read `/metrics`, and `root` as a master.
fn answer_reviews(server: &FakeServer) {
    server.on_request(|seen| {
        let mut body: serde_json::Value = serde_json::from_slice(&seen.body).ok()?;
        if seen.path.ends_with("/tokenreviews") {
            body["status"] = match body["spec"]["token"].as_str()? {
                "good" => json!({"authenticated": true, "user": {"username": "alice"}}),
                "root" => json!({"authenticated": true, "user": {"username": "admin", "groups": ["system:masters"]}}),
                _ => json!({"authenticated": false, "error": "unknown token"}),
            };
        } else if seen.path.ends_with("/subjectaccessreviews") {
            let wanted = &body["spec"]["nonResourceAttributes"];
            let allowed = body["spec"]["user"] == "alice" && wanted["path"] == "/metrics" && wanted["verb"] == "get";
            body["status"] = json!({"allowed": allowed});
        } else {
            return None;
        }
        Some(Canned::json(201, &body))
    });
}

async fn admit(guard: &Guard, path: &str, token: &str) -> Result<String, String> {
    let mut request = Request::get(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    match guard.admit(&parts).await {
        Ok(user) => Ok(user.name.clone()),
        Err(Refusal::Unauthenticated) => Err("Unauthorized".to_owned()),
        Err(Refusal::Forbidden { status, .. }) => Err(status.message),
    }
}

#[tokio::test]
async fn callers_are_those_that_the_reviews_say() {
    let server = FakeServer::start().await;
    answer_reviews(&server);
    let guard = guard(&server);
    let forbidden = |user: &str, path: &str| Err(format!("forbidden: User \"{user}\" cannot get path \"{path}\""));
    for (path, token, expected) in [
        ("/healthz", "", Ok("system:anonymous".to_owned())),
        ("/open/door", "", Ok("system:anonymous".to_owned())),
        ("/metrics", "", forbidden("system:anonymous", "/metrics")),
        ("/metrics", "good", Ok("alice".to_owned())),
        ("/configz", "good", forbidden("alice", "/configz")),
        ("/configz", "root", Ok("admin".to_owned())),
        ("/healthz", "bad", Err("Unauthorized".to_owned())),
    ] {
        assert_eq!(admit(&guard, path, token).await, expected, "{path} {token}");
    }
    let asked = |kind: &str| server.seen().iter().filter(|seen| seen.path.ends_with(kind)).count();
    let before = (asked("/tokenreviews"), asked("/subjectaccessreviews"));
    assert_eq!(admit(&guard, "/metrics", "good").await, Ok("alice".to_owned()));
    assert_eq!(
        (asked("/tokenreviews"), asked("/subjectaccessreviews")),
        before,
        "answers are remembered"
    );
}

#[test]
fn a_star_stands_at_the_end_of_a_path_only() {
    let error = AllowedPaths::new(["/a/*/b"]).unwrap_err();
    assert_eq!(error, PathError("a/*/b".to_owned()));
    assert_eq!(error.to_string(), "only trailing * allowed in \"a/*/b\"");
}

#[tokio::test]
async fn checks_and_paths_are_found_while_the_port_is_open() {
    let health = HealthRegistry::new(None);
    let router = Router::new()
        .health(&health)
        .configz("example.config.k8s.io", &json!({"Port": 1}))
        .below("/debug", |_| async { http::Response::new(Body::from("debugging")) });
    let ask = async |path: &str| {
        let response = router.handle(Request::get(path).body(Body::empty()).unwrap()).await;
        let status = response.status();
        let body = response.into_body().collect_bytes(10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let ok = |text: &str| (StatusCode::OK, text.to_owned());
    assert_eq!(ask("/healthz").await, ok("ok"));
    assert_eq!(ask("/healthz/job-controller").await.0, StatusCode::NOT_FOUND);
    health.add([Arc::new(CheckFn::immediate("job-controller", || {
        Err(HealthError("stuck".to_owned()))
    })) as _]);
    assert_eq!(
        ask("/healthz/job-controller").await,
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal server error: stuck\n".to_owned()
        )
    );
    assert_eq!(ask("/livez").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ask("/configz").await, ok("{\"example.config.k8s.io\":{\"Port\":1}}"));
    assert_eq!(ask("/debug/any").await, ok("debugging"));
    assert_eq!(
        ask("/debugging").await,
        (StatusCode::NOT_FOUND, "404 page not found\n".to_owned())
    );
}
