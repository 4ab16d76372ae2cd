//! JSON patch (RFC 6902), with the liberties of upstream's library (evanphx/json-patch v4).
//!
//! Liberties: an index may be negative and then counts from the end; `replace` adds a member that
//! is not there; `test` takes an absent member for `null`; a path need not begin with a slash.

use serde_json::{Map, Value};

/// So many operations a patch may have.
pub const MAX_PATCH_OPERATIONS: usize = 10_000;

/// Why a patch is refused; worded as upstream's clients see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// The patch is not a list of objects. For status 400.
    #[error("json: cannot unmarshal {found} into Go value of type jsonpatch.{expected}")]
    Shape {
        /// What stands there.
        found: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// Too many operations. For status 413.
    #[error("The allowed maximum operations in a JSON patch is {MAX_PATCH_OPERATIONS}, got {0}")]
    TooMany(usize),
    /// An operation does not apply. For status 422.
    #[error("{0}")]
    Apply(String),
}

/// A checked list of operations.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPatch(Vec<Map<String, Value>>);

const MISSING: &str = "missing value";

type Applied<T> = Result<T, String>;

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl JsonPatch {
    /// Takes a patch. `null` is one without operations.
    ///
    /// # Errors
    /// If it is not a list of objects, or has too many of them.
    pub fn from_value(patch: Value) -> Result<Self, JsonPatchError> {
        let operations = match patch {
            Value::Null => Vec::new(),
            Value::Array(operations) => operations,
            other => {
                return Err(JsonPatchError::Shape {
                    found: kind(&other),
                    expected: "Patch",
                });
            }
        };
        let operations = operations.into_iter().map(|operation| match operation {
            Value::Object(members) => Ok(members),
            Value::Null => Ok(Map::new()),
            other => Err(JsonPatchError::Shape {
                found: kind(&other),
                expected: "Operation",
            }),
        });
        let operations = operations.collect::<Result<Vec<_>, _>>()?;
        if operations.len() > MAX_PATCH_OPERATIONS {
            return Err(JsonPatchError::TooMany(operations.len()));
        }
        Ok(Self(operations))
    }

    /// The part of a document that applying opens, as nested objects of names and indices: the way to each member
    /// that an operation names.
    #[must_use]
    pub fn opened(&self) -> Value {
        let mut root = Map::new();
        let named = self.0.iter().flat_map(|operation| {
            ["path", "from"]
                .into_iter()
                .filter_map(|member| operation.get(member).and_then(Value::as_str))
        });
        for pointer in named {
            let mut at = &mut root;
            let segments: Vec<&str> = pointer.split('/').skip(1).collect();
            for segment in segments.iter().rev().skip(1).rev() {
                let name = segment.replace("~1", "/").replace("~0", "~");
                let next = at.entry(name).or_insert_with(|| Value::Object(Map::new()));
                at = next.as_object_mut().expect("only objects are put in");
            }
        }
        Value::Object(root)
    }

    /// Applies the operations in their order. `max_copy_bytes` bounds what all copies together add,
    /// in bytes of JSON; 0 means no bound.
    ///
    /// # Errors
    /// If one does not apply; the document is then left half changed.
    pub fn apply(&self, document: &mut Value, max_copy_bytes: usize) -> Result<(), JsonPatchError> {
        let mut copied = 0;
        for operation in &self.0 {
            let name = operation.get("op").and_then(Value::as_str).unwrap_or("unknown");
            let operation = Operation(operation);
            match name {
                "add" => operation.add(document),
                "remove" => operation.remove(document),
                "replace" => operation.replace(document),
                "move" => operation.rename(document),
                "test" => operation.test(document),
                "copy" => operation.copy(document, &mut copied, max_copy_bytes),
                _ => Err(format!("Unexpected kind: {name}")),
            }
            .map_err(JsonPatchError::Apply)?;
        }
        Ok(())
    }
}

