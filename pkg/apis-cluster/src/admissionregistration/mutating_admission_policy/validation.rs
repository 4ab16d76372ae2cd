//! What a mutating policy must be, apart from its expressions' types.

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::admissionregistration::v1::{MutatingAdmissionPolicy, Mutation};

use super::super::{REINVOCATION_POLICIES, policy, rules};
use crate::common;

/// Every fault of a new policy.
#[must_use]
pub fn validate(policy: &MutatingAdmissionPolicy) -> ErrorList {
    validate_with(policy, false)
}

/// Every fault of an update; conditions that stay are not checked again.
#[must_use]
pub fn validate_update(new: &MutatingAdmissionPolicy, old: &MutatingAdmissionPolicy) -> ErrorList {
    let (after, before) = (&new.spec, &old.spec);
    let same = after.param_kind == before.param_kind && after.match_conditions == before.match_conditions;
    validate_with(new, same)
}

fn validate_with(policy: &MutatingAdmissionPolicy, ignore_match_conditions: bool) -> ErrorList {
    let mut errors = common::object_meta(&policy.metadata, false, NameRule::Dns1123Subdomain);
    let path = Path::new("spec");
    let spec = &policy.spec;
    errors.extend(policy::validate_failure_policy(spec.failure_policy.as_deref(), &path));
    if let Some(kind) = &spec.param_kind {
        errors.append(policy::validate_param_kind(kind, &path.child("paramKind")));
    }
    errors.append(policy::validate_constraints(spec.match_constraints.as_deref(), &path));
    if let Some(constraints) = &spec.match_constraints {
        let path = path.child("matchConstraints");
        errors.append(policy::validate_mutating_operations(constraints, &path));
    }
    if !ignore_match_conditions {
        let conditions = path.child("matchConditions");
        errors.append(rules::validate_match_conditions(&spec.match_conditions, &conditions));
    }
    errors.append(policy::validate_variables(&spec.variables, &path));
    let list = path.child("mutations");
    if spec.mutations.is_empty() {
        errors.push(Error::required(&list, "mutations must contain at least one item"));
    }
    for (at, mutation) in spec.mutations.iter().enumerate() {
        errors.append(validate_mutation(mutation, &list.index(at)));
    }
    let reinvocation = path.child("reinvocationPolicy");
    if spec.reinvocation_policy.is_empty() {
        errors.push(Error::required(&reinvocation, ""));
    } else {
        errors.extend(common::one_of(
            &reinvocation,
            &spec.reinvocation_policy,
            &REINVOCATION_POLICIES,
        ));
    }
    errors
}

fn validate_mutation(mutation: &Mutation, path: &Path<'_>) -> ErrorList {
    let apply = mutation.apply_configuration.as_ref().map(|apply| &apply.expression);
    let patch = mutation.json_patch.as_ref().map(|patch| &patch.expression);
    let (wanted, expression, other, other_is_set) = match mutation.patch_type.as_str() {
        "" => return Error::required(&path.child("patchType"), "").into(),
        "JSONPatch" => ("jsonPatch", patch, "applyConfiguration", apply.is_some()),
        "ApplyConfiguration" => ("applyConfiguration", apply, "jsonPatch", patch.is_some()),
        unknown => {
            let supported = ["ApplyConfiguration", "JSONPatch"];
            return Error::not_supported(&path.child("patchType"), unknown, &supported).into();
        }
    };
    let patch_type = &mutation.patch_type;
    let mut errors = ErrorList::new();
    let member = path.child(wanted);
    match expression {
        None => {
            let detail = format!("must be specified when patchType is {patch_type}");
            errors.push(Error::required(&member, detail));
        }
        Some(text) if text.trim().is_empty() => errors.push(Error::required(&member.child("expression"), "")),
        Some(_) => {}
    }
    if other_is_set {
        let detail = format!("must not be specified when patchType is {patch_type}");
        errors.push(Error::invalid(&path.child(other), format!("{{{other}}}"), detail));
    }
    errors
}
