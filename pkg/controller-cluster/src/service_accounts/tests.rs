use k8s_api::core::v1::ServiceAccount;
use serde_json::json;

use controller::testing::Fixture;

#[tokio::test]
async fn active_namespaces_get_a_default_account_again_and_again() {
    let fixture = Fixture::start().await;
    fixture.create(
        "/api/v1/namespaces",
        "",
        json!({"metadata": {"name": "a"}, "status": {"phase": "Active"}}),
    );
    fixture.create(
        "/api/v1/namespaces",
        "",
        json!({"metadata": {"name": "b"}, "status": {"phase": "Terminating"}}),
    );
    fixture.run(super::build).await;
    let accounts = |namespace: &str| fixture.list::<ServiceAccount>("/api/v1/serviceaccounts", namespace);
    fixture
        .eventually("the account is made", || accounts("a").len() == 1)
        .await;
    let first = accounts("a").remove(0);
    assert_eq!(first.metadata.name, "default");
    fixture.delete("/api/v1/serviceaccounts", "a", "default");
    fixture
        .eventually("the account is made again", || {
            accounts("a")
                .first()
                .is_some_and(|account| account.metadata.uid != first.metadata.uid)
        })
        .await;
    assert_eq!(accounts("b"), Vec::new(), "a namespace that ends gets nothing");
}
