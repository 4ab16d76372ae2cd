use k8s_api::primitives::Time;
use serde_json::{Value, json};

use controller::testing::Fixture;

const RANGES: &str = "/apis/networking.k8s.io/v1/servicecidrs";
const ADDRESSES: &str = "/apis/networking.k8s.io/v1/ipaddresses";

fn range(name: &str, cidr: &str, deleted: Option<&str>) -> Value {
    json!({
        "metadata": {"name": name, "deletionTimestamp": deleted, "finalizers": deleted.map(|_| "networking.k8s.io/service-cidr-finalizer").into_iter().collect::<Vec<_>>()},
        "spec": {"cidrs": [cidr]},
    })
}

fn address(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}}})
}

fn ready(fixture: &Fixture, name: &str) -> Value {
    fixture.get(RANGES, "", name).map_or(Value::Null, |range| {
        let condition = &range["status"]["conditions"][0];
        json!([condition["status"], condition["reason"]])
    })
}

#[tokio::test]
async fn a_new_range_is_held_and_ready() {
    let fixture = Fixture::start().await;
    fixture.create(RANGES, "", range("kubernetes", "10.0.0.0/24", None));
    fixture.run(super::build).await;
    fixture
        .eventually("it is ready", || ready(&fixture, "kubernetes") == json!(["True", ""]))
        .await;
    let finalizers = &fixture.get(RANGES, "", "kubernetes").unwrap()["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["networking.k8s.io/service-cidr-finalizer"]));
}

#[tokio::test]
async fn a_range_that_is_in_use_stays_until_another_takes_over() {
    let fixture = Fixture::start().await;
    let long_ago = Time::from_unix(1000, 0).to_string();
    fixture.create(RANGES, "", range("going", "10.0.0.0/24", Some(&long_ago)));
    fixture.create(ADDRESSES, "", address("10.0.0.7"));
    fixture.run(super::build).await;
    fixture
        .eventually("it says why it stays", || {
            ready(&fixture, "going") == json!(["False", "Terminating"])
        })
        .await;
    let released = || {
        fixture.server.seen().iter().any(|seen| {
            seen.method == "PATCH"
                && String::from_utf8_lossy(&seen.body).contains("$deleteFromPrimitiveList/finalizers")
        })
    };
    assert!(!released());
    fixture.create(RANGES, "", range("wide", "10.0.0.0/16", None));
    fixture.eventually("it is let go", released).await;
}

#[tokio::test]
async fn a_range_without_addresses_goes_after_the_grace_period() {
    let fixture = Fixture::start().await;
    fixture.create(RANGES, "", range("going", "10.1.0.0/24", Some("1970-01-01T00:16:40Z")));
    fixture.create(ADDRESSES, "", address("10.0.0.7"));
    fixture.run(super::build).await;
    fixture
        .eventually("it is let go", || {
            fixture
                .server
                .seen()
                .iter()
                .any(|seen| String::from_utf8_lossy(&seen.body).contains("$deleteFromPrimitiveList/finalizers"))
        })
        .await;
}
