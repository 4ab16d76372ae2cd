//! The whole pipeline on the embedded store, from a request to its answer, without a network.

mod flags;
mod metadata;
mod metrics;
mod services;
mod short_ways;
mod subresources;
mod upgrades;
mod webhooks;

use std::time::Duration;

use apiserver::server::ServerHandler;
use component_base::{
    serving::{Body, Handler as _, RequestContext},
    version::VersionInfo,
};
use controlplane::{ControlPlane, ServerOptions};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

struct Plane {
    handler: ServerHandler,
    plane: ControlPlane,
    directory: tempfile::TempDir,
}

impl Plane {
    async fn start() -> Self {
        Self::open(tempfile::tempdir().expect("a temporary directory")).await
    }

    async fn open(directory: tempfile::TempDir) -> Self {
        Self::with(directory, |_| {}).await
    }

    async fn with(directory: tempfile::TempDir, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let mut options = ServerOptions::default();
        change(&mut options);
        options.storage.data_dir = directory.path().join("store");
        let tokens = directory.path().join("tokens.csv");
        std::fs::write(&tokens, "secret,admin,admin,system:masters\n").expect("a token file");
        options.authentication.token_auth_file = tokens.display().to_string();
        let version = VersionInfo::current();
        let plane = ControlPlane::start(&options, &version, CancellationToken::new()).await;
        let plane = plane.expect("the control plane starts");
        plane.wait_ready().await;
        Self {
            handler: ServerHandler(plane.server.clone()),
            plane,
            directory,
        }
    }

    async fn restart(self) -> Self {
        self.plane.close().await;
        Self::open(self.directory).await
    }

    async fn raw(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer secret")
            .header("user-agent", "tester");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).expect("a valid request");
        request.extensions_mut().insert(RequestContext::detached());
        self.handler.handle(request).await
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: &str) -> (u16, Value) {
        let response = self
            .raw(method, path, &[("content-type", content_type)], body.to_owned())
            .await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{path}: {error}: {bytes:?}")),
        )
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, "", "").await
    }

    async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::PUT, path, "application/json", &body.to_string())
            .await
    }

    async fn delete(&self, path: &str) -> (u16, Value) {
        self.send(Method::DELETE, path, "", "").await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, path, "application/json", &body.to_string())
            .await
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"n": name}}, "data": {"a": "1"}})
}

#[tokio::test]
async fn create_get_update_delete() {
    let plane = Plane::start().await;
    let (status, created) = plane.post(MAPS, map("m")).await;
    assert_eq!(status, 201);
    assert_eq!(created["data"], json!({"a": "1"}));
    assert!(created["metadata"]["uid"].as_str().is_some_and(|uid| uid.len() == 36));
    let owned = &created["metadata"]["managedFields"][0];
    assert_eq!(
        (owned["manager"].as_str(), owned["operation"].as_str()),
        (Some("tester"), Some("Update"))
    );
    assert_eq!(owned["fieldsV1"]["f:data"], json!({".": {}, "f:a": {}}));

    let (status, again) = plane.post(MAPS, map("m")).await;
    assert_eq!(status, 409);
    assert_eq!(again["message"], "configmaps \"m\" already exists");

    let path = format!("{MAPS}/m");
    let (_, mut object) = plane.get(&path).await;
    assert_eq!(object, created);
    object["data"]["a"] = "2".into();
    let (status, updated) = plane
        .send(Method::PUT, &path, "application/json", &object.to_string())
        .await;
    assert_eq!((status, &updated["data"]["a"]), (200, &json!("2")));
    let (status, stale) = plane
        .send(Method::PUT, &path, "application/json", &object.to_string())
        .await;
    assert_eq!(status, 409);
    let message = "Operation cannot be fulfilled on configmaps \"m\": the object has been modified; please apply your changes to the latest version and try again";
    assert_eq!(stale["message"], message);
    let (_, same) = plane
        .send(Method::PUT, &path, "application/json", &updated.to_string())
        .await;
    assert_eq!(
        same["metadata"]["resourceVersion"], updated["metadata"]["resourceVersion"],
        "an update without a change is no write"
    );

    let (status, gone) = plane.send(Method::DELETE, &path, "", "").await;
    assert_eq!((status, gone["status"].as_str()), (200, Some("Success")));
    let (status, missing) = plane.get(&path).await;
    assert_eq!(
        (status, missing["message"].as_str()),
        (404, Some("configmaps \"m\" not found"))
    );
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let plane = Plane::start().await;
    let (_, created) = plane.post(MAPS, map("kept")).await;
    let plane = plane.restart().await;
    assert_eq!(plane.get(&format!("{MAPS}/kept")).await, (200, created));
    assert_eq!(plane.get("/api/v1/namespaces/kube-system").await.0, 200);
}

