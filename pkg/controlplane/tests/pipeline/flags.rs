//! Flags that change what clients see.

use component_base::flags::{Command, Invocation};
use controlplane::ServerOptions;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::{MAPS, Plane, map};

/// A plane with these flags.
async fn with_flags(flags: &[&str]) -> Plane {
    let command = Command {
        name: "kube-apiserver",
        about: "",
    };
    let arguments = flags.iter().map(|flag| (*flag).to_owned());
    let directory = tempfile::tempdir().expect("a temporary directory");
    Plane::with(directory, |options: &mut ServerOptions| {
        let parsed = command.parse(options, arguments, &mut Vec::new());
        assert!(matches!(parsed, Ok(Invocation::Run(_))), "{flags:?}");
    })
    .await
}

async fn document(plane: &Plane, path: &str) -> (u16, Value) {
    let answer = plane
        .raw(Method::GET, path, &[("accept", "application/json")], "")
        .await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn what_is_not_served_is_in_no_document() {
    let plane = with_flags(&["--runtime-config=autoscaling/v1=false,apps/v1/deployments=false,batch/v1=false"]).await;
    let (_, index) = document(&plane, "/openapi/v3").await;
    let documents = index["paths"].as_object().expect("documents");
    for (name, listed) in [
        ("apis/autoscaling/v1", false),
        ("apis/autoscaling/v2", true),
        ("apis/autoscaling", true),
        ("apis/batch/v1", false),
        ("apis/batch", false),
        ("apis/apps/v1", true),
    ] {
        assert_eq!(documents.contains_key(name), listed, "{name}");
    }
    let (_, apps) = document(&plane, "/openapi/v3/apis/apps/v1").await;
    let (_, whole) = document(&plane, "/openapi/v2").await;
    for document in [&apps["paths"], &whole["paths"]] {
        let served = |path: &str| !document[format!("/apis/apps/v1/namespaces/{{namespace}}/{path}")].is_null();
        assert!(served("statefulsets") && served("statefulsets/{name}/scale"));
        assert!(!served("deployments") && !served("deployments/{name}/scale"));
    }
    assert!(whole["paths"]["/apis/batch/"].is_null() && !whole["paths"]["/apis/apps/"].is_null());
    assert!(whole["definitions"]["io.k8s.api.batch.v1.CronJob"].is_null());
    for (path, status) in [
        ("/openapi/v3/apis/batch/v1", 404),
        ("/apis/batch/v1", 404),
        ("/apis/batch/v1/jobs", 404),
        ("/apis/apps/v1/deployments", 404),
        ("/apis/apps/v1/statefulsets", 200),
    ] {
        assert_eq!(document_status(&plane, path).await, status, "{path}");
    }
    let (_, apps) = document(&plane, "/apis/apps/v1").await;
    let names: Vec<&str> = apps["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .filter_map(|resource| resource["name"].as_str())
        .collect();
    assert!(names.contains(&"statefulsets") && !names.iter().any(|name| name.starts_with("deployments")));
}

async fn document_status(plane: &Plane, path: &str) -> u16 {
    document(plane, path).await.0
}

#[tokio::test]
async fn without_watch_cache_every_read_is_as_of_now() {
    let plane = with_flags(&["--watch-cache=false", "--watch-cache-sizes=pods#0"]).await;
    for number in 0..20 {
        let name = format!("m{number}");
        assert_eq!(plane.post(MAPS, map(&name)).await.0, 201);
        let (status, _) = plane.get(&format!("{MAPS}/{name}?resourceVersion=0")).await;
        assert_eq!(status, 200, "{name}");
        let (_, list) = plane
            .get(&format!("{MAPS}?resourceVersion=0&labelSelector=n={name}"))
            .await;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{name}");
    }
}
