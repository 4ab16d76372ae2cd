use k8s_api::core::v1::ResourceQuota;
use serde_json::{Value, json};

use client_go::testing::Canned;
use controller::testing::Fixture;

const QUOTAS: &str = "/api/v1/resourcequotas";
const PODS: &str = "/api/v1/pods";
const TOYS: &str = "/apis/example.com/v1/toys";

fn quota(hard: Value) -> Value {
    json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": cpu}}}]},
    })
}

/// What the quota is said to use, by name.
fn used(fixture: &Fixture) -> String {
    let quotas = fixture.list::<ResourceQuota>(QUOTAS, "ns");
    quota::format(&quotas.into_iter().next().expect("the quota").status.used)
}

/// The server serves toys as well.
fn serve_toys(fixture: &Fixture) {
    fixture.server.on_request(|seen| {
        let groups = match seen.path.as_str() {
            "/api" => json!([]),
            "/apis" => json!([{
                "metadata": {"name": "example.com"},
                "versions": [{"version": "v1", "resources": [{
                    "resource": "toys", "responseKind": {"group": "example.com", "version": "v1", "kind": "Toy"},
                    "scope": "Namespaced", "verbs": ["create", "delete", "list", "watch"],
                }]}],
            }]),
            _ => return None,
        };
        let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups});
        let media_type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        Some(Canned {
            headers: vec![("content-type", media_type.to_owned())],
            ..Canned::json(200, &list)
        })
    });
}

#[tokio::test]
async fn pods_are_counted_and_counted_again_when_they_go_or_end() {
    let fixture = Fixture::start().await;
    fixture.create(PODS, "ns", pod("a", "1"));
    fixture.create(PODS, "ns", pod("b", "250m"));
    fixture.create(PODS, "elsewhere", pod("c", "1"));
    fixture.create(
        QUOTAS,
        "ns",
        quota(json!({"pods": "9", "requests.cpu": "2", "services": "1", "unknown": "1"})),
    );
    fixture.run(super::build).await;
    let uses = async |expected: &str| {
        fixture.eventually(expected, || used(&fixture) == expected).await;
    };
    uses("pods=2,requests.cpu=1250m,services=0").await;
    fixture.delete(PODS, "ns", "a");
    uses("pods=1,requests.cpu=250m,services=0").await;
    fixture.patch(PODS, "ns", "b", json!({"status": {"phase": "Succeeded"}}));
    uses("pods=0,requests.cpu=0,services=0").await;
    fixture.patch(QUOTAS, "ns", "q", json!({"spec": {"hard": {"requests.cpu": null}}}));
    uses("pods=0,services=0").await;
    let hard = fixture.list::<ResourceQuota>(QUOTAS, "ns").remove(0).status.hard;
    assert_eq!(quota::format(&hard), "pods=9,services=1,unknown=1");
}

#[tokio::test]
async fn objects_of_any_resource_are_counted() {
    let fixture = Fixture::start().await;
    serve_toys(&fixture);
    fixture.create(TOYS, "ns", json!({"metadata": {"name": "a"}}));
    fixture.create(TOYS, "ns", json!({"metadata": {"name": "b"}}));
    fixture.create(TOYS, "elsewhere", json!({"metadata": {"name": "b"}}));
    fixture.create(
        QUOTAS,
        "ns",
        quota(json!({"count/toys.example.com": "9", "count/games.example.com": "1", "count/pods": "1"})),
    );
    fixture.run(super::build).await;
    let uses = async |expected: &str| {
        fixture.eventually(expected, || used(&fixture) == expected).await;
    };
    uses("count/pods=0,count/toys.example.com=2").await;
    fixture.delete(TOYS, "ns", "a");
    uses("count/pods=0,count/toys.example.com=1").await;
}

#[tokio::test]
async fn the_status_is_written_only_if_it_changes() {
    let fixture = Fixture::configured(|config| {
        config.resource_quota_controller.sync_period = component_base::GoDuration::from_millis(20);
    })
    .await;
    let mut known = quota(json!({"pods": "9"}));
    known["status"] = json!({"hard": {"pods": "9"}, "used": {"pods": "1"}});
    fixture.create(QUOTAS, "ns", known);
    fixture.create(PODS, "ns", pod("a", "1"));
    fixture.run(super::build).await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(fixture.sent("PUT", "/status").len(), 0);
    // Nobody tells of this one, but the time of the next count comes.
    fixture.create(PODS, "ns", pod("b", "1"));
    fixture
        .eventually("both are counted", || used(&fixture) == "pods=2")
        .await;
    assert_eq!(fixture.sent("PUT", "/status").len(), 1);
}
