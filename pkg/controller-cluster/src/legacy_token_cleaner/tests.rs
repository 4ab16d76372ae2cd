use std::collections::BTreeMap;
use std::time::Duration;

use controller::Clock;
use k8s_api::core::v1::{Pod, Secret, ServiceAccount};
use serde_json::{Value, json};

use super::Cleaner;
use controller::testing::Fixture;

const SECRETS: &str = "/api/v1/secrets";

fn secret(name: &str, created: &str, labels: Value) -> Value {
    json!({
        "metadata": {
            "name": name, "creationTimestamp": created, "labels": labels,
            "annotations": {"kubernetes.io/service-account.name": "bot"},
        },
        "type": "kubernetes.io/service-account-token",
    })
}

#[tokio::test]
async fn old_unused_secrets_are_marked_and_then_deleted() {
    let mut fixture = Fixture::start().await;
    fixture.context.clock = Clock::fixed("2026-06-01T12:00:00Z".parse().unwrap());
    let tracking = "kube-apiserver-legacy-service-account-token-tracking";
    fixture.create(
        "/api/v1/configmaps",
        "kube-system",
        json!({"metadata": {"name": tracking}, "data": {"since": "2024-01-01"}}),
    );
    let old = "2020-01-01T00:00:00Z";
    let all = [
        "unused",
        "used",
        "marked-long-ago",
        "marked",
        "mounted",
        "young",
        "by-hand",
        "odd",
    ];
    let listed: Vec<_> = all
        .iter()
        .filter(|name| **name != "by-hand")
        .map(|name| json!({"name": name}))
        .collect();
    fixture.create(
        "/api/v1/serviceaccounts",
        "ns",
        json!({"metadata": {"name": "bot"}, "secrets": listed}),
    );
    let (last, since) = (
        "kubernetes.io/legacy-token-last-used",
        "kubernetes.io/legacy-token-invalid-since",
    );
    for (name, created, labels) in [
        ("unused", old, json!({last: "2024-03-01"})),
        ("used", old, json!({last: "2026-05-01"})),
        ("marked-long-ago", old, json!({since: "2025-01-01"})),
        ("marked", old, json!({since: "2026-05-01"})),
        ("mounted", old, json!({since: "2025-01-01"})),
        ("young", "2026-05-01T00:00:00Z", json!({})),
        ("by-hand", old, json!({})),
        ("odd", old, json!({last: "yesterday"})),
    ] {
        fixture.create(SECRETS, "ns", secret(name, created, labels));
    }
    let volume = json!({"name": "v", "secret": {"secretName": "mounted"}});
    fixture.create(
        "/api/v1/pods",
        "ns",
        json!({"metadata": {"name": "p"}, "spec": {"containers": [], "volumes": [volume]}}),
    );
    let informers = &fixture.context.informers;
    let cleaner = Cleaner {
        client: fixture.server.client(),
        clock: fixture.context.clock.clone(),
        accounts: informers.informer::<ServiceAccount>().lister(),
        secrets: informers.informer::<Secret>().lister(),
        pods: informers.informer::<Pod>().lister(),
        unused_for: Duration::from_secs(365 * 24 * 3600),
    };
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    cleaner.look().await;
    let marks: BTreeMap<String, Option<String>> = fixture
        .list::<Secret>(SECRETS, "ns")
        .into_iter()
        .map(|secret| (secret.metadata.name.clone(), secret.metadata.labels.get(since).cloned()))
        .collect();
    let mark = |text: &str| Some(text.to_owned());
    let wanted = BTreeMap::from([
        ("by-hand".to_owned(), None),
        ("marked".to_owned(), mark("2026-05-01")),
        ("mounted".to_owned(), mark("2025-01-01")),
        ("odd".to_owned(), None),
        ("unused".to_owned(), mark("2026-06-01")),
        ("used".to_owned(), None),
        ("young".to_owned(), None),
    ]);
    assert_eq!(marks, wanted);
}
