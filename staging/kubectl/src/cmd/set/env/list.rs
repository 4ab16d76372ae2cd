//! `--list`: environments as lines that a shell understands, references as comments.

use std::collections::BTreeMap;

use kubectl_objects::json::{list_at, text_at};
use kubectl_objects::pod_spec;
use serde_json::Value;

use cli_runtime::{Result, message};

use super::reference::{References, describe};
use crate::cmd::set::pattern;
use crate::frame::Context;

/// Writes the environments of an object's containers; with `resolve` the values behind references.
///
/// # Errors
/// A reference leads nowhere; nobody reads.
pub(super) async fn environments(context: &Context, object: &Value, wanted: &str, resolve: bool) -> Result<()> {
    let path = pod_spec::path(object).unwrap_or_default();
    let spec = path.iter().fold(object, |value, member| &value[*member]);
    let mut failed = false;
    for container in pod_spec::CONTAINERS.iter().flat_map(|member| list_at(spec, &[*member])) {
        let name = text_at(container, &["name"]);
        if pattern::matches(name, wanted) {
            failed |= !one(context, object, container, resolve).await?;
        }
    }
    if failed {
        return Err(message!("failed to retrieve valueFrom references"));
    }
    Ok(())
}

/// Says whether every reference led somewhere.
async fn one(context: &Context, object: &Value, container: &Value, resolve: bool) -> Result<bool> {
    let mut text = format!(
        "# {} {}, container {}\n",
        text_at(object, &["kind"]),
        text_at(object, &["metadata", "name"]),
        text_at(container, &["name"])
    );
    let mut references = References::new(context, object, container);
    let mut errors: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for variable in list_at(container, &["env"]) {
        let name = text_at(variable, &["name"]);
        let Some(source) = variable.get("valueFrom").filter(|source| !source.is_null()) else {
            text.push_str(&format!("{name}={}\n", text_at(variable, &["value"])));
            continue;
        };
        if resolve {
            match references.value(source).await {
                Ok(value) => {
                    text.push_str(&format!("{name}={value}\n"));
                    continue;
                }
                Err(error) => errors.entry(error.to_string()).or_default().push(name),
            }
        }
        text.push_str(&format!("# {name} from {}\n", describe(source)));
    }
    context.streams.out.print(text)?;
    let mut lines: Vec<String> = errors
        .iter_mut()
        .map(|(error, names)| {
            names.sort_unstable();
            format!("error retrieving reference for {}: {error}\n", names.join(", "))
        })
        .collect();
    lines.sort();
    context.streams.err.print(lines.concat())?;
    Ok(errors.is_empty())
}
