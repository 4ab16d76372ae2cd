//! `authorization.k8s.io`: reviews of what a subject may do.
//!
//! The kinds share their spec, so their rules stand here once; `SelfSubjectRulesReview` has none
//! beyond what its endpoint asks for.

#[cfg(test)]
mod tests;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::{LabelSelectorOptions, validate_label_selector_requirement};
use k8s_api::{
    authorization::v1::{
        FieldSelectorAttributes, LabelSelectorAttributes, LocalSubjectAccessReview, NonResourceAttributes,
        ResourceAttributes, SelfSubjectAccessReview, SubjectAccessReview, SubjectAccessReviewSpec,
    },
    meta::v1::{FieldSelectorRequirement, ObjectMeta},
};

use crate::{common, go};

/// Every fault of a review of another subject.
#[must_use]
pub fn validate_subject_access_review(review: &SubjectAccessReview) -> ErrorList {
    let mut errors = validate_spec(&review.spec);
    errors.extend(validate_metadata(&review.metadata, false));
    errors
}

/// Every fault of a review of the caller.
#[must_use]
pub fn validate_self_subject_access_review(review: &SelfSubjectAccessReview) -> ErrorList {
    let resource = review.spec.resource_attributes.as_deref();
    let mut errors = validate_choice(resource, review.spec.non_resource_attributes.as_deref());
    errors.append(validate_attributes(resource));
    errors.extend(validate_metadata(&review.metadata, false));
    errors
}

/// Every fault of a review of another subject within a namespace.
#[must_use]
pub fn validate_local_subject_access_review(review: &LocalSubjectAccessReview) -> ErrorList {
    let mut errors = validate_spec(&review.spec);
    errors.extend(validate_metadata(&review.metadata, true));
    if let Some(attributes) = &review.spec.resource_attributes
        && attributes.namespace != review.metadata.namespace
    {
        let path = Path::new("spec.resourceAttributes.namespace");
        errors.push(Error::invalid(
            &path,
            &attributes.namespace,
            "must match metadata.namespace",
        ));
    }
    if let Some(attributes) = &review.spec.non_resource_attributes {
        let detail = "disallowed on this kind of request";
        errors.push(Error::invalid(
            &Path::new("spec.nonResourceAttributes"),
            show(Some(attributes)),
            detail,
        ));
    }
    errors
}

fn show(attributes: Option<&NonResourceAttributes>) -> BadValue {
    BadValue::plain(go::pointer(attributes, |attributes| {
        go::Struct::new()
            .field("Path", &attributes.path)
            .field("Verb", &attributes.verb)
            .end()
    }))
}

fn validate_spec(spec: &SubjectAccessReviewSpec) -> ErrorList {
    let resource = spec.resource_attributes.as_deref();
    let mut errors = validate_choice(resource, spec.non_resource_attributes.as_deref());
    if spec.user.is_empty() && spec.groups.is_empty() {
        let detail = "at least one of user or group must be specified";
        errors.push(Error::invalid(&Path::new("spec.user"), &spec.user, detail));
    }
    errors.append(validate_attributes(resource));
    errors
}

fn validate_choice(resource: Option<&ResourceAttributes>, url: Option<&NonResourceAttributes>) -> ErrorList {
    match (resource, url) {
        (Some(_), Some(_)) => {
            let detail = "cannot be specified in combination with resourceAttributes";
            Error::invalid(&Path::new("spec.nonResourceAttributes"), show(url), detail).into()
        }
        (None, None) => {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            Error::invalid(&Path::new("spec.resourceAttributes"), show(None), detail).into()
        }
        _ => ErrorList::new(),
    }
}

/// Reviews are not stored and have no metadata; the namespace may be that of the request's path.
fn validate_metadata(metadata: &ObjectMeta, namespace: bool) -> Option<Error> {
    let mut rest = metadata.clone();
    rest.managed_fields.clear();
    if namespace {
        rest.namespace.clear();
    }
    if rest == ObjectMeta::default() {
        return None;
    }
    let detail = if namespace {
        "must be empty except for namespace"
    } else {
        "must be empty"
    };
    Some(Error::invalid(
        &Path::new("metadata"),
        common::metadata_value(metadata),
        detail,
    ))
}

fn validate_attributes(attributes: Option<&ResourceAttributes>) -> ErrorList {
    let path = Path::new("spec.resourceAttributes");
    let mut errors = ErrorList::new();
    let Some(attributes) = attributes else {
        return errors;
    };
    if let Some(selector) = &attributes.field_selector {
        errors.append(validate_field_selector(selector, &path.child("fieldSelector")));
    }
    if let Some(selector) = &attributes.label_selector {
        errors.append(validate_label_selector(selector, &path.child("labelSelector")));
    }
    errors
}

fn validate_selector(raw: &String, requirements: usize, path: &Path<'_>) -> ErrorList {
    match (raw.is_empty(), requirements == 0) {
        (false, false) => {
            let detail = "may not specified at the same time as requirements";
            Error::invalid(&path.child("rawSelector"), raw, detail).into()
        }
        (true, true) => {
            let detail = format!("when {path} is specified, requirements or rawSelector is required");
            Error::required(&path.child("requirements"), detail).into()
        }
        _ => ErrorList::new(),
    }
}

fn validate_field_selector(selector: &FieldSelectorAttributes, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_selector(&selector.raw_selector, selector.requirements.len(), path);
    let list = path.child("requirements");
    for (at, requirement) in selector.requirements.iter().enumerate() {
        errors.append(validate_field_requirement(requirement, &list.index(at)));
    }
    errors
}

/// Operators that are not known here may be known to the one who asks.
fn validate_field_requirement(requirement: &FieldSelectorRequirement, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if requirement.key.is_empty() {
        errors.push(Error::required(&path.child("key"), "must be specified"));
    }
    let values = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if requirement.values.is_empty() => {
            errors.push(Error::required(
                &values,
                "must be specified when `operator` is 'In' or 'NotIn'",
            ));
        }
        "Exists" | "DoesNotExist" if !requirement.values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&values, detail));
        }
        _ => {}
    }
    errors
}

fn validate_label_selector(selector: &LabelSelectorAttributes, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_selector(&selector.raw_selector, selector.requirements.len(), path);
    let list = path.child("requirements");
    let options = LabelSelectorOptions {
        allow_unknown_operators: true,
        ..LabelSelectorOptions::default()
    };
    for (at, requirement) in selector.requirements.iter().enumerate() {
        errors.append(validate_label_selector_requirement(
            requirement,
            options,
            &list.index(at),
        ));
    }
    errors
}
