//! Rows of policies and bindings, and names that are kept for files.

use apiserver::registry::Strategy as _;
use k8s_api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use serde_json::json;

use super::{strategy::AdmissionStrategy, validating_admission_policy, validating_admission_policy_binding};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let policy: ValidatingAdmissionPolicy = object(json!({
        "metadata": {"name": "p"}, "spec": {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "validations": [{}]},
    }));
    assert_eq!(
        json!(validating_admission_policy::row(&policy, noon())),
        json!(["p", 1, "v1/ConfigMap", "<unknown>"])
    );
    let cell = |reference: serde_json::Value| {
        let binding: ValidatingAdmissionPolicyBinding =
            object(json!({"metadata": {"name": "b"}, "spec": {"policyName": "p", "paramRef": reference}}));
        validating_admission_policy_binding::row(&binding, noon())[2].clone()
    };
    assert_eq!(cell(json!(null)), "<unset>");
    assert_eq!(cell(json!({"name": "x"})), "*/x");
    assert_eq!(cell(json!({"name": "x", "namespace": "n"})), "n/x");
    assert_eq!(
        cell(json!({"selector": {"matchLabels": {"a": "b"}}})),
        "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}"
    );
}

#[test]
fn names_of_files() {
    let policy: ValidatingAdmissionPolicy = object(json!({"metadata": {"name": "p.static.k8s.io"}}));
    with_context("admissionregistration.k8s.io", |context| {
        let strategy = AdmissionStrategy::<ValidatingAdmissionPolicy>::default();
        assert_eq!(strategy.warnings_on_create(context, &policy).len(), 1);
        let mut policy = policy.clone();
        policy.status.observed_generation = 3;
        strategy.prepare_for_create(context, &mut policy);
        assert_eq!((policy.status.observed_generation, policy.metadata.generation), (0, 1));
    });
}