#[tokio::test]
async fn lists_page_and_select() {
    let plane = Plane::start().await;
    for name in ["a", "b", "c"] {
        assert_eq!(plane.post(MAPS, map(name)).await.0, 201);
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items");
        items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let (_, all) = plane.get(MAPS).await;
    assert_eq!(
        (all["kind"].as_str(), names(&all)),
        (Some("ConfigMapList"), vec!["a".into(), "b".into(), "c".into()])
    );
    assert_eq!(
        all["items"][0].get("kind"),
        None,
        "items of a built-in list go without their kind"
    );
    let (_, page) = plane.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!(
        (names(&page).len(), &page["metadata"]["remainingItemCount"]),
        (2, &json!(1))
    );
    // What comes between two pages does not show.
    assert_eq!(plane.post(MAPS, map("bb")).await.0, 201);
    let token = page["metadata"]["continue"]
        .as_str()
        .expect("a continue token")
        .to_owned();
    let (_, rest) = plane.get(&format!("{MAPS}?limit=2&continue={token}")).await;
    assert_eq!(names(&rest), ["c"]);
    assert_eq!(rest["metadata"]["resourceVersion"], page["metadata"]["resourceVersion"]);
    let (_, selected) = plane.get(&format!("{MAPS}?labelSelector=n%20in%20(a,c)")).await;
    assert_eq!(names(&selected), ["a", "c"]);
    let (_, named) = plane.get(&format!("{MAPS}?fieldSelector=metadata.name%3Db")).await;
    assert_eq!(names(&named), ["b"]);
    let (status, refused) = plane.get(&format!("{MAPS}?fieldSelector=spec.x%3Db")).await;
    assert_eq!((status, refused["reason"].as_str()), (400, Some("BadRequest")));
    let (status, bad) = plane.get(&format!("{MAPS}?continue=x")).await;
    assert_eq!((status, bad["reason"].as_str()), (400, Some("BadRequest")));
}

#[tokio::test]
async fn patches() {
    let plane = Plane::start().await;
    plane.post(MAPS, map("p")).await;
    let path = format!("{MAPS}/p");
    let (status, merged) = plane
        .send(
            Method::PATCH,
            &path,
            "application/merge-patch+json",
            r#"{"data":{"b":"2","a":null}}"#,
        )
        .await;
    assert_eq!((status, &merged["data"]), (200, &json!({"b": "2"})));
    let (status, patched) = plane
        .send(
            Method::PATCH,
            &path,
            "application/json-patch+json",
            r#"[{"op":"add","path":"/data/c","value":"3"}]"#,
        )
        .await;
    assert_eq!((status, &patched["data"]), (200, &json!({"b": "2", "c": "3"})));
    let (status, renamed) = plane
        .send(
            Method::PATCH,
            &path,
            "application/merge-patch+json",
            r#"{"metadata":{"name":"q"}}"#,
        )
        .await;
    assert_eq!(status, 400);
    assert_eq!(
        renamed["message"],
        "the name of the object (q) does not match the name on the URL (p)"
    );
    let (status, unknown) = plane.send(Method::PATCH, &path, "application/json", "{}").await;
    assert_eq!(
        (status, unknown["message"].as_str()),
        (415, Some("415: Unsupported Media Type"))
    );
}

#[tokio::test]
async fn server_side_apply() {
    const APPLY: &str = "application/apply-patch+yaml";

    let plane = Plane::start().await;
    let path = format!("{MAPS}/s");
    let applied = |data: &str| format!("{{apiVersion: v1, kind: ConfigMap, data: {data}}}");
    let one = format!("{path}?fieldManager=one");
    let (status, created) = plane
        .send(Method::PATCH, &one, APPLY, &applied("{a: '1', b: '1'}"))
        .await;
    assert_eq!((status, &created["data"]), (201, &json!({"a": "1", "b": "1"})));
    let two = format!("{path}?fieldManager=two");
    let (status, conflict) = plane.send(Method::PATCH, &two, APPLY, &applied("{a: '2'}")).await;
    assert_eq!(status, 409);
    assert_eq!(
        conflict["message"],
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    let (status, forced) = plane
        .send(Method::PATCH, &format!("{two}&force=true"), APPLY, &applied("{a: '2'}"))
        .await;
    assert_eq!((status, &forced["data"]), (200, &json!({"a": "2", "b": "1"})));
    let (_, shrunk) = plane.send(Method::PATCH, &one, APPLY, &applied("{}")).await;
    assert_eq!(
        shrunk["data"],
        json!({"a": "2"}),
        "what an applier no longer sets goes, if nobody else owns it"
    );
}

#[tokio::test]
async fn field_validation() {
    let plane = Plane::start().await;
    let mut odd = map("odd");
    odd["dat"] = json!({});
    let (status, refused) = plane.post(&format!("{MAPS}?fieldValidation=Strict"), odd.clone()).await;
    assert_eq!(status, 400);
    let message =
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dat\"";
    assert_eq!(refused["message"], message);
    let headers = [("content-type", "application/json")];
    let response = plane.raw(Method::POST, MAPS, &headers, odd.to_string()).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["warning"], "299 - \"unknown field \\\"dat\\\"\"");
}

#[tokio::test]
async fn watches_see_objects_enter_and_leave_their_selector() {
    let plane = Plane::start().await;
    let (_, list) = plane.get(MAPS).await;
    let version = list["metadata"]["resourceVersion"]
        .as_str()
        .expect("a version")
        .to_owned();
    let path = format!("{MAPS}?watch=1&labelSelector=on&resourceVersion={version}");
    let response = plane.raw(Method::GET, &path, &[], "").await;
    let mut body = response.into_body();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame())
            .await
            .expect("an event in time");
        let data = frame.expect("a frame").expect("no error").into_data().expect("data");
        let event: Value = serde_json::from_slice(&data).expect("JSON");
        (
            event["type"].as_str().unwrap_or_default().to_owned(),
            event["object"].clone(),
        )
    };
    plane.post(MAPS, map("w")).await;
    let path = format!("{MAPS}/w");
    for labels in [
        r#"{"metadata":{"labels":{"on":"1"}}}"#,
        r#"{"data":{"a":"9"}}"#,
        r#"{"metadata":{"labels":{"on":null}}}"#,
    ] {
        assert_eq!(
            plane
                .send(Method::PATCH, &path, "application/merge-patch+json", labels)
                .await
                .0,
            200
        );
    }
    assert_eq!(next().await.0, "ADDED");
    let (kind, modified) = next().await;
    assert_eq!((kind.as_str(), &modified["data"]["a"]), ("MODIFIED", &json!("9")));
    let (kind, left) = next().await;
    assert_eq!(
        (kind.as_str(), &left["metadata"]["labels"]["on"]),
        ("DELETED", &json!("1"))
    );
    let (_, now) = plane.get(&path).await;
    assert_eq!(
        left["metadata"]["resourceVersion"], now["metadata"]["resourceVersion"],
        "the event's version, the former state"
    );
}