/// The parent of what a path names, and the last step, decoded.
fn find<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parents, last) = path.rsplit_once('/')?;
    let mut parent = document;
    // What stands before the first slash counts for nothing.
    for step in parents.split('/').skip(1) {
        let step = decode(step);
        parent = match parent {
            Value::Object(members) => members.get_mut(&step)?,
            Value::Array(items) => {
                let at = existing_index(&step, items.len()).ok()?;
                items.get_mut(at)?
            }
            _ => return None,
        };
    }
    matches!(parent, Value::Object(_) | Value::Array(_)).then(|| (parent, decode(last)))
}

fn decode(step: &str) -> String {
    // One pass: `~01` is `~1`.
    step.split('~')
        .enumerate()
        .fold(String::with_capacity(step.len()), |mut out, (i, part)| {
            match (i, part.as_bytes().first()) {
                (0, _) => out.push_str(part),
                (_, Some(b'1')) => out.extend(["/", &part[1..]]),
                (_, Some(b'0')) => out.extend(["~", &part[1..]]),
                _ => out.extend(["~", part]),
            }
            out
        })
}

fn invalid_index(index: i64) -> String {
    format!("Unable to access invalid index: {index}: invalid index referenced")
}

/// Go's `strconv.Atoi`.
fn number(text: &str) -> Applied<i64> {
    text.parse::<i64>().map_err(|error| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let reason = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {reason}", k8s_api::primitives::quote(text))
    })
}

/// `index` of a list of `length`; negative ones count from the end.
fn position(index: i64, length: usize) -> Applied<usize> {
    let length = i64::try_from(length).map_err(|_| invalid_index(index))?;
    let at = if index < 0 { index + length } else { index };
    usize::try_from(at)
        .ok()
        .filter(|_| at < length)
        .ok_or_else(|| invalid_index(index))
}

fn existing_index(text: &str, length: usize) -> Applied<usize> {
    position(number(text)?, length)
}

/// What stands at `key`; `null` where an object has nothing.
fn get<'a>(container: &'a Value, key: &str) -> Applied<&'a Value> {
    match container {
        Value::Object(members) => Ok(members.get(key).unwrap_or(&Value::Null)),
        Value::Array(items) => existing_index(key, items.len()).map(|at| &items[at]),
        _ => Err(MISSING.into()),
    }
}

fn insert(container: &mut Value, key: &str, value: Value) -> Applied<()> {
    match container {
        Value::Object(members) => {
            members.insert(key.into(), value);
        }
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let index = number(key).map_err(|error| format!("value was not a proper array index: '{key}': {error}"))?;
            items.insert(position(index, items.len() + 1)?, value);
        }
        _ => return Err(MISSING.into()),
    }
    Ok(())
}

fn take(container: &mut Value, key: &str) -> Applied<Value> {
    match container {
        Value::Object(members) => members
            .remove(key)
            .ok_or_else(|| format!("Unable to remove nonexistent key: {key}: {MISSING}")),
        Value::Array(items) => existing_index(key, items.len()).map(|at| items.remove(at)),
        _ => Err(MISSING.into()),
    }
}

struct Operation<'a>(&'a Map<String, Value>);

