//! `ClusterRole`: rules everywhere, possibly gathered from other roles by label.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    selectors::Selector,
};
use k8s_api::rbac::v1::ClusterRole;

use crate::common;

/// Every fault of a new role.
#[must_use]
pub fn validate(role: &ClusterRole) -> ErrorList {
    validate_with(role, false)
}

/// Every fault of an update. Malformed label values in selectors are borne if there were some before.
#[must_use]
pub fn validate_update(new: &ClusterRole, old: &ClusterRole) -> ErrorList {
    let tolerant = old.aggregation_rule.as_ref().is_some_and(|rule| {
        rule.cluster_role_selectors
            .iter()
            .any(|selector| !common::label_selector(selector, false, &Path::NIL).is_empty())
    });
    let mut errors = validate_with(new, tolerant);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors
}

fn validate_with(role: &ClusterRole, allow_invalid_label_values: bool) -> ErrorList {
    let mut errors = common::object_meta(&role.metadata, false, common::name_is_path_segment);
    errors.append(super::validate_rules(&role.rules, false));
    let Some(rule) = &role.aggregation_rule else {
        return errors;
    };
    let path = Path::new("aggregationRule.clusterRoleSelectors");
    if rule.cluster_role_selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(Error::required(&path, detail));
    }
    for (at, selector) in rule.cluster_role_selectors.iter().enumerate() {
        let path = path.index(at);
        errors.append(common::label_selector(selector, allow_invalid_label_values, &path));
        if Selector::from_api(Some(selector)).is_err() {
            errors.push(Error::invalid(
                &path,
                BadValue::plain("null"),
                "invalid label selector.",
            ));
        }
    }
    errors
}
