//! Admission by webhooks that answer over TLS.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use client_go::testing::{Canned, FakeServer, Seen};
use http::Method;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use super::{MAPS, Plane, map};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";

/// A service with a certificate of its own; `answer` makes the `response` of a review's `request`, without its uid.
struct Service {
    server: FakeServer,
    authority: String,
}

impl Service {
    async fn start(mut answer: impl FnMut(&str, &Value) -> Value + Send + 'static) -> Self {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("a server's identity");
        let server = FakeServer::start_with(Some(Arc::new(tls))).await;
        server.on_request(move |seen: &Seen| {
            let review: Value = serde_json::from_slice(&seen.body).expect("a review");
            let mut response = answer(&seen.path, &review["request"]);
            if response.get("uid").is_none() {
                response["uid"] = review["request"]["uid"].clone();
            }
            let body = json!({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response});
            Some(Canned::json(200, &body))
        });
        Self {
            server,
            authority: STANDARD.encode(certificate.pem()),
        }
    }

    /// A webhook at this path for the creation of these resources.
    fn hook(&self, path: &str, group: &str, version: &str, resource: &str) -> Value {
        json!({
            "name": format!("{path}.example.com"),
            "clientConfig": {
                "url": format!("https://{}/{path}", self.server.address()),
                "caBundle": self.authority,
            },
            "rules": [{
                "apiGroups": [group], "apiVersions": [version], "operations": ["CREATE", "CONNECT"], "resources": [resource],
            }],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
        })
    }

    /// The reviews' requests so far.
    fn asked(&self) -> Vec<(String, Value)> {
        let seen = self.server.seen().into_iter();
        let review = |body: &[u8]| -> Value { serde_json::from_slice(body).expect("a review") };
        seen.map(|seen| (seen.path, review(&seen.body))).collect()
    }
}

fn patch(operations: &Value) -> Value {
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())})
}

async fn configure(plane: &Plane, kind: &str, name: &str, hooks: Value) {
    let resource = format!("{CONFIGURATIONS}/{}s", kind.to_lowercase());
    let body = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "webhooks": hooks,
    });
    let (status, answer) = plane.post(&resource, body).await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test]
async fn patches_are_applied_and_seen_by_those_who_want_to_know() {
    let service = Service::start(|path, request| match path {
        "/first" => json!({"allowed": true}),
        _ => patch(&json!([
            {"op": "add", "path": "/data/by", "value": request["userInfo"]["username"]},
            {"op": "add", "path": "/metadata/labels/seen", "value": "yes"},
        ])),
    })
    .await;
    let plane = Plane::start().await;
    let mut first = service.hook("first", "", "v1", "configmaps");
    first["reinvocationPolicy"] = "IfNeeded".into();
    let second = service.hook("second", "", "v1", "configmaps");
    configure(&plane, "MutatingWebhookConfiguration", "m", json!([first, second])).await;

    let (status, made) = plane.post(MAPS, map("m")).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["data"], json!({"a": "1", "by": "admin"}));
    assert_eq!(made["metadata"]["labels"], json!({"n": "m", "seen": "yes"}));
    let asked = service.asked();
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        ["/first", "/second", "/first"],
        "the first is asked again, the second is not"
    );
    assert_eq!(asked[2].1["request"]["object"]["data"]["by"], "admin");

    let request = &asked[0].1["request"];
    for (member, expected) in [
        ("kind", json!({"group": "", "version": "v1", "kind": "ConfigMap"})),
        (
            "resource",
            json!({"group": "", "version": "v1", "resource": "configmaps"}),
        ),
        (
            "requestKind",
            json!({"group": "", "version": "v1", "kind": "ConfigMap"}),
        ),
        ("name", json!("m")),
        ("namespace", json!("default")),
        ("operation", json!("CREATE")),
        (
            "userInfo",
            json!({"username": "admin", "uid": "admin", "groups": ["system:masters", "system:authenticated"]}),
        ),
        ("oldObject", Value::Null),
        ("dryRun", json!(false)),
        (
            "options",
            json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}),
        ),
    ] {
        assert_eq!(request[member], expected, "{member}");
    }
    assert_eq!(request["object"]["apiVersion"], "v1");

    // The configurations themselves can always be taken away.
    let path = format!("{CONFIGURATIONS}/mutatingwebhookconfigurations/m");
    assert_eq!(plane.delete(&path).await.0, 200);
    let (status, plain) = plane.post(MAPS, map("plain")).await;
    assert_eq!((status, plain["data"].clone()), (201, json!({"a": "1"})));
}

