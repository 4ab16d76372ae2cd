//! Two annotations of nodes that hold JSON: taints as they once were, and pods to be avoided.

use apimachinery::{
    field::{Error, ErrorList, Path},
    json,
};
use k8s_api::{Map, core::v1::Taint};
use serde_json::Value;

use super::validate_taints;

const TAINTS: &str = "scheduler.alpha.kubernetes.io/taints";
const PREFER_AVOID_PODS: &str = "scheduler.alpha.kubernetes.io/preferAvoidPods";

/// Checks the annotations of a node that mean something to the server.
pub(super) fn validate_annotations(annotations: &Map<String>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let present = |key| annotations.get(key).filter(|text| !text.is_empty());
    if let Some(text) = present(TAINTS) {
        match parse_taints(text) {
            Ok(taints) => errors.append(validate_taints(&taints, &path.child(TAINTS))),
            Err(error) => errors.push(Error::invalid(path, TAINTS, error)),
        }
    }
    if let Some(text) = present(PREFER_AVOID_PODS) {
        match parse_avoided(text) {
            Ok(avoided) => validate_avoided(&avoided, &path.child(PREFER_AVOID_PODS), &mut errors),
            Err(error) => errors.push(Error::invalid(&path.child("AvoidPods"), PREFER_AVOID_PODS, error)),
        }
    }
    errors
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_type(value: &Value, go_type: &str) -> String {
    format!(
        "json: cannot unmarshal {} into Go value of type {go_type}",
        kind_of(value)
    )
}

/// The member `name` in any case, as Go finds it.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let mut members = value.as_object().into_iter().flatten();
    members
        .rfind(|(key, _)| key.eq_ignore_ascii_case(name))
        .map_or(&Value::Null, |(_, value)| value)
}

fn text_member(value: &Value, name: &str, go_struct: &str) -> Result<String, String> {
    match member(value, name) {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        other => Err(format!(
            "json: cannot unmarshal {} into Go struct field {go_struct}.{name} of type string",
            kind_of(other)
        )),
    }
}

fn parse_taints(text: &str) -> Result<Vec<Taint>, String> {
    let items = match json::parse(text.as_bytes()).map_err(|error| error.to_string())? {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        other => return Err(wrong_type(&other, "[]core.Taint")),
    };
    let taint = |item: &Value| {
        if !matches!(item, Value::Object(_) | Value::Null) {
            return Err(wrong_type(item, "core.Taint"));
        }
        Ok(Taint {
            key: text_member(item, "Key", "Taint")?,
            value: text_member(item, "Value", "Taint")?,
            effect: text_member(item, "Effect", "Taint")?,
            time_added: None,
        })
    };
    items.iter().map(taint).collect()
}

fn parse_avoided(text: &str) -> Result<Vec<Value>, String> {
    let avoid = json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    if !matches!(avoid, Value::Object(_) | Value::Null) {
        return Err(wrong_type(&avoid, "v1.AvoidPods"));
    }
    match member(&avoid, "preferAvoidPods") {
        Value::Array(items) => Ok(items.clone()),
        Value::Null => Ok(Vec::new()),
        other => Err(format!(
            "json: cannot unmarshal {} into Go struct field AvoidPods.preferAvoidPods of type []v1.PreferAvoidPodsEntry",
            kind_of(other)
        )),
    }
}

fn validate_avoided(entries: &[Value], path: &Path<'_>, errors: &mut ErrorList) {
    for (index, entry) in entries.iter().enumerate() {
        let path = path.index(index);
        let signature = path.child("PodSignature");
        let controller = member(member(entry, "podSignature"), "podController");
        if controller.is_null() {
            errors.push(Error::required(&signature, ""));
        } else if member(controller, "controller") != &Value::Bool(true) {
            errors.push(Error::invalid(
                &signature.child("PodController.Controller"),
                false,
                "must point to a controller",
            ));
        }
    }
}
