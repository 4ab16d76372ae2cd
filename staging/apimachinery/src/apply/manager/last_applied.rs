//! Living with `kubectl apply` without server-side apply: its annotation.
//!
//! When the manager is `kubectl`, conflicts over fields that the annotation shows to have been
//! applied by kubectl before are no conflicts, and the annotation is kept up to date for
//! older clients.

use k8s_api::tree::Tree;
use serde_json::{Map, Value};

use crate::apply::fieldset::Set;
use crate::apply::go;
use crate::apply::typed::{Duplicates, TypedRef, compare, to_field_set, validate};

/// Where `kubectl apply` keeps the configuration it applied last.
pub const LAST_APPLIED_CONFIG_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The manager these rules are for.
pub(super) const KUBECTL: &str = "kubectl";

/// The most that all annotations of an object may take, in bytes.
const TOTAL_ANNOTATION_SIZE_LIMIT: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    let text = object
        .get("metadata")?
        .get("annotations")?
        .get(LAST_APPLIED_CONFIG_ANNOTATION)?
        .as_str()?;
    (!text.is_empty()).then_some(text)
}

/// The fields that the annotation of `live` sets and that still have the values it says; `None` if
/// there is no usable annotation at this version.
pub(super) fn unchanged_last_applied(live: &Value, api_version: &str, ty: TypedRef<'_>) -> Option<Set> {
    let last: Value = serde_json::from_str(annotation(live)?).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    validate(live, ty, Duplicates::Refused).ok()?;
    validate(&last, ty, Duplicates::Refused).ok()?;
    let comparison = compare(Tree::from(&last).root(), Tree::from(live).root(), ty).ok()?;
    let set = to_field_set(&last, ty).ok()?;
    Some(
        set.difference(&comparison.modified)
            .difference(&comparison.added)
            .difference(&comparison.removed),
    )
}

/// If `object` has the annotation, sets it to `applied`; drops it if that made the annotations too
/// large. Returns whether it had the annotation.
pub(super) fn refresh_annotation(object: &mut Value, applied: &Value) -> bool {
    if annotation(object).is_none() {
        return false;
    }
    let text = configuration(applied);
    let Some(Value::Object(annotations)) = object.get_mut("metadata").and_then(|m| m.get_mut("annotations")) else {
        return false;
    };
    annotations.insert(LAST_APPLIED_CONFIG_ANNOTATION.to_owned(), Value::from(text));
    let size: usize = annotations
        .iter()
        .map(|(k, v)| k.len() + v.as_str().map_or(0, str::len))
        .sum();
    if size > TOTAL_ANNOTATION_SIZE_LIMIT {
        annotations.remove(LAST_APPLIED_CONFIG_ANNOTATION);
    }
    true
}

/// The annotation's text: the configuration without the annotation, with a newline at the end.
fn configuration(applied: &Value) -> String {
    let mut applied = applied.clone();
    if let Some(Value::Object(annotations)) = applied.get_mut("metadata").and_then(|m| m.get_mut("annotations")) {
        let annotations: &mut Map<String, Value> = annotations;
        annotations.remove(LAST_APPLIED_CONFIG_ANNOTATION);
    }
    let mut text = go::json(&applied);
    text.push('\n');
    text
}
