use k8s_api::core::v1::{Secret, ServiceAccount};
use serde_json::json;

use controller::testing::Fixture;

const ACCOUNTS: &str = "/api/v1/serviceaccounts";
const SECRETS: &str = "/api/v1/secrets";

fn secret(name: &str, account: &str, uid: Option<&str>) -> serde_json::Value {
    let mut object = json!({
        "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": account}},
        "type": "kubernetes.io/service-account-token",
    });
    if let Some(uid) = uid {
        object["metadata"]["annotations"]["kubernetes.io/service-account.uid"] = uid.into();
    }
    object
}

async fn start() -> (Fixture, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sa.key");
    std::fs::write(&file, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let fixture = Fixture::configured(|config| {
        config.sa_controller.service_account_key_file = file.to_str().unwrap().to_owned();
    })
    .await;
    (fixture, directory)
}

#[tokio::test]
async fn secrets_are_filled_and_end_with_their_account() {
    let (fixture, _directory) = start().await;
    let account = fixture.create(
        ACCOUNTS,
        "ns",
        json!({"metadata": {"name": "bot"}, "secrets": [{"name": "lost"}]}),
    );
    fixture.create(SECRETS, "ns", secret("token", "bot", None));
    fixture.create(SECRETS, "ns", secret("stranger", "nobody", None));
    fixture.create(SECRETS, "ns", secret("other", "bot", Some("another-uid")));
    fixture.run(super::build).await;
    let secrets = || fixture.list::<Secret>(SECRETS, "ns");
    fixture
        .eventually(
            "only the account's own secret stays, filled",
            || matches!(secrets().as_slice(), [one] if one.data.contains_key("token")),
        )
        .await;
    let filled = secrets().remove(0);
    assert_eq!(filled.data["namespace"].as_ref(), b"ns");
    assert_eq!(
        filled.metadata.annotations["kubernetes.io/service-account.uid"],
        account["metadata"]["uid"].as_str().unwrap()
    );
    let token = String::from_utf8(filled.data["token"].as_ref().to_vec()).unwrap();
    let claims: apiserver_auth::serviceaccount::Claims = apiserver_auth::jose::Token::parse(&token)
        .unwrap()
        .unverified_claims()
        .unwrap();
    assert_eq!(claims.iss, "kubernetes/serviceaccount");
    assert_eq!(claims.sub, "system:serviceaccount:ns:bot");
    assert_eq!(
        (claims.legacy_secret.as_str(), claims.legacy_name.as_str()),
        ("token", "bot")
    );
    fixture.delete(ACCOUNTS, "ns", "bot");
    fixture
        .eventually("the secret goes with its account", || secrets().is_empty())
        .await;
}

#[tokio::test]
async fn an_account_forgets_a_secret_that_is_gone() {
    let (fixture, _directory) = start().await;
    fixture.create(
        ACCOUNTS,
        "ns",
        json!({"metadata": {"name": "bot"}, "secrets": [{"name": "token"}, {"name": "kept"}]}),
    );
    fixture.create(SECRETS, "ns", secret("token", "bot", None));
    fixture.run(super::build).await;
    let filled = || fixture.list::<Secret>(SECRETS, "ns")[0].data.contains_key("token");
    fixture.eventually("the secret is filled", filled).await;
    fixture.delete(SECRETS, "ns", "token");
    let names = || {
        let accounts = fixture.list::<ServiceAccount>(ACCOUNTS, "ns");
        accounts[0]
            .secrets
            .iter()
            .map(|secret| secret.name.clone())
            .collect::<Vec<_>>()
    };
    fixture
        .eventually("the account forgets it", || names() == ["kept"])
        .await;
}

#[tokio::test]
async fn without_a_key_there_is_no_controller_and_with_a_bad_one_no_program() {
    let fixture = Fixture::start().await;
    assert!(super::build(fixture.context.clone()).await.unwrap().is_none());
    let fixture = Fixture::configured(|config| {
        config.sa_controller.service_account_key_file = "/nonexistent/sa.key".to_owned();
    })
    .await;
    let error = super::build(fixture.context.clone()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "error reading key for service account token controller: No such file or directory (os error 2)"
    );
}
