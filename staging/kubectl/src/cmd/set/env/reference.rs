//! The values behind `valueFrom` (upstream: `set/env.GetEnvVarRefValue`).

use std::collections::BTreeMap;

use apimachinery::names::qualified_name;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_api::primitives::{Quantity, quote};
use serde_json::Value;

use cli_runtime::resource::{get, text_at};
use cli_runtime::{Result, message};

use crate::frame::Context;

/// What a reference is to, for a comment.
pub(super) fn describe(source: &Value) -> String {
    let at = |path: &[&str]| text_at(source, path).to_owned();
    if source.get("configMapKeyRef").is_some() {
        return format!(
            "configmap {}, key {}",
            at(&["configMapKeyRef", "name"]),
            at(&["configMapKeyRef", "key"])
        );
    }
    if source.get("secretKeyRef").is_some() {
        return format!(
            "secret {}, key {}",
            at(&["secretKeyRef", "name"]),
            at(&["secretKeyRef", "key"])
        );
    }
    if source.get("fieldRef").is_some() {
        return format!("field path {}", at(&["fieldRef", "fieldPath"]));
    }
    if source.get("resourceFieldRef").is_some() {
        let container = match at(&["resourceFieldRef", "containerName"]) {
            name if name.is_empty() => name,
            name => format!("{name}/"),
        };
        return format!("resource field {container}{}", at(&["resourceFieldRef", "resource"]));
    }
    "invalid valueFrom".to_owned()
}

/// Looks references of a container up; secrets and config maps once each.
pub(super) struct References<'r> {
    context: &'r Context,
    object: &'r Value,
    container: &'r Value,
    fetched: BTreeMap<(&'static str, String), Value>,
}

impl<'r> References<'r> {
    /// For a container of an object.
    pub(super) fn new(context: &'r Context, object: &'r Value, container: &'r Value) -> Self {
        Self {
            context,
            object,
            container,
            fetched: BTreeMap::new(),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// The reference leads nowhere, or nobody knows where.
    pub(super) async fn value(&mut self, source: &Value) -> Result<String> {
        if let Some(selector) = source.get("secretKeyRef") {
            let encoded = self.keyed("secrets", "secret", selector).await?;
            let decoded = BASE64_STANDARD.decode(encoded).map_err(|error| message!("{error}"))?;
            return Ok(String::from_utf8_lossy(&decoded).into_owned());
        }
        if let Some(selector) = source.get("configMapKeyRef") {
            return self.keyed("configmaps", "config map", selector).await;
        }
        if let Some(selector) = source.get("fieldRef") {
            return field(self.object, text_at(selector, &["fieldPath"]));
        }
        match source.get("resourceFieldRef") {
            Some(selector) => amount(self.container, selector),
            None => Err(message!("invalid valueFrom")),
        }
    }

    async fn keyed(&mut self, resource: &'static str, what: &str, selector: &Value) -> Result<String> {
        let (name, key) = (text_at(selector, &["name"]), text_at(selector, &["key"]));
        let place = (resource, name.to_owned());
        if !self.fetched.contains_key(&place) {
            let factory = &self.context.factory;
            let mapping = factory.resource(resource).await?;
            let object = get(&factory.client()?, &mapping, &factory.namespace()?.0, name).await?;
            self.fetched.insert(place.clone(), object);
        }
        match self.fetched[&place]["data"][key].as_str() {
            Some(value) => Ok(value.to_owned()),
            None => Err(message!("key {key} not found in {what} {name}")),
        }
    }
}

/// A member of the metadata.
fn field(object: &Value, path: &str) -> Result<String> {
    let metadata = &object["metadata"];
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['"))
        && !map.is_empty()
    {
        let (member, checked) = match map {
            "metadata.annotations" => ("annotations", key.to_lowercase()),
            "metadata.labels" => ("labels", key.to_owned()),
            _ => return Err(message!("fieldPath {} does not support subscript", quote(path))),
        };
        let errors = qualified_name(&checked);
        if !errors.is_empty() {
            return Err(message!("invalid key subscript in {path}: {}", errors.join(";")));
        }
        return Ok(text_at(metadata, &[member, key]).to_owned());
    }
    match path {
        "metadata.annotations" => Ok(formatted(&metadata["annotations"])),
        "metadata.labels" => Ok(formatted(&metadata["labels"])),
        "metadata.name" | "metadata.namespace" | "metadata.uid" => {
            let (_, member) = path.split_once('.').unwrap_or_default();
            Ok(text_at(metadata, &[member]).to_owned())
        }
        _ => Err(message!("unsupported fieldPath: {path}")),
    }
}

fn formatted(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let lines: Vec<String> = pairs
        .map(|(key, value)| format!("{key}={}", quote(value.as_str().unwrap_or_default())))
        .collect();
    lines.join("\n")
}

/// A limit or request in the divisor's unit, rounded up.
fn amount(container: &Value, selector: &Value) -> Result<String> {
    let resource = text_at(selector, &["resource"]);
    let unsupported = || message!("Unsupported container resource : {resource}");
    let (list, name) = resource.split_once('.').ok_or_else(unsupported)?;
    let is_known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    if !matches!(list, "limits" | "requests") || !is_known {
        return Err(unsupported());
    }
    let quantity = |text: &str| text.parse::<Quantity>().unwrap_or_default();
    let given = quantity(text_at(container, &["resources", list, name]));
    let mut divisor = quantity(text_at(selector, &["divisor"]));
    if divisor.is_zero() {
        divisor = Quantity::from(1);
    }
    let (given, divisor) = if name == "cpu" {
        (given.milli_value(), divisor.milli_value())
    } else {
        (given.value(), divisor.value())
    };
    // Rounded up, as whole numbers.
    let parts = given / divisor + i64::from(given % divisor > 0);
    Ok(parts.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_of_the_metadata() {
        let object = json!({"metadata": {"name": "n", "labels": {"a": "1", "b/c": "2"}}});
        for (path, expected) in [
            ("metadata.name", Ok("n")),
            ("metadata.labels['b/c']", Ok("2")),
            ("metadata.labels", Ok("a=\"1\"\nb/c=\"2\"")),
            ("metadata.uid", Ok("")),
            ("spec.nodeName", Err("unsupported fieldPath: spec.nodeName")),
            (
                "spec.x['a']",
                Err("fieldPath \"spec.x['a']\" does not support subscript"),
            ),
        ] {
            let found = field(&object, path).map_err(|error| error.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    fn amounts_are_rounded_up() {
        let container = json!({"resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}}});
        for (resource, divisor, expected) in [
            ("limits.cpu", "", Ok("2")),
            ("limits.cpu", "1m", Ok("1500")),
            ("limits.memory", "1Mi", Ok("1024")),
            ("requests.memory", "0", Ok("0")),
            ("limits.gpu", "1", Err("Unsupported container resource : limits.gpu")),
            ("cpu", "1", Err("Unsupported container resource : cpu")),
        ] {
            let found = amount(&container, &json!({"resource": resource, "divisor": divisor}));
            let found = found.map_err(|error| error.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    fn references_are_described() {
        for (source, expected) in [
            (json!({"secretKeyRef": {"name": "s", "key": "k"}}), "secret s, key k"),
            (
                json!({"resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}}),
                "resource field c/limits.cpu",
            ),
            (json!({}), "invalid valueFrom"),
        ] {
            assert_eq!(describe(&source), expected);
        }
    }
}
