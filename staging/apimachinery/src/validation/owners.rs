//! References to the owners of an object.

use crate::field::{BadValue, Error, ErrorList, Path};
use k8s_api::meta::v1::OwnerReference;

/// Checks owner references: each complete, none to an event, at most one to a controller.
#[must_use]
pub fn validate_owner_references(references: &[OwnerReference], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut first: Option<&OwnerReference> = None;
    for reference in references {
        errors.append(validate_owner_reference(reference, path));
        if reference.controller != Some(true) {
            continue;
        }
        let Some(first) = first.filter(|first| !(first.kind.is_empty() && first.name.is_empty())) else {
            first = Some(reference);
            continue;
        };
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {}/{} and {}/{}",
            first.kind, first.name, reference.kind, reference.name
        );
        let shown: Vec<_> = references.iter().map(show).collect();
        let value = BadValue::plain(format_args!("[{}]", shown.join(",")));
        errors.push(Error::invalid(path, value, detail));
    }
    errors
}

fn validate_owner_reference(reference: &OwnerReference, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let api_version = reference.api_version.as_str();
    // What does not parse has neither group, version nor kind.
    let parsed = match api_version.matches('/').count() {
        0 => Some(("", api_version)),
        1 => api_version.split_once('/'),
        _ => None,
    };
    let (group, version) = parsed.unwrap_or_default();
    let kind = reference.kind.as_str();
    if version.is_empty() {
        errors.push(Error::invalid(
            &path.child("apiVersion"),
            api_version,
            "version must not be empty",
        ));
    }
    for (name, value) in [("kind", kind), ("name", &reference.name)] {
        if value.is_empty() {
            errors.push(Error::invalid(&path.child(name), value, "must not be empty"));
        }
    }
    if reference.uid.is_empty() {
        errors.push(Error::invalid(&path.child("uid"), &reference.uid, "must not be empty"));
    }
    if (group, version, kind) == ("", "v1", "Event") {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(Error::invalid(path, BadValue::plain(show(reference)), detail));
    }
    errors
}

/// A reference in the order of declaration upstream.
fn show(reference: &OwnerReference) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut shown = format!(
        r#"{{"apiVersion":{},"kind":{},"name":{},"uid":{}"#,
        text(&reference.api_version),
        text(&reference.kind),
        text(&reference.name),
        text(&reference.uid)
    );
    let flags = [
        ("controller", reference.controller),
        ("blockOwnerDeletion", reference.block_owner_deletion),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            shown.push_str(&format!(r#","{name}":{flag}"#));
        }
    }
    shown.push('}');
    shown
}
