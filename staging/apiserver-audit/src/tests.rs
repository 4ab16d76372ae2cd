//! Rules, records, rotation and batches.

use std::{fs, sync::Arc, time::Duration};

use apiserver_auth::{authorization::Attributes, user::UserInfo};
use async_trait::async_trait;
use k8s_api::primitives::MicroTime;
use parking_lot::Mutex;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    Backend, Batch, BatchSettings, Event, EventSink, Level, LogBackend, LogFormat, LogSettings, Policy, Stage, User,
    add_annotation,
};

fn policy(value: serde_json::Value) -> Result<Policy, String> {
    let policy: Policy = serde_json::from_value(value).unwrap();
    policy.checked().map_err(|error| error.to_string())
}

#[test]
fn the_first_matching_rule_decides() {
    let policy = policy(json!({
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            {"level": "None", "users": ["system:kube-proxy"], "verbs": ["watch"], "resources": [{"group": "", "resources": ["endpoints"]}]},
            {"level": "None", "userGroups": ["system:authenticated"], "nonResourceURLs": ["/api*", "/version"]},
            {"level": "Request", "namespaces": ["kube-system"], "resources": [{"group": "", "resources": ["configmaps"], "resourceNames": ["a"]}], "omitManagedFields": false},
            {"level": "Metadata", "resources": [{"group": "", "resources": ["pods/log", "*/scale", "services/*"]}]},
            {"level": "RequestResponse", "resources": [{"group": "apps"}], "omitStages": ["Panic"]},
        ],
    }))
    .unwrap();
    let proxy = UserInfo::named("system:kube-proxy").with_groups(["system:authenticated"]);
    let request = |verb, group, resource: &'static str, namespace, name| {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            namespace,
            name,
            subresource,
            ..Attributes::resource(&proxy, verb, group, "v1", resource)
        }
    };
    let cases = [
        (request("watch", "", "endpoints", "", ""), Level::None),
        (request("get", "", "configmaps", "kube-system", "a"), Level::Request),
        (request("get", "", "configmaps", "kube-system", "b"), Level::None),
        (request("get", "", "pods/log", "ns", "p"), Level::Metadata),
        (request("get", "", "pods", "ns", "p"), Level::None),
        (request("get", "", "x/scale", "ns", "p"), Level::Metadata),
        (request("get", "", "services/proxy", "ns", "p"), Level::Metadata),
        (request("list", "apps", "deployments", "", ""), Level::RequestResponse),
        (Attributes::non_resource(&proxy, "get", "/apis"), Level::None),
    ];
    for (attributes, level) in cases {
        assert_eq!(policy.evaluate(&attributes).level, level, "{attributes:?}");
    }
    let config = policy.evaluate(&request("list", "apps", "deployments", "", ""));
    assert_eq!(config.omit_stages, [Stage::RequestReceived, Stage::Panic]);
    assert!(config.omit_managed_fields);
    assert!(
        !policy
            .evaluate(&request("get", "", "configmaps", "kube-system", "a"))
            .omit_managed_fields
    );
}

#[test]
fn refused_policies() {
    assert_eq!(
        policy(json!({"rules": []})).unwrap_err(),
        "loaded illegal policy with 0 rules"
    );
    let error = policy(json!({"rules": [
        {},
        {"level": "None", "nonResourceURLs": ["x", "/a*b"], "namespaces": ["n"]},
    ]}))
    .unwrap_err();
    for part in [
        "rules[0].level: Required value",
        "rules cannot apply to both regular resources and non-resource URLs",
        r#"rules[1].nonResourceURLs[0]: Invalid value: "x": non-resource URL rules must begin with a '/' character"#,
        r#"rules[1].nonResourceURLs[1]: Invalid value: "/a*b": non-resource URL wildcards '*' must be the final character of the rule"#,
    ] {
        assert!(error.contains(part), "{error}");
    }
}