#[tokio::test]
async fn finalizers_keep_an_object_until_they_are_gone() {
    let plane = Plane::start().await;
    let mut object = map("f");
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    plane.post(MAPS, object).await;
    let path = format!("{MAPS}/f");
    let (status, deleting) = plane.send(Method::DELETE, &path, "", "").await;
    assert_eq!(
        (status, &deleting["metadata"]["deletionGracePeriodSeconds"]),
        (200, &json!(0))
    );
    assert_eq!(plane.get(&path).await.0, 200);
    let (status, again) = plane.post(MAPS, map("f")).await;
    assert_eq!(
        (status, again["message"].as_str()),
        (409, Some("object is being deleted: configmaps \"f\" already exists"))
    );
    let emptied = r#"{"metadata":{"finalizers":null}}"#;
    assert_eq!(
        plane
            .send(Method::PATCH, &path, "application/merge-patch+json", emptied)
            .await
            .0,
        200
    );
    assert_eq!(plane.get(&path).await.0, 404);
}

#[tokio::test]
async fn an_object_that_goes_while_it_is_updated_is_no_conflict() {
    let plane = Plane::start().await;
    let mut object = map("f");
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    plane.post(MAPS, object).await;
    let path = format!("{MAPS}/f");
    plane.send(Method::DELETE, &path, "", "").await;
    // All are made from the same state, and the first to come takes the object away.
    let emptied = r#"{"metadata":{"finalizers":null,"labels":{"last":"1"}}}"#;
    let patches = (0..8).map(|_| plane.send(Method::PATCH, &path, "application/merge-patch+json", emptied));
    let answers = futures::future::join_all(patches).await;
    let went = |(status, answer): &&(u16, Value)| *status == 200 && answer["metadata"]["labels"]["last"] == "1";
    assert!(answers.iter().filter(went).count() > 1, "{answers:?}");
    assert!(
        answers.iter().all(|(status, _)| matches!(status, 200 | 404)),
        "{answers:?}"
    );
    assert_eq!(plane.get(&path).await.0, 404);
}