#[tokio::test]
async fn refusals_are_shown_in_upstreams_words() {
    let service = Service::start(|path, _| match path {
        "/why" => json!({"allowed": false, "status": {"code": 418, "message": "not today"}, "warnings": ["look out"]}),
        "/mute" => json!({"allowed": false}),
        "/foreign" => json!({"allowed": true, "uid": "other"}),
        "/patch" => patch(&json!([])),
        _ => json!({"allowed": true}),
    })
    .await;
    let plane = Plane::start().await;
    let failed = |name: &str, reason: &str| {
        format!("Internal error occurred: failed calling webhook \"{name}.example.com\": {reason}")
    };
    let cases = [
        (
            "why",
            json!({}),
            418,
            "admission webhook \"why.example.com\" denied the request: not today".to_owned(),
        ),
        (
            "mute",
            json!({}),
            400,
            "admission webhook \"mute.example.com\" denied the request without explanation".to_owned(),
        ),
        (
            "patch",
            json!({}),
            500,
            failed(
                "patch",
                "received invalid webhook response: validating webhook may not return response.patch",
            ),
        ),
        (
            "nowhere",
            json!({"clientConfig": {"url": "https://127.0.0.1:9/x"}}),
            500,
            failed(
                "nowhere",
                "failed to call webhook: Post \"https://127.0.0.1:9/x?timeout=10s\": dial tcp 127.0.0.1:9: connect: \
                 connection refused",
            ),
        ),
        (
            "lost",
            json!({"clientConfig": {"service": {"namespace": "default", "name": "lost", "path": "/x"}}}),
            500,
            failed(
                "lost",
                "failed to call webhook: Post \"https://lost.default.svc:443/x?timeout=10s\": service \"lost\" not found",
            ),
        ),
        (
            "conditions",
            json!({"matchConditions": [{"name": "c", "expression": "true"}]}),
            403,
            "configmaps \"c\" is forbidden: matchConditions of webhooks need CEL, which this server does not evaluate"
                .to_owned(),
        ),
    ];
    for (name, change, code, message) in cases {
        let mut hook = service.hook(name, "", "v1", "configmaps");
        for (member, value) in change.as_object().expect("an object") {
            hook[member] = value.clone();
        }
        configure(&plane, "ValidatingWebhookConfiguration", name, json!([hook.clone()])).await;
        let (status, answer) = plane.post(MAPS, map("c")).await;
        assert_eq!(
            (status, answer["message"].as_str()),
            (code, Some(message.as_str())),
            "{name}"
        );
        let path = format!("{CONFIGURATIONS}/validatingwebhookconfigurations/{name}");
        assert_eq!(plane.delete(&path).await.0, 200);
        if code == 500 || code == 403 {
            // The same failure, passed over.
            hook["failurePolicy"] = "Ignore".into();
            configure(&plane, "ValidatingWebhookConfiguration", name, json!([hook])).await;
            assert_eq!(
                plane.post(&format!("{MAPS}?dryRun=All"), map("c")).await.0,
                201,
                "{name}"
            );
            assert_eq!(plane.delete(&path).await.0, 200);
        }
    }
    let foreign = service.hook("foreign", "", "v1", "configmaps");
    configure(&plane, "ValidatingWebhookConfiguration", "foreign", json!([foreign])).await;
    let (status, answer) = plane.post(MAPS, map("c")).await;
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(status == 500 && message.contains("expected response.uid="), "{message}");

    let metrics = plane.raw(Method::GET, "/metrics", &[], "").await;
    let text = http_body_util::BodyExt::collect(metrics.into_body())
        .await
        .expect("a body")
        .to_bytes();
    let text = String::from_utf8_lossy(&text);
    for line in [
        "apiserver_admission_webhook_rejection_count{error_type=\"no_error\",name=\"why.example.com\",operation=\"CREATE\",rejection_code=\"418\",type=\"validating\"} 1",
        "apiserver_admission_webhook_request_total{code=\"418\",name=\"why.example.com\",operation=\"CREATE\",rejected=\"true\",type=\"validating\"} 1",
        "apiserver_admission_webhook_fail_open_count{name=\"nowhere.example.com\",type=\"validating\"} 1",
    ] {
        assert!(text.contains(line), "{line}");
    }
}