impl Operation<'_> {
    /// The member `name`, which must be a string.
    fn pointer(&self, name: &str, absent: &str) -> Applied<&str> {
        match self.0.get(name) {
            Some(Value::String(path)) => Ok(path),
            None | Some(Value::Null) => Err(format!("{absent}: {MISSING}")),
            Some(other) => Err(format!(
                "json: cannot unmarshal {} into Go value of type string",
                kind(other)
            )),
        }
    }

    fn path(&self) -> Applied<&str> {
        self.pointer("path", "operation missing path field")
    }

    fn from(&self) -> Applied<&str> {
        self.pointer("from", "operation, missing from field")
    }

    fn value(&self) -> Value {
        self.0.get("value").cloned().unwrap_or_default()
    }

    fn add(&self, document: &mut Value) -> Applied<()> {
        let path = self
            .path()
            .map_err(|_| format!("add operation failed to decode path: {MISSING}"))?;
        let (container, key) = find(document, path)
            .ok_or_else(|| format!("add operation does not apply: doc is missing path: \"{path}\": {MISSING}"))?;
        insert(container, &key, self.value()).map_err(|error| format!("error in add for path: '{path}': {error}"))
    }

    fn remove(&self, document: &mut Value) -> Applied<()> {
        let path = self
            .path()
            .map_err(|_| format!("remove operation failed to decode path: {MISSING}"))?;
        let (container, key) = find(document, path)
            .ok_or_else(|| format!("remove operation does not apply: doc is missing path: \"{path}\": {MISSING}"))?;
        take(container, &key)
            .map(drop)
            .map_err(|error| format!("error in remove for path: '{path}': {error}"))
    }

    fn replace(&self, document: &mut Value) -> Applied<()> {
        let path = self
            .path()
            .map_err(|error| format!("replace operation failed to decode path: {error}"))?;
        if path.is_empty() {
            let value = self.value();
            if !value.is_object() && !value.is_array() {
                return Err("replace operation value must be object or array".into());
            }
            *document = value;
            return Ok(());
        }
        let (container, key) = find(document, path)
            .ok_or_else(|| format!("replace operation does not apply: doc is missing path: {path}: {MISSING}"))?;
        match container {
            Value::Array(items) => {
                let at = existing_index(&key, items.len())
                    .map_err(|_| format!("replace operation does not apply: doc is missing key: {path}: {MISSING}"))?;
                items[at] = self.value();
                Ok(())
            }
            other => insert(other, &key, self.value()),
        }
    }

    /// The `move` operation.
    fn rename(&self, document: &mut Value) -> Applied<()> {
        let from = self
            .from()
            .map_err(|error| format!("move operation failed to decode from: {error}"))?;
        let (container, key) = find(document, from)
            .ok_or_else(|| format!("move operation does not apply: doc is missing from path: {from}: {MISSING}"))?;
        let value = take(container, &key).map_err(|error| format!("error in move for path: '{key}': {error}"))?;
        let path = self
            .path()
            .map_err(|error| format!("move operation failed to decode path: {error}"))?;
        let (container, key) = find(document, path).ok_or_else(|| {
            format!("move operation does not apply: doc is missing destination path: {path}: {MISSING}")
        })?;
        insert(container, &key, value).map_err(|error| format!("error in move for path: '{path}': {error}"))
    }

    fn test(&self, document: &mut Value) -> Applied<()> {
        let path = self
            .path()
            .map_err(|error| format!("test operation failed to decode path: {error}"))?;
        let value = self.value();
        let found = if path.is_empty() {
            &*document
        } else {
            let (container, key) = find(document, path)
                .ok_or_else(|| format!("test operation does not apply: is missing path: {path}: {MISSING}"))?;
            get(container, &key).map_err(|error| format!("error in test for path: '{path}': {error}"))?
        };
        if *found == value {
            Ok(())
        } else {
            Err(format!("testing value {path} failed: test failed"))
        }
    }

    fn copy(&self, document: &mut Value, copied: &mut usize, limit: usize) -> Applied<()> {
        let from = self
            .from()
            .map_err(|error| format!("copy operation failed to decode from: {error}"))?;
        let (container, key) = find(document, from)
            .ok_or_else(|| format!("copy operation does not apply: doc is missing from path: {from}: {MISSING}"))?;
        let value = get(container, &key)
            .map_err(|error| format!("error in copy for from: '{from}': {error}"))?
            .clone();
        let path = self
            .path()
            .map_err(|_| format!("copy operation failed to decode path: {MISSING}"))?;
        if limit > 0 {
            *copied += if value.is_null() { 0 } else { value.to_string().len() };
            if *copied > limit {
                return Err(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {limit}"
                ));
            }
        }
        let (container, key) = find(document, path).ok_or_else(|| {
            format!("copy operation does not apply: doc is missing destination path: {path}: {MISSING}")
        })?;
        insert(container, &key, value).map_err(|error| format!("error while adding value during copy: {error}"))
    }
}
