//! `--sort-by` (upstream: `kubectl/pkg/cmd/get/sorter.go`).

use std::cmp::Ordering;

use cli_runtime::printers::jsonpath::{JsonPath, relaxed};
use cli_runtime::{Info, Result, message};
use k8s_api::primitives::{Quantity, quote};
use serde_json::Value;

fn path(field: &str) -> Result<(String, JsonPath)> {
    let words = |error: cli_runtime::printers::jsonpath::JsonPathError| message!("{error}");
    let field = relaxed(field).map_err(words)?;
    let path = JsonPath::parse(&field).map_err(words)?.allow_missing_keys(true);
    Ok((field, path))
}

/// The value to sort an object by; `None` where it has none.
fn key(path: &JsonPath, object: &Value) -> Result<Option<Value>> {
    let found = path.find(object).map_err(|error| message!("{error}"))?;
    Ok(found
        .first()
        .and_then(|values| values.first())
        .map(|value| value.as_ref().clone()))
}

/// Sorts objects, or the rows of tables.
pub(super) fn sort(infos: &mut [Info], field: &str) -> Result<()> {
    let is_table = |info: &Info| info.object()["kind"] == "Table";
    let tables = infos.iter().filter(|info| is_table(info)).count();
    if tables == 0 {
        return sort_infos(infos, field);
    }
    if tables < infos.len() {
        return Err(message!(
            "sorting is not supported on mixed Table and non-Table object lists"
        ));
    }
    for info in infos {
        let rows = info
            .object
            .as_mut()
            .and_then(|table| table.get_mut("rows"))
            .and_then(Value::as_array_mut);
        if let Some(rows) = rows {
            sort_by(rows, field, |row| &row["object"])?;
        }
    }
    Ok(())
}

fn sort_infos(infos: &mut [Info], field: &str) -> Result<()> {
    if infos.len() < 2 {
        return Ok(());
    }
    sort_by(infos, field, Info::object)
}

/// Sorts the items of a list.
pub(super) fn sort_objects(objects: &mut [Value], field: &str) -> Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    sort_by(objects, field, |object| object)
}

fn sort_by<T>(entries: &mut [T], field: &str, object: impl Fn(&T) -> &Value) -> Result<()> {
    let (field, path) = path(field)?;
    let mut keys = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        keys.push(key(&path, object(entry))?);
    }
    if !entries.is_empty() && keys.iter().all(Option::is_none) {
        return Err(message!(
            "couldn't find any field with path {} in the list of objects",
            quote(&field)
        ));
    }
    if let Some(unsortable) = keys.iter().flatten().find(|key| key.is_object() || key.is_array()) {
        let kind = if unsortable.is_object() {
            "map[string]interface {}"
        } else {
            "[]interface {}"
        };
        return Err(message!(
            "Field {field} in {kind} is an unsortable type: interface, err: unsortable type: {kind}"
        ));
    }
    // A permutation that is applied in place, because the entries are not to be cloned.
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|a, b| compare(keys[*a].as_ref(), keys[*b].as_ref()));
    let mut place = vec![0; order.len()];
    for (to, from) in order.iter().enumerate() {
        place[*from] = to;
    }
    for index in 0..place.len() {
        while place[index] != index {
            let to = place[index];
            entries.swap(index, to);
            place.swap(index, to);
        }
    }
    Ok(())
}

/// What has no key comes first; texts that are quantities go by their amount.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_some().cmp(&b.is_some());
    };
    match (a, b) {
        (Value::String(a), Value::String(b)) => match (a.parse::<Quantity>(), b.parse::<Quantity>()) {
            (Ok(a), Ok(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            _ => a.cmp(b),
        },
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_sorted() {
        let mut objects = vec![
            json!({"n": "b", "c": 3, "q": "1Gi"}),
            json!({"n": "a", "c": 20, "q": "500Mi"}),
            json!({"n": "c", "q": "2Gi"}),
        ];
        let names =
            |objects: &[Value]| -> String { objects.iter().filter_map(|object| object["n"].as_str()).collect() };
        for (field, expected) in [("n", "abc"), ("{.c}", "cba"), (".q", "abc")] {
            sort_objects(&mut objects, field).expect("a field");
            assert_eq!(names(&objects), expected, "{field}");
        }
        let error = sort_objects(&mut objects, ".none").expect_err("no field");
        assert_eq!(
            error.to_string(),
            "couldn't find any field with path \"{.none}\" in the list of objects"
        );
    }
}