#[tokio::test]
async fn webhooks_are_asked_about_what_concerns_them() {
    let service = Service::start(|_, _| json!({"allowed": true})).await;
    let plane = Plane::start().await;
    let mut other = service.hook("selector", "", "v1", "configmaps");
    other["objectSelector"] = json!({"matchLabels": {"n": "another"}});
    let mut elsewhere = service.hook("namespace", "", "v1", "configmaps");
    elsewhere["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}});
    let mut cluster = service.hook("scope", "", "v1", "*");
    cluster["rules"][0]["scope"] = "Cluster".into();
    let scales = service.hook("equivalent", "autoscaling", "v1", "horizontalpodautoscalers");
    let mut exact = service.hook("exact", "autoscaling", "v1", "horizontalpodautoscalers");
    exact["matchPolicy"] = "Exact".into();
    let mut effects = service.hook("old", "", "v1", "secrets");
    effects["admissionReviewVersions"] = json!(["v9", "v1beta1"]);
    configure(
        &plane,
        "ValidatingWebhookConfiguration",
        "v",
        json!([other, elsewhere, cluster, scales, exact, effects]),
    )
    .await;
    assert_eq!(plane.post(MAPS, map("m")).await.0, 201);
    assert_eq!(service.asked().len(), 0, "{:?}", service.asked());

    let scaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}},
    });
    let scalers = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
    assert_eq!(plane.post(scalers, scaler).await.0, 201);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
    assert_eq!(
        plane
            .post("/api/v1/namespaces/default/secrets?dryRun=All", secret)
            .await
            .0,
        201
    );
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    assert_eq!(plane.post("/api/v1/namespaces", namespace).await.0, 201);

    let asked = service.asked();
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/equivalent", "/old", "/scope"]);
    let scale = &asked[0].1["request"];
    assert_eq!(scale["object"]["apiVersion"], "autoscaling/v1");
    assert_eq!(
        (&scale["kind"]["version"], &scale["requestKind"]["version"]),
        (&json!("v1"), &json!("v2"))
    );
    assert_eq!(asked[1].1["apiVersion"], "admission.k8s.io/v1beta1");
    assert_eq!(asked[1].1["request"]["options"]["dryRun"], json!(["All"]));
}

#[tokio::test]
async fn dry_runs_spare_webhooks_with_side_effects() {
    let service = Service::start(|_, _| json!({"allowed": true})).await;
    let plane = Plane::start().await;
    let mut hook = service.hook("effects", "", "v1", "configmaps");
    hook["sideEffects"] = "Some".into();
    hook["admissionReviewVersions"] = json!(["v1beta1"]);
    let body = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "m"}, "webhooks": [hook],
    });
    let (status, answer) = plane
        .post(&format!("{CONFIGURATIONS}/mutatingwebhookconfigurations"), body)
        .await;
    // Only v1beta1 configurations could have them; the rule is checked where such an object is stored.
    assert_eq!(status, 422, "{answer}");
}