#[tokio::test]
async fn dry_runs_store_nothing() {
    let plane = Plane::start().await;
    let (status, shown) = plane.post(&format!("{MAPS}?dryRun=All"), map("d")).await;
    assert_eq!((status, shown["metadata"].get("resourceVersion")), (201, None));
    assert_eq!(plane.get(&format!("{MAPS}/d")).await.0, 404);
    let (status, refused) = plane.post(&format!("{MAPS}?dryRun=Some"), map("d")).await;
    assert_eq!((status, refused["reason"].as_str()), (422, Some("Invalid")));
}

#[tokio::test]
async fn other_forms_of_an_object() {
    let plane = Plane::start().await;
    plane.post(MAPS, map("o")).await;
    let path = format!("{MAPS}/o");
    let body = async |accept: &str| {
        let response = plane.raw(Method::GET, &path, &[("accept", accept)], "").await;
        assert_eq!(response.status(), 200, "{accept}");
        response.into_body().collect().await.expect("a body").to_bytes()
    };
    assert!(body("application/vnd.kubernetes.protobuf").await.starts_with(b"k8s\0"));
    assert!(body("application/yaml").await.starts_with(b"apiVersion: v1\n"));
    let partial: Value =
        serde_json::from_slice(&body("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").await)
            .expect("JSON");
    assert_eq!(
        (partial["kind"].as_str(), partial.get("data")),
        (Some("PartialObjectMetadata"), None)
    );
    let table: Value =
        serde_json::from_slice(&body("application/json;as=Table;g=meta.k8s.io;v=v1").await).expect("JSON");
    assert_eq!(table["rows"][0]["cells"][0], "o");
    let refused = plane.raw(Method::GET, &path, &[("accept", "text/html")], "").await;
    assert_eq!(refused.status(), 406);
}

#[tokio::test]
async fn bad_input_is_told_apart() {
    let plane = Plane::start().await;
    let cases = [
        ("{", 400, "BadRequest"),
        (
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}"#,
            400,
            "BadRequest",
        ),
        (
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}"#,
            422,
            "Invalid",
        ),
        (
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"other"}}"#,
            400,
            "BadRequest",
        ),
        (
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":[1]}"#,
            400,
            "BadRequest",
        ),
    ];
    for (body, code, reason) in cases {
        let (status, answer) = plane.send(Method::POST, MAPS, "application/json", body).await;
        assert_eq!((status, answer["reason"].as_str()), (code, Some(reason)), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(plane.send(Method::POST, MAPS, "application/json", &deep).await.0, 400);
    let large = format!("\"{}\"", "x".repeat(3 * 1024 * 1024));
    let (status, answer) = plane.send(Method::POST, MAPS, "application/json", &large).await;
    assert_eq!(
        (status, answer["message"].as_str()),
        (413, Some("Request entity too large: limit is 3145728"))
    );
    let (status, answer) = plane.post("/api/v1/namespaces/absent/configmaps", map("x")).await;
    assert_eq!(
        (status, answer["message"].as_str()),
        (404, Some("namespaces \"absent\" not found"))
    );
    assert_eq!(plane.get("/apis/apps/v9/deployments").await.0, 404);
    assert_eq!(plane.get(MAPS).await.1["items"], json!([]));
}
