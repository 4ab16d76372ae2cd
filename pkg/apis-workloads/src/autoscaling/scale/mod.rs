//! The scale of a workload: a number of replicas, wanted and seen.

use apimachinery::field::ErrorList;
use apis_pod::meta::{NameRule, validate_object_meta};
use k8s_api::autoscaling::v1::Scale;

use crate::common::{METADATA, SPEC, nonnegative};

/// Every fault of a scale.
#[must_use]
pub fn validate(scale: &Scale) -> ErrorList {
    let mut errors = validate_object_meta(&scale.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    nonnegative(&SPEC, [("replicas", Some(scale.spec.replicas.into()))], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use k8s_api::autoscaling::v1::Scale;
    use serde_json::json;

    use super::validate;
    use crate::common::testing::{object, texts};

    #[test]
    fn replicas_are_not_negative() {
        let scale: Scale = object(json!({"spec": {"replicas": -1}}));
        assert_eq!(
            texts(&validate(&scale)),
            ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]
        );
    }
}
