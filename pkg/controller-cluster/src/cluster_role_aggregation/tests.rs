use serde_json::json;

use controller::testing::Fixture;

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

#[tokio::test]
async fn rules_are_gathered_once_each_in_the_order_of_names() {
    let fixture = Fixture::start().await;
    let rule = |verb: &str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
    let role = |name: &str, label: &str, verbs: &[&str]| {
        let rules: Vec<_> = verbs.iter().map(|verb| rule(verb)).collect();
        json!({"metadata": {"name": name, "labels": {"to": label}}, "rules": rules})
    };
    fixture.create(ROLES, "", role("z", "view", &["get", "list"]));
    fixture.create(ROLES, "", role("a", "view", &["watch", "get"]));
    fixture.create(ROLES, "", role("other", "edit", &["delete"]));
    let selector = json!([{"matchLabels": {"to": "view"}}]);
    fixture.create(
        ROLES,
        "",
        json!({"metadata": {"name": "view", "labels": {"to": "view"}}, "aggregationRule": {"clusterRoleSelectors": selector}}),
    );
    fixture.run(super::build).await;
    let rules = || fixture.get(ROLES, "", "view").unwrap()["rules"].clone();
    let wanted = json!([rule("watch"), rule("get"), rule("list")]);
    fixture.eventually("the rules are gathered", || rules() == wanted).await;
    let applied = fixture
        .server
        .seen()
        .into_iter()
        .find(|seen| seen.method == "PATCH")
        .unwrap();
    assert_eq!(
        applied.parameter("fieldManager").as_deref(),
        Some("clusterrole-aggregation-controller")
    );
    assert_eq!(applied.parameter("force").as_deref(), Some("true"));
    fixture.delete(ROLES, "", "a");
    fixture
        .eventually("they follow", || rules() == json!([rule("get"), rule("list")]))
        .await;
}
