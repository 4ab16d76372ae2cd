//! Turning what a client owns through updates into what it applies, when it moves to server-side
//! apply (`k8s.io/client-go/util/csaupgrade`).

use serde_json::{Value, json};

use super::entry::Managed;
use super::{ManagedFieldsError, ManagerKey, Operation};

/// Gives the fields that the managers `from` own by update to the applier `to`.
///
/// # Errors
/// If an entry is malformed.
pub fn upgrade_managed_fields(
    object: &mut Value,
    from: &[&str],
    to: &str,
    subresource: &str,
) -> Result<(), ManagedFieldsError> {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    let Some(list) = metadata.get("managedFields").filter(|l| !l.is_null()) else {
        return Ok(());
    };
    let mut managed = Managed::parse(list)?;
    for name in from {
        upgrade(&mut managed, name, to, subresource)?;
    }
    // The order of the entries is the server's business and stays.
    let entries = managed.into_values();
    metadata.insert("managedFields".to_owned(), Value::Array(entries));
    Ok(())
}

/// The JSON patch that does the same; `None` if nothing is to be done. It fails on the server if the
/// object was changed meanwhile.
///
/// # Errors
/// If an entry is malformed.
pub fn upgrade_managed_fields_patch(
    object: &Value,
    from: &[&str],
    to: &str,
    subresource: &str,
) -> Result<Option<Value>, ManagedFieldsError> {
    let mut upgraded = object.clone();
    upgrade_managed_fields(&mut upgraded, from, to, subresource)?;
    let fields = |object: &Value| object.get("metadata").and_then(|m| m.get("managedFields")).cloned();
    let after = fields(&upgraded);
    if fields(object) == after {
        return Ok(None);
    }
    let version = object.get("metadata").and_then(|m| m.get("resourceVersion")).cloned();
    Ok(Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": after},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version.unwrap_or_else(|| json!(""))},
    ])))
}

fn upgrade(managed: &mut Managed, from: &str, to: &str, subresource: &str) -> Result<(), ManagedFieldsError> {
    let is_updater =
        |key: &ManagerKey| key.manager == from && key.operation == Operation::Update && key.subresource == subresource;
    let applier = ManagerKey {
        manager: to.to_owned(),
        operation: Operation::Apply,
        api_version: String::new(),
        subresource: subresource.to_owned(),
    };
    let target = match managed.find(&applier) {
        Some(index) => index,
        None => {
            let Some(index) = managed.entries.iter().position(|e| is_updater(&e.key)) else {
                return Ok(());
            };
            managed.entries[index].set_key(applier);
            index
        }
    };
    let version = managed.entries[target].api_version.clone();
    let same_version = managed
        .entries
        .iter()
        .position(|e| is_updater(&e.key) && e.api_version == version);
    if let Some(index) = same_version {
        let more = managed.entries[index].set()?.clone();
        let union = managed.entries[target].set()?.union(&more);
        managed.entries[target].set_fields(union);
    }
    managed.entries.retain(|e| !is_updater(&e.key));
    Ok(())
}
