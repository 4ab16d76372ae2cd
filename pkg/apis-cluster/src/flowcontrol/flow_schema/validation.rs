//! What a flow schema must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::NameRule;
use k8s_api::flowcontrol::v1::{FlowSchema, FlowSchemaSpec};

use super::{fixed, rules};
use crate::common;

const MAX_PRECEDENCE: i32 = 10_000;

/// Every fault of a new schema.
#[must_use]
pub fn validate(schema: &FlowSchema) -> ErrorList {
    let mut errors = common::object_meta(&schema.metadata, false, NameRule::Dns1123Subdomain);
    let name = &schema.metadata.name;
    errors.append(validate_spec(name, &schema.spec));
    if fixed::spec(name).is_some_and(|fixed| fixed != schema.spec) {
        let detail = format!("spec of '{name}' must equal the fixed value");
        errors.push(Error::invalid(&Path::new("spec"), fixed::show(&schema.spec), detail));
    }
    errors.append(validate_status_update(schema));
    errors
}

/// Every fault of an update: those of a new schema.
#[must_use]
pub fn validate_update(new: &FlowSchema) -> ErrorList {
    validate(new)
}

/// Every fault of a status.
#[must_use]
pub fn validate_status_update(new: &FlowSchema) -> ErrorList {
    super::super::validate_condition_types(new.status.conditions.iter().map(|condition| &condition.type_))
}

fn validate_spec(name: &str, spec: &FlowSchemaSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    let value = spec.matching_precedence;
    let mut refuse = |detail: String| {
        errors.push(Error::invalid(&path.child("matchingPrecedence"), value, detail));
    };
    if value <= 0 {
        refuse("must be a positive value".into());
    }
    if value > MAX_PRECEDENCE {
        refuse(format!("must not be greater than {MAX_PRECEDENCE}"));
    }
    if value == 1 && name != "exempt" {
        refuse("only the schema named 'exempt' may have matchingPrecedence 1".into());
    }
    let methods = ["ByNamespace", "ByUser"];
    if let Some(method) = &spec.distinguisher_method
        && !methods.contains(&method.type_.as_str())
    {
        let shown = BadValue::plain(fixed::show_method(method));
        let path = path.child("distinguisherMethod");
        errors.push(Error::not_supported(&path.child("type"), shown, &methods));
    }
    let level = &spec.priority_level_configuration.name;
    let reference = path.child("priorityLevelConfiguration");
    let reference = reference.child("name");
    if level.is_empty() {
        errors.push(Error::required(&reference, "must reference a priority level"));
    } else {
        errors.invalid_each(&reference, level, names::dns1123_subdomain(level));
    }
    let list = path.child("rules");
    for (at, rule) in spec.rules.iter().enumerate() {
        errors.append(rules::validate(rule, &list.index(at)));
    }
    errors
}
