//! `FlowSchema`: sends the requests it matches to a priority level.

mod fixed;
mod rules;
mod validation;

use k8s_api::flowcontrol::v1::FlowSchema;

pub use validation::{validate, validate_status_update, validate_update};

/// Schemas without a precedence come behind most others.
pub fn set_defaults(schema: &mut FlowSchema) {
    if schema.spec.matching_precedence == 0 {
        schema.spec.matching_precedence = 1000;
    }
}
