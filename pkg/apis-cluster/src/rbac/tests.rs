//! Which faults are found in roles and bindings, and in which words.

use apimachinery::field::ErrorList;
use k8s_api::{
    Kind,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
};
use serde_json::{Value, json};

use super::*;

fn read<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("the test's object is well-formed")
}

fn check(errors: &ErrorList, expected: &str) {
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn rules_of_roles() {
    let role = |name: &str, rule: Value| {
        let role = read::<Role>(json!({"metadata": {"name": name, "namespace": "n"}, "rules": [rule]}));
        role::validate(&role)
    };
    check(
        &role(
            "system:x",
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}),
        ),
        "",
    );
    check(
        &role(
            "a%b",
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}),
        ),
        "metadata.name: Invalid value: \"a%b\": may not contain '%'",
    );
    check(
        &role("r", json!({})),
        "[rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]",
    );
    check(
        &role("r", json!({"verbs": ["get"], "nonResourceURLs": ["/x"]})),
        "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
    );
}

#[test]
fn aggregation() {
    let role = |rule: Value| {
        let metadata = json!({"name": "r", "resourceVersion": "1"});
        read::<ClusterRole>(json!({"metadata": metadata, "aggregationRule": rule, "rules": []}))
    };
    check(
        &cluster_role::validate(&role(json!({}))),
        "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
    );
    let bad = role(
        json!({"clusterRoleSelectors": [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["-"]}]}]}),
    );
    assert_eq!(cluster_role::validate(&bad).len(), 2);
    // Bad values that are stored are borne, but a selector that cannot be built still is not.
    check(
        &cluster_role::validate_update(&bad, &bad),
        "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.",
    );
}

#[test]
fn bindings() {
    let mut binding = read::<ClusterRoleBinding>(json!({
        "metadata": {"name": "b"},
        "roleRef": {"kind": "Role", "name": ""},
        "subjects": [{"kind": "ServiceAccount", "name": "s"}, {"kind": "User", "name": ""}, {"kind": "Robot", "name": "r"}],
    }));
    cluster_role_binding::set_defaults(&mut binding);
    assert_eq!(binding.role_ref.api_group, GROUP);
    let groups: Vec<_> = binding
        .subjects
        .iter()
        .map(|subject| subject.api_group.as_str())
        .collect();
    assert_eq!(groups, ["", GROUP, ""]);
    check(
        &cluster_role_binding::validate(&binding),
        "[roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\", roleRef.name: Required value, subjects[0].namespace: Required value, subjects[1].name: Required value, subjects[2].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\"]",
    );
}

#[test]
fn the_role_of_a_binding_stays() {
    let mut old = read::<RoleBinding>(json!({
        "metadata": {"name": "b", "namespace": "n", "resourceVersion": "1"}, "roleRef": {"kind": "Role", "name": "a"},
    }));
    role_binding::set_defaults(&mut old);
    let mut new = old.clone();
    new.role_ref.name = "other".into();
    check(
        &role_binding::validate_update(&new, &old),
        "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\",\"Name\":\"other\"}: cannot change roleRef",
    );
}
