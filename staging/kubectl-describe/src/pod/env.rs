//! The environment of a container: values, and where others come from.

use k8s_api::primitives::Quantity;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{flag, items, some, text};

pub(super) fn describe(container: &Value, pod: Option<&Value>, out: &mut Text) {
    let sources = items(container, "/envFrom");
    if !sources.is_empty() {
        put!(out, 2, "Environment Variables from:\n");
    }
    for source in sources {
        source_line(source, out);
    }
    let variables = items(container, "/env");
    let none = if variables.is_empty() { "\t<none>" } else { "" };
    put!(out, 2, "Environment:{none}\n");
    for variable in variables {
        let name = text(variable, "/name");
        match some(variable, "/valueFrom") {
            Some(from) => reference(name, from, container, pod, out),
            None => {
                for (at, line) in text(variable, "/value").split('\n').enumerate() {
                    let (title, colon) = if at == 0 { (name, ":") } else { ("", "") };
                    put!(out, 3, "{title}{colon}\t{line}\n");
                }
            }
        }
    }
}

fn source_line(source: &Value, out: &mut Text) {
    let (from, reference) = match (some(source, "/configMapRef"), some(source, "/secretRef")) {
        (Some(reference), _) => ("ConfigMap", reference),
        (None, Some(reference)) => ("Secret", reference),
        (None, None) => ("", &Value::Null),
    };
    let prefix = match text(source, "/prefix") {
        "" => String::new(),
        prefix => format!(" with prefix '{prefix}'"),
    };
    let optional = flag(reference, "/optional");
    put!(
        out,
        3,
        "{}\t{from}{prefix}\tOptional: {optional}\n",
        text(reference, "/name")
    );
}

fn reference(name: &str, from: &Value, container: &Value, pod: Option<&Value>, out: &mut Text) {
    if let Some(field) = some(from, "/fieldRef") {
        let path = text(field, "/fieldPath");
        // What else a pod's fields hold is known on its node only.
        let value = match (pod, path) {
            (Some(pod), "metadata.name") => text(pod, "/metadata/name"),
            (Some(pod), "metadata.namespace") => text(pod, "/metadata/namespace"),
            _ => "",
        };
        put!(out, 3, "{name}:\t{value} ({}:{path})\n", text(field, "/apiVersion"));
    } else if let Some(field) = some(from, "/resourceFieldRef") {
        let resource = text(field, "/resource");
        let mut value = resource_value(container, resource, text(field, "/divisor")).unwrap_or_default();
        if value == "0" && ["limits.cpu", "limits.memory"].contains(&resource) {
            "node allocatable".clone_into(&mut value);
        }
        put!(out, 3, "{name}:\t{value} ({resource})\n");
    } else {
        for (field, kind) in [("/secretKeyRef", "in secret"), ("/configMapKeyRef", "of config map")] {
            if let Some(key) = some(from, field) {
                let optional = flag(key, "/optional");
                let (key, holder) = (text(key, "/key"), text(key, "/name"));
                put!(
                    out,
                    3,
                    "{name}:\t<set to the key '{key}' {kind} '{holder}'>\tOptional: {optional}\n"
                );
                return;
            }
        }
    }
}

/// A container's resource in units of the divisor, rounded up.
fn resource_value(container: &Value, resource: &str, divisor: &str) -> Option<String> {
    let (bound, name) = resource.split_once('.')?;
    let held = container
        .pointer("/resources")?
        .get(bound)
        .and_then(|held| held.get(name));
    let quantity: Quantity = held.and_then(Value::as_str).unwrap_or("0").parse().ok()?;
    let mut divisor: Quantity = if divisor.is_empty() { "1" } else { divisor }.parse().ok()?;
    if divisor.is_zero() {
        divisor = "1".parse().ok()?;
    }
    let (amount, unit) = if name == "cpu" {
        (quantity.milli_value(), divisor.milli_value())
    } else {
        (quantity.value(), divisor.value())
    };
    let whole = amount.checked_div(unit)?;
    let rest = amount.checked_rem(unit)? > 0;
    Some((whole + i64::from(rest)).to_string())
}
