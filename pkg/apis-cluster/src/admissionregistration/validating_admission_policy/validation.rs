//! What a validating policy must be, apart from its expressions' types.

use std::collections::HashSet;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::admissionregistration::v1::{
    AuditAnnotation, ValidatingAdmissionPolicy, ValidatingAdmissionPolicySpec, Validation,
};

use super::super::{policy, rules};
use crate::{common, go};

const MAX_AUDIT_ANNOTATIONS: usize = 20;
const MAX_AUDIT_EXPRESSION: usize = 5 * 1024;
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

/// Every fault of a new policy.
#[must_use]
pub fn validate(policy: &ValidatingAdmissionPolicy) -> ErrorList {
    validate_with(policy, false)
}

/// Every fault of an update; conditions that stay are not checked again.
#[must_use]
pub fn validate_update(new: &ValidatingAdmissionPolicy, old: &ValidatingAdmissionPolicy) -> ErrorList {
    let (after, before) = (&new.spec, &old.spec);
    let same = after.param_kind == before.param_kind && after.match_conditions == before.match_conditions;
    validate_with(new, same)
}

/// Every fault of an update of the status.
#[must_use]
pub fn validate_status_update(new: &ValidatingAdmissionPolicy) -> ErrorList {
    let path = Path::new("status");
    let mut errors = ErrorList::new();
    let warnings = Path::new("status.typeChecking.expressionWarnings");
    let checking = new.status.type_checking.iter();
    for (at, warning) in checking.flat_map(|checking| &checking.expression_warnings).enumerate() {
        let path = warnings.index(at);
        if warning.warning.is_empty() {
            errors.push(Error::required(&path.child("warning"), ""));
        }
        if warning.field_ref.trim().is_empty() {
            errors.push(Error::required(&path.child("fieldRef"), ""));
        }
    }
    errors.append(apis_pod::meta::validate_conditions(
        &new.status.conditions,
        &path.child("conditions"),
    ));
    errors
}

fn validate_with(policy: &ValidatingAdmissionPolicy, ignore_match_conditions: bool) -> ErrorList {
    let mut errors = common::object_meta(&policy.metadata, false, NameRule::Dns1123Subdomain);
    let path = Path::new("spec");
    let spec = &policy.spec;
    errors.extend(policy::validate_failure_policy(spec.failure_policy.as_deref(), &path));
    if let Some(kind) = &spec.param_kind {
        errors.append(policy::validate_param_kind(kind, &path.child("paramKind")));
    }
    errors.append(policy::validate_constraints(spec.match_constraints.as_deref(), &path));
    if !ignore_match_conditions {
        let conditions = path.child("matchConditions");
        errors.append(rules::validate_match_conditions(&spec.match_conditions, &conditions));
    }
    errors.append(policy::validate_variables(&spec.variables, &path));
    if spec.validations.is_empty() && spec.audit_annotations.is_empty() {
        let detail = "validations or auditAnnotations must contain at least one item";
        errors.push(Error::required(&path.child("validations"), detail));
        errors.push(Error::required(&path.child("auditAnnotations"), detail));
        return errors;
    }
    let list = path.child("validations");
    for (at, validation) in spec.validations.iter().enumerate() {
        errors.append(validate_validation(validation, &list.index(at)));
    }
    errors.append(validate_annotations(&policy.metadata.name, spec));
    errors
}

fn validate_validation(validation: &Validation, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if validation.expression.trim().is_empty() {
        errors.push(Error::required(
            &path.child("expression"),
            "expression is not specified",
        ));
    }
    let blank = |text: &str| !text.is_empty() && text.trim().is_empty();
    if blank(&validation.message_expression) {
        let path = path.child("messageExpression");
        errors.push(Error::invalid(
            &path,
            &validation.message_expression,
            "must be non-empty if specified",
        ));
    }
    let message = path.child("message");
    if blank(&validation.message) {
        errors.push(Error::invalid(
            &message,
            &validation.message,
            "must be non-empty if specified",
        ));
    } else if policy::has_newlines(validation.message.trim()) {
        errors.push(Error::invalid(
            &message,
            &validation.message,
            "must not contain line breaks",
        ));
    }
    if let Some(reason) = &validation.reason {
        errors.extend(common::one_of(&path.child("reason"), reason, &REASONS));
    }
    errors
}

fn validate_annotations(name: &str, spec: &ValidatingAdmissionPolicySpec) -> ErrorList {
    let list = Path::new("spec.auditAnnotations");
    let annotations = &spec.audit_annotations;
    let mut errors = ErrorList::new();
    if annotations.len() > MAX_AUDIT_ANNOTATIONS {
        let shown = go::structs(annotations, |annotation| {
            go::Struct::new()
                .field("Key", &annotation.key)
                .field("ValueExpression", &annotation.value_expression)
                .end()
        });
        let detail = format!("must not have more than {MAX_AUDIT_ANNOTATIONS} auditAnnotations");
        errors.push(Error::invalid(&list, BadValue::plain(shown), detail));
    }
    let mut seen = HashSet::new();
    for (at, annotation) in annotations.iter().enumerate() {
        let path = list.index(at);
        errors.append(validate_annotation(name, annotation, &path));
        if !seen.insert(&annotation.key) {
            errors.push(Error::duplicate(&path.child("key"), &annotation.key));
        }
    }
    errors
}

fn validate_annotation(name: &str, annotation: &AuditAnnotation, path: &Path<'_>) -> ErrorList {
    let mut errors = policy::validate_audit_key(name, &annotation.key, &path.child("key"));
    let expression = path.child("valueExpression");
    let text = annotation.value_expression.trim();
    if text.is_empty() {
        errors.push(Error::required(&expression, "valueExpression is not specified"));
    } else if text.len() > MAX_AUDIT_EXPRESSION {
        let detail = format!("must not exceed {MAX_AUDIT_EXPRESSION} bytes in length");
        errors.push(Error::required(&expression, detail));
    }
    errors
}
