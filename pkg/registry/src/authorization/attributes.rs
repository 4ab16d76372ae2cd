//! From a review's spec to a question for the authorizer, and from the answer to its status.

use apimachinery::{
    field::Path,
    selectors::{FieldRequirement, Operator, Requirement},
};
use apiserver_auth::{
    authorization::{Attributes, Decision},
    user::UserInfo,
};
use k8s_api::{
    authorization::v1::{
        NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
    },
    meta::v1::{FieldSelectorRequirement, LabelSelectorRequirement},
    primitives::quote,
};

use super::Asks;

/// The user that a review is about.
pub(super) fn subject(spec: &SubjectAccessReviewSpec) -> UserInfo {
    UserInfo {
        name: spec.user.clone(),
        uid: spec.uid.clone(),
        groups: spec.groups.clone(),
        extra: spec
            .extra
            .iter()
            .map(|(key, values)| (key.to_owned(), values.clone()))
            .collect(),
    }
}

/// The question; exactly one of the two is present in a valid review.
fn attributes<'a>(
    user: &'a UserInfo,
    resource: Option<&'a ResourceAttributes>,
    path: Option<&'a NonResourceAttributes>,
) -> Attributes<'a> {
    let Some(resource) = resource else {
        return path.map_or_else(
            || Attributes::non_resource(user, "", ""),
            |path| Attributes::non_resource(user, &path.verb, &path.path),
        );
    };
    let version = if resource.version.is_empty() {
        "*"
    } else {
        &resource.version
    };
    let plain = Attributes {
        namespace: &resource.namespace,
        subresource: &resource.subresource,
        name: &resource.name,
        ..Attributes::resource(user, &resource.verb, &resource.group, version, &resource.resource)
    };
    let (fields, labels) = (resource.field_selector.as_deref(), resource.label_selector.as_deref());
    let mut attributes = plain.with_selectors(
        fields.map_or("", |selector| &selector.raw_selector),
        labels.map_or("", |selector| &selector.raw_selector),
    );
    if let Some(selector) = fields.filter(|selector| !selector.requirements.is_empty()) {
        let (requirements, error) = collect(&selector.requirements, field_requirement);
        (attributes.field_requirements, attributes.field_selector_error) = (requirements, error);
    }
    if let Some(selector) = labels.filter(|selector| !selector.requirements.is_empty()) {
        let (requirements, error) = collect(&selector.requirements, label_requirement);
        (attributes.label_requirements, attributes.label_selector_error) = (requirements, error);
    }
    attributes
}

/// What can be understood, and what cannot. Requirements only narrow a request: to leave one out asks for more.
fn collect<S, T>(requirements: &[S], read: fn(&S) -> Result<T, String>) -> (Vec<T>, Option<String>) {
    let (mut understood, mut errors) = (Vec::new(), Vec::new());
    for requirement in requirements {
        match read(requirement) {
            Ok(requirement) => understood.push(requirement),
            Err(error) => errors.push(error),
        }
    }
    let error = (!errors.is_empty()).then(|| errors.join(", "));
    (understood, error)
}

fn field_requirement(requirement: &FieldSelectorRequirement) -> Result<FieldRequirement, String> {
    let operator = requirement.operator.as_str();
    let negated = match operator {
        _ if requirement.values.len() > 1 => {
            return Err("fieldSelectors do not yet support multiple values".to_owned());
        }
        "In" => false,
        "NotIn" => true,
        "Exists" | "DoesNotExist" => return Err(format!("fieldSelectors do not yet support {operator}")),
        other => return Err(format!("{} is not a valid field selector operator", quote(other))),
    };
    let value = requirement.values.first().ok_or_else(|| {
        format!(
            "fieldSelectors {} must have one value",
            if negated { "not in" } else { "in" }
        )
    })?;
    Ok(FieldRequirement {
        field: requirement.key.clone(),
        value: value.clone(),
        negated,
    })
}

fn label_requirement(requirement: &LabelSelectorRequirement) -> Result<Requirement, String> {
    let operator = match requirement.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(format!("{} is not a valid label selector operator", quote(other))),
    };
    Requirement::new(&requirement.key, operator, requirement.values.clone(), &Path::NIL)
        .map_err(|errors| errors.to_string())
}

fn ignored<T>(selector: &str, error: Option<&String>, understood: &[T]) -> Option<String> {
    error?;
    let partially = if understood.is_empty() { "" } else { "partially " };
    Some(format!(
        "spec.resourceAttributes.{selector} {partially}ignored due to parse error"
    ))
}

impl Asks {
    /// Asks, and words the answer.
    pub(super) async fn review(
        &self,
        user: &UserInfo,
        resource: Option<&ResourceAttributes>,
        path: Option<&NonResourceAttributes>,
    ) -> SubjectAccessReviewStatus {
        let attributes = attributes(user, resource, path);
        let answer = self.0.authorize(&attributes).await;
        let errors = [
            answer.error,
            ignored(
                "fieldSelector",
                attributes.field_selector_error.as_ref(),
                &attributes.field_requirements,
            ),
            ignored(
                "labelSelector",
                attributes.label_selector_error.as_ref(),
                &attributes.label_requirements,
            ),
        ];
        SubjectAccessReviewStatus {
            allowed: answer.decision == Decision::Allow,
            denied: answer.decision == Decision::Deny,
            reason: answer.reason.to_string(),
            evaluation_error: errors.into_iter().flatten().collect::<Vec<_>>().join("; "),
        }
    }
}