fn event(id: &str) -> Event {
    let user = UserInfo::named("alice").with_groups(["a", "b"]);
    let received = MicroTime::from_unix(1_700_000_000, 5000);
    let mut event = Event::new(
        Level::Metadata,
        id.to_owned(),
        "get",
        "/api/v1/pods",
        User::from(&user),
        received,
    );
    event.source_ips = vec!["10.0.0.1".to_owned()];
    event
}

#[test]
fn records_read_as_upstream() {
    let mut one = event("id");
    one.impersonate(&UserInfo::named("bob"), "impersonate:user-info");
    let text = String::from_utf8(one.to_json()).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id","#,
            r#""stage":"RequestReceived","requestURI":"/api/v1/pods","verb":"get","#,
            r#""user":{"username":"alice","groups":["a","b"]},"impersonatedUser":{"username":"bob"},"#,
            r#""authenticationMetadata":{"impersonationConstraint":"impersonate:user-info"},"#,
            r#""sourceIPs":["10.0.0.1"],"requestReceivedTimestamp":"2023-11-14T22:13:20.000005Z","#,
            r#""stageTimestamp":"2023-11-14T22:13:20.000005Z"}"#
        )
    );
    let legacy = event("id").to_legacy();
    let (_, fields) = legacy.split_once(' ').unwrap();
    assert_eq!(
        fields,
        concat!(
            r#"AUDIT: id="id" stage="RequestReceived" ip="10.0.0.1" method="get" user="alice" groups="\"a\",\"b\"" "#,
            r#"as="<self>" asgroups="<lookup>" user-agent="" namespace="<none>" uri="/api/v1/pods" response="<deferred>""#
        )
    );
    let mut notes = std::collections::BTreeMap::new();
    add_annotation(&mut notes, "k", "first");
    add_annotation(&mut notes, "k", "second");
    assert_eq!(notes["k"], "first");
}

#[test]
fn files_are_rotated() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/audit.log");
    let line = event("0").to_json().len() as u64 + 1;
    let backend = LogBackend::new(LogSettings {
        path: path.clone(),
        format: LogFormat::Json,
        max_size: 2 * line,
        max_age: Duration::ZERO,
        max_backups: 1,
        compress: true,
    })
    .unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(backend.process(&(0..3).map(|id| event(&id.to_string())).collect::<Vec<_>>()));
    let names = || {
        let mut names: Vec<_> = fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let rotated = names();
    assert_eq!(rotated.len(), 2);
    assert!(
        rotated[0].starts_with("audit-2") && rotated[0].ends_with(".log.gz"),
        "{rotated:?}"
    );
    assert!(fs::read_to_string(&path).unwrap().contains(r#""auditID":"2""#));
    assert!(backend.process(&(3..9).map(|id| event(&id.to_string())).collect::<Vec<_>>()));
    assert_eq!(names().len(), 2, "one backup stays");
}

#[derive(Default)]
struct Collected(Mutex<Vec<usize>>);

#[async_trait]
impl EventSink for Collected {
    async fn send(&self, events: &[Event]) -> Result<(), String> {
        self.0.lock().push(events.len());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn records_go_in_batches() {
    let sink = Arc::new(Collected::default());
    let stop = CancellationToken::new();
    let settings = BatchSettings {
        buffer: 5,
        max_size: 2,
        ..BatchSettings::default()
    };
    let (batch, work) = Batch::new(sink.clone(), settings, stop.clone());
    // The queue holds five; what does not fit is lost and said to be.
    assert!(!batch.process(&(0..7).map(|id| event(&id.to_string())).collect::<Vec<_>>()));
    let task = tokio::spawn(work);
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(*sink.0.lock(), [2, 2]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(*sink.0.lock(), [2, 2, 1]);
    assert!(batch.process(&[event("last")]));
    stop.cancel();
    task.await.unwrap();
    assert_eq!(*sink.0.lock(), [2, 2, 1, 1]);
}