#[tokio::test]
async fn streams_are_asked_about() {
    let service = Service::start(|_, request| {
        let command = request["object"]["command"].clone();
        json!({"allowed": false, "status": {"message": format!("{} {command}", request["operation"])}})
    })
    .await;
    let plane = Plane::start().await;
    let hook = service.hook("exec", "", "v1", "pods/exec");
    configure(&plane, "ValidatingWebhookConfiguration", "v", json!([hook])).await;
    let path = "/api/v1/namespaces/default/pods/p/exec?command=ls&command=-l&stdout=true";
    let (status, answer) = plane.send(Method::POST, path, "", "").await;
    let message = r#"admission webhook "exec.example.com" denied the request: "CONNECT" ["ls","-l"]"#;
    assert_eq!((status, answer["message"].as_str()), (400, Some(message)));
    let request = &service.asked()[0].1["request"];
    assert_eq!(request["kind"]["kind"], "PodExecOptions");
    assert_eq!(
        (request["subResource"].as_str(), request["name"].as_str()),
        (Some("exec"), Some("p"))
    );
}

#[tokio::test]
async fn managers_that_are_valid_stay_as_a_webhook_left_them() {
    let service = Service::start(|path, _| {
        let member = if path == "/wrong" { "operation" } else { "manager" };
        patch(&json!([
            {"op": "replace", "path": format!("/metadata/managedFields/0/{member}"), "value": "hook"},
            {"op": "add", "path": "/data/by", "value": path},
        ]))
    })
    .await;
    let plane = Plane::start().await;
    for (name, manager, warnings) in [
        ("right", "hook", vec![]),
        (
            "wrong",
            "tester",
            vec![
                "299 - \".metadata.managedFields was in an invalid state after admission; this could be caused by an \
                 outdated mutating admission controller; please fix your requests: operation must be `Apply` or \
                 `Update`\"",
            ],
        ),
    ] {
        let hook = service.hook(name, "", "v1", "configmaps");
        configure(&plane, "MutatingWebhookConfiguration", name, json!([hook])).await;
        let headers = [("content-type", "application/json")];
        let response = plane.raw(Method::POST, MAPS, &headers, map(name).to_string()).await;
        let found = response.headers().get_all("warning").into_iter();
        let found: Vec<&str> = found.filter_map(|warning| warning.to_str().ok()).collect();
        assert_eq!(found, warnings, "{name}");
        let (_, made) = plane.get(&format!("{MAPS}/{name}")).await;
        assert_eq!(made["data"]["by"], format!("/{name}"));
        let entry = &made["metadata"]["managedFields"][0];
        assert_eq!(
            (entry["manager"].as_str(), entry["operation"].as_str()),
            (Some(manager), Some("Update"))
        );
        let path = format!("{CONFIGURATIONS}/mutatingwebhookconfigurations/{name}");
        assert_eq!(plane.delete(&path).await.0, 200);
    }
}

#[tokio::test]
async fn services_are_looked_for_by_their_endpoints_where_no_proxy_serves_cluster_ips() {
    let service = Service::start(|_, _| json!({"allowed": true})).await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plane = Plane::with(directory, |options| options.generic.aggregator_routing = true).await;
    let body = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hooks"},
        "spec": {"ports": [{"name": "web", "port": 8443, "targetPort": 9443}]},
    });
    assert_eq!(plane.post("/api/v1/namespaces/default/services", body).await.0, 201);
    let mut hook = service.hook("routed", "", "v1", "configmaps");
    hook["clientConfig"] = json!({
        "service": {"namespace": "default", "name": "hooks", "path": "/x", "port": 8443}, "caBundle": service.authority,
    });
    configure(&plane, "ValidatingWebhookConfiguration", "v", json!([hook])).await;

    let (status, answer) = plane.post(MAPS, map("m")).await;
    let message = "Internal error occurred: failed calling webhook \"routed.example.com\": failed to call webhook: Post \
                   \"https://hooks.default.svc:8443/x?timeout=10s\": no endpoints available for service \"hooks\"";
    assert_eq!((status, answer["message"].as_str()), (500, Some(message)));
}
