//! Tolerations of taints.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::{core::v1::Toleration, primitives::quote};

use super::super::PodValidationOptions;
use crate::{
    meta::validate_label_name,
    rules::{invalid_each, named, one_of},
};

/// The effects of taints, in the order in which errors list them.
pub const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Checks tolerations.
#[must_use]
pub fn validate_tolerations(tolerations: &[Toleration], options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, toleration) in tolerations.iter().enumerate() {
        errors.append(validate_toleration(toleration, options, &path.index(index)));
    }
    errors
}

fn validate_toleration(toleration: &Toleration, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (operator_path, effect_path) = (path.child("operator"), path.child("effect"));
    let (operator, value) = (toleration.operator.as_str(), toleration.value.as_str());
    if !toleration.key.is_empty() {
        errors.append(validate_label_name(&toleration.key, &path.child("key")));
    } else if operator != "Exists" {
        let detail = r#"operator must be Exists when `key` is empty, which means "match all values and all keys""#;
        errors.push(Error::invalid(&operator_path, named(operator), detail));
    }
    if toleration.toleration_seconds.is_some() && toleration.effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(Error::invalid(&effect_path, named(&toleration.effect), detail));
    }
    match operator {
        "" | "Equal" => {
            let messages = names::label_value(value);
            if !messages.is_empty() {
                errors.push(Error::invalid(&operator_path, value, messages.join(";")));
            }
        }
        "Exists" if !value.is_empty() => {
            let detail = "value must be empty when `operator` is 'Exists'";
            errors.push(Error::invalid(&operator_path, value, detail));
        }
        "Exists" => {}
        "Lt" | "Gt" if !options.allow_toleration_comparison => {
            let supported = ["Equal", "Exists", "Lt", "Gt"];
            errors.push(Error::not_supported(&operator_path, named(operator), &supported));
        }
        "Lt" | "Gt" => errors.append(validate_number(value, &path.child("value"))),
        _ => errors.push(Error::not_supported(
            &operator_path,
            named(operator),
            &["Equal", "Exists"],
        )),
    }
    if !toleration.effect.is_empty() {
        errors.extend(one_of(&effect_path, &toleration.effect, &TAINT_EFFECTS));
    }
    errors
}

fn validate_number(value: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = invalid_each(path, value, names::decimal_integer(value));
    if let Err(error) = value.parse::<i64>() {
        let reason = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        let detail = format!("strconv.ParseInt: parsing {}: {reason}", quote(value));
        errors.push(Error::invalid(path, value, detail));
    }
    errors
}

/// On update, tolerations may be added, and of those that are there only the seconds may change.
pub(super) fn validate_added_tolerations(
    new: &[Toleration],
    old: &[Toleration],
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let same = |a: &Toleration, b: &Toleration| {
        (&a.key, &a.operator, &a.value, &a.effect) == (&b.key, &b.operator, &b.value, &b.effect)
    };
    if old.iter().any(|old| !new.iter().any(|new| same(old, new))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        return Error::forbidden(path, detail).into();
    }
    validate_tolerations(new, options, path)
}
