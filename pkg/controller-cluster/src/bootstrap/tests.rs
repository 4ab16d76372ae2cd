use std::sync::Arc;

use controller::Clock;
use k8s_api::core::v1::Secret;
use k8s_api::primitives::Time;
use serde_json::{Value, json};

use super::signer::detached_signature;
use super::{Life, cleaner, life, signer, signing_token};
use controller::testing::Fixture;

const SECRETS: &str = "/api/v1/secrets";
const CONFIG_MAPS: &str = "/api/v1/configmaps";

fn secret(name: &str, pairs: &[(&str, &str)]) -> Secret {
    let mut secret = Secret::default();
    name.clone_into(&mut secret.metadata.name);
    for (key, value) in pairs {
        secret.data.insert(*key, value.as_bytes().to_vec().into());
    }
    secret
}

fn stored(name: &str, pairs: &[(&str, &str)]) -> Value {
    use k8s_api::Kind as _;
    let mut value = secret(name, pairs).to_value();
    value["type"] = "bootstrap.kubernetes.io/token".into();
    value
}

const GOOD: [(&str, &str); 3] = [
    ("token-id", "abcdef"),
    ("token-secret", "0123456789abcdef"),
    ("usage-bootstrap-signing", "true"),
];

#[test]
fn only_complete_living_tokens_sign() {
    let now = Time::from_unix(1000, 0);
    assert_eq!(
        signing_token(&secret("bootstrap-token-abcdef", &GOOD), now),
        Some(("abcdef", "0123456789abcdef"))
    );
    for (name, extra) in [
        ("token-abcdef", None),
        ("bootstrap-token-abcdeF", None),
        ("bootstrap-token-abcdeg", None),
        ("bootstrap-token-abcdef", Some(("token-secret", ""))),
        ("bootstrap-token-abcdef", Some(("usage-bootstrap-signing", "false"))),
        ("bootstrap-token-abcdef", Some(("expiration", "1970-01-01T00:00:00Z"))),
        ("bootstrap-token-abcdef", Some(("expiration", "soon"))),
    ] {
        let pairs: Vec<_> = GOOD.into_iter().chain(extra).collect();
        assert_eq!(signing_token(&secret(name, &pairs), now), None, "{name} {extra:?}");
    }
}

#[test]
fn tokens_live_until_they_expire() {
    let at = |expiration: &str| life(&secret("s", &[("expiration", expiration)]), Time::from_unix(10, 0));
    assert_eq!(at(""), Life::Endless);
    assert_eq!(
        at("1970-01-01T00:00:25Z"),
        Life::Left(std::time::Duration::from_secs(15))
    );
    assert_eq!(at("1970-01-01T00:00:10Z"), Life::Over);
    assert_eq!(at("never"), Life::Over);
}

/// The example of upstream's own tests.
#[test]
fn the_signature_is_upstreams() {
    assert_eq!(
        detached_signature(
            "Hello from the other side. I must have called a thousand times.",
            "joshua",
            "my voice is my passcode"
        ),
        "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"
    );
}

#[tokio::test]
async fn cluster_info_carries_a_signature_for_each_token() {
    let fixture = Fixture::start().await;
    fixture.create(SECRETS, "kube-system", stored("bootstrap-token-abcdef", &GOOD));
    let data = json!({"kubeconfig": "text", "jws-kubeconfig-gone00": "old"});
    fixture.create(
        CONFIG_MAPS,
        "kube-public",
        json!({"metadata": {"name": "cluster-info"}, "data": data}),
    );
    fixture.run(signer::build).await;
    let data = || fixture.get(CONFIG_MAPS, "kube-public", "cluster-info").unwrap()["data"].clone();
    let wanted = json!({"kubeconfig": "text", "jws-kubeconfig-abcdef": detached_signature("text", "abcdef", "0123456789abcdef")});
    fixture.eventually("it is signed", || data() == wanted).await;
    fixture.delete(SECRETS, "kube-system", "bootstrap-token-abcdef");
    fixture
        .eventually("the signature goes", || data() == json!({"kubeconfig": "text"}))
        .await;
}

#[tokio::test]
async fn tokens_end() {
    let mut fixture = Fixture::start().await;
    fixture.context.clock = Clock::fixed(Time::from_unix(1000, 0));
    for (name, expiration) in [("over", "1970-01-01T00:00:01Z"), ("living", "1970-01-02T00:00:00Z")] {
        fixture.create(SECRETS, "kube-system", stored(name, &[("expiration", expiration)]));
    }
    fixture.create(SECRETS, "kube-system", stored("endless", &[]));
    fixture.run(cleaner::build).await;
    let names = || {
        let secrets: Vec<Arc<Secret>> = fixture
            .list::<Secret>(SECRETS, "kube-system")
            .into_iter()
            .map(Arc::new)
            .collect();
        secrets
            .iter()
            .map(|secret| secret.metadata.name.clone())
            .collect::<Vec<_>>()
    };
    fixture
        .eventually("what is over goes", || names() == ["endless", "living"])
        .await;
}
