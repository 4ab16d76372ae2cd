//! Objects as rows of a `Table`.

use std::sync::Arc;

use apimachinery::{
    field::{Error, Path},
    status::StatusError,
};
use serde_json::{Value, json};

use super::{
    Backing, Call, Endpoint, Output,
    respond::{of_metadata, partial_metadata, version_value},
};
use crate::{
    cacher::CachedObject,
    registry::{AnyObject, RowCondition, Stored, metadata_columns},
};

/// How much of each object a row carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IncludeObject {
    None,
    Metadata,
    Object,
}

fn include_object(call: &Call<'_>) -> Result<IncludeObject, StatusError> {
    match call.query.get("includeObject").unwrap_or_default() {
        "" | "Metadata" => Ok(IncludeObject::Metadata),
        "None" => Ok(IncludeObject::None),
        "Object" => Ok(IncludeObject::Object),
        other => {
            let detail = "must be 'Metadata', 'Object', 'None', or empty";
            let fault = Error::invalid(&Path::new("includeObject"), other, detail);
            let message = format!("Unable to convert to Table as requested: {fault}");
            Err(StatusError::bad_request(message))
        }
    }
}

/// The column definitions of an endpoint's table.
pub(super) fn column_definitions(endpoint: &Endpoint) -> Value {
    let columns = endpoint
        .table
        .as_ref()
        .map_or_else(metadata_columns, |table| table.columns());
    let definition = |column: &crate::registry::Column| {
        json!({
            "name": column.name,
            "type": column.ty,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        })
    };
    columns.iter().map(definition).collect()
}

/// One row.
pub(super) fn row(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    cached: &Arc<CachedObject>,
) -> Result<Value, StatusError> {
    let include = include_object(call)?;
    let object = match &endpoint.backing {
        Backing::Store(store) => store.typed(&Stored { cached: cached.clone() })?,
        // What is made when it is asked for has one version, the endpoint's.
        Backing::Create(_) | Backing::Computed(_) => endpoint
            .codec
            .decode_stored(&cached.json)
            .map_err(StatusError::internal_error)?,
    };
    let cells: Vec<Value> = match &endpoint.table {
        Some(table) => table.row(object.as_ref(), call.context.received),
        None => metadata_cells(object.as_ref()),
    };
    let shown = match include {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => partial_metadata(endpoint, cached, output)?,
        IncludeObject::Object => version_value(endpoint, cached)?,
    };
    let mut row = json!({"cells": cells, "object": shown});
    let conditions = endpoint.table.as_ref().map(|table| table.conditions(object.as_ref()));
    if let Some(conditions) = conditions.filter(|conditions| !conditions.is_empty()) {
        row["conditions"] = conditions.iter().map(condition).collect();
    }
    Ok(row)
}

fn metadata_cells(object: &dyn AnyObject) -> Vec<Value> {
    let metadata = object.metadata();
    let created = metadata.creation_timestamp.map(|time| time.to_string());
    vec![metadata.name.clone().into(), created.unwrap_or_default().into()]
}

fn condition(condition: &RowCondition) -> Value {
    json!({"type": condition.kind, "status": "True", "reason": condition.reason, "message": condition.message})
}

/// A table of some rows.
pub(super) fn of_rows(
    endpoint: &Endpoint,
    output: &Output,
    metadata: &Value,
    rows: Vec<Value>,
    with_columns: bool,
) -> Value {
    let columns = if with_columns {
        column_definitions(endpoint)
    } else {
        Value::Null
    };
    json!({
        "kind": "Table",
        "apiVersion": output.meta_version(),
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// The table of one object.
pub(super) fn of_object(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    stored: &Stored,
) -> Result<Value, StatusError> {
    let row = row(call, endpoint, output, &stored.cached)?;
    let metadata = json!({"resourceVersion": stored.cached.resource_version.to_string()});
    Ok(of_rows(endpoint, output, &metadata, vec![row], true))
}

/// The table of one object that is not stored: its name and its age.
pub(super) fn of_unstored(
    call: &Call<'_>,
    endpoint: &Endpoint,
    output: &Output,
    object: &dyn AnyObject,
) -> Result<Value, StatusError> {
    let value = object.to_value();
    let shown = match include_object(call)? {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => of_metadata(&value["metadata"], output),
        IncludeObject::Object => value,
    };
    let metadata = json!({"resourceVersion": object.metadata().resource_version});
    let row = json!({"cells": metadata_cells(object), "object": shown});
    Ok(of_rows(endpoint, output, &metadata, vec![row], true))
}
