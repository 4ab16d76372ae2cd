//! Which faults are found in webhooks and policies, and in which words.

use k8s_api::{
    Kind,
    admissionregistration::v1::{
        MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, MutatingWebhookConfiguration,
        ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
    },
};
use serde_json::{Value, json};

use super::*;

fn read<T: Kind>(value: Value, defaults: fn(&mut T)) -> T {
    let mut object = T::from_value(value).expect("the test's object is well-formed");
    defaults(&mut object);
    object
}

fn merged(mut base: Value, extra: Value) -> Value {
    let members = base.as_object_mut().expect("the base is an object");
    members.extend(extra.as_object().expect("the extra is an object").clone());
    base
}

fn hook(extra: Value) -> Value {
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]});
    let base = json!({
        "name": "hook.golden.example.com", "clientConfig": {"url": "https://hook.example.com/x"},
        "rules": [rule], "sideEffects": "None", "admissionReviewVersions": ["v1"],
    });
    json!({"metadata": {"name": "x", "resourceVersion": "1"}, "webhooks": [merged(base, extra)]})
}

#[test]
fn webhooks() {
    let check = |extra: Value, expected: &str| {
        let configuration =
            read::<ValidatingWebhookConfiguration>(hook(extra), validating_webhook_configuration::set_defaults);
        assert_eq!(
            validating_webhook_configuration::validate(&configuration).to_string(),
            expected
        );
    };
    check(json!({}), "");
    check(
        json!({"name": "a.b", "timeoutSeconds": 31}),
        "[webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots, webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds]",
    );
    check(
        json!({"sideEffects": "Some"}),
        "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
    );
    check(
        json!({"clientConfig": {"url": "https://h/", "service": {"name": "s", "namespace": "n"}}}),
        "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
    );
    check(
        json!({"rules": [{"apiGroups": ["*", "a"], "apiVersions": ["v1"], "operations": ["READ"], "resources": ["a/*", "a/b", "*", "c"]}]}),
        "[webhooks[0].rules[0].operations[0]: Unsupported value: \"READ\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", \"UPDATE\", webhooks[0].rules[0].apiGroups: Invalid value: [\"*\",\"a\"]: if '*' is present, must not specify other API groups, webhooks[0].rules[0].resources[1]: Invalid value: \"a/b\": if 'a/*' is present, must not specify a/b, webhooks[0].rules[0].resources: Invalid value: [\"a/*\",\"a/b\",\"*\",\"c\"]: if '*' is present, must not specify other resources without subresources]",
    );
    check(
        json!({"admissionReviewVersions": ["v9", "v9"]}),
        "[webhooks[0].admissionReviewVersions[1]: Invalid value: \"v9\": duplicate version, webhooks[0].admissionReviewVersions: Invalid value: [\"v9\",\"v9\"]: must include at least one of v1, v1beta1]",
    );
}

#[test]
fn reinvocation_and_what_updates_bear() {
    let read =
        |extra: Value| read::<MutatingWebhookConfiguration>(hook(extra), mutating_webhook_configuration::set_defaults);
    let old = read(json!({"sideEffects": "Some"}));
    assert_eq!(old.webhooks[0].reinvocation_policy.as_deref(), Some("Never"));
    assert_eq!(
        mutating_webhook_configuration::validate_update(&old, &old).to_string(),
        ""
    );
    assert_eq!(
        mutating_webhook_configuration::validate(&read(json!({"reinvocationPolicy": "Often"}))).to_string(),
        "webhooks[0].reinvocationPolicy: Unsupported value: \"Often\": supported values: \"IfNeeded\", \"Never\""
    );
}

fn constraints(operation: &str) -> Value {
    json!({"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": ["configmaps"]}]})
}

#[test]
fn validating_policies() {
    let check = |spec: Value, expected: &str| {
        let spec = merged(json!({"matchConstraints": constraints("CREATE")}), spec);
        let value = json!({"metadata": {"name": "x"}, "spec": spec});
        let policy = read::<ValidatingAdmissionPolicy>(value, validating_admission_policy::set_defaults);
        assert_eq!(validating_admission_policy::validate(&policy).to_string(), expected);
    };
    let good = json!([{"expression": "true"}]);
    check(json!({"validations": good}), "");
    let nothing = "validations or auditAnnotations must contain at least one item";
    check(
        json!({}),
        &format!("[spec.validations: Required value: {nothing}, spec.auditAnnotations: Required value: {nothing}]"),
    );
    check(
        json!({"validations": [{"expression": " ", "message": "a\nb", "reason": "Because"}], "variables": [{"name": "in", "expression": "1"}]}),
        "[spec.variables[0].name: Invalid value: \"in\": must be a valid CEL identifier, spec.validations[0].expression: Required value: expression is not specified, spec.validations[0].message: Invalid value: \"a\\nb\": must not contain line breaks, spec.validations[0].reason: Unsupported value: \"Because\": supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\"]",
    );
    check(
        json!({"validations": good, "paramKind": {"apiVersion": "a/b/c", "kind": "K"}}),
        "spec.paramKind.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c",
    );
}

#[test]
fn bindings() {
    let value = json!({"metadata": {"name": "x"}, "spec": {
        "policyName": "", "validationActions": ["Deny", "Warn", "Deny"], "paramRef": {"name": "p", "selector": {}},
    }});
    let binding = read::<ValidatingAdmissionPolicyBinding>(value, validating_admission_policy_binding::set_defaults);
    assert_eq!(
        validating_admission_policy_binding::validate(&binding).to_string(),
        "[spec.policyName: Required value, spec.paramRef.name: Forbidden: name and selector are mutually exclusive, spec.paramRef.selector: Forbidden: name and selector are mutually exclusive, spec.paramRef.parameterNotFoundAction: Required value, spec.validationActions[2]: Duplicate value: \"Deny\", spec.validationActions: Invalid value: [\"Deny\",\"Warn\",\"Deny\"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)]"
    );
}

#[test]
fn mutating_policies() {
    let value = json!({"metadata": {"name": "x"}, "spec": {
        "matchConstraints": constraints("DELETE"), "mutations": [{"patchType": "JSONPatch", "applyConfiguration": {"expression": "x"}}],
    }});
    let policy = read::<MutatingAdmissionPolicy>(value, mutating_admission_policy::set_defaults);
    assert_eq!(
        mutating_admission_policy::validate(&policy).to_string(),
        "[spec.matchConstraints.resourceRules.operations: Unsupported value: \"DELETE\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"UPDATE\", spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch, spec.mutations[0].applyConfiguration: Invalid value: \"{applyConfiguration}\": must not be specified when patchType is JSONPatch, spec.reinvocationPolicy: Required value]"
    );
    let value =
        json!({"metadata": {"name": "x"}, "spec": {"policyName": "p", "matchResources": constraints("DELETE")}});
    let binding = read::<MutatingAdmissionPolicyBinding>(value, mutating_admission_policy_binding::set_defaults);
    assert_eq!(
        mutating_admission_policy_binding::validate(&binding).to_string(),
        "spec.matchResources.resourceRules.operations: Unsupported value: \"DELETE\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"UPDATE\""
    );
}

#[test]
fn names_of_configurations_in_files() {
    assert_eq!(static_suffix_warnings("a.example.com"), Vec::<String>::new());
    assert_eq!(
        static_suffix_warnings("a.static.k8s.io"),
        [
            "metadata.name: names ending with \".static.k8s.io\" are reserved for static manifest-based configurations and cannot be managed via the API"
        ]
    );
}
