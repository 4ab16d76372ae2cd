//! From nodes and a document to values.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::JsonPathError;
use super::parse::{Bound, Node};

type Values<'v> = Vec<Cow<'v, Value>>;

fn fail<T>(text: impl Into<String>) -> Result<T, JsonPathError> {
    Err(JsonPathError(text.into()))
}

/// What each top-level node comes to.
pub(super) fn find<'v>(
    nodes: &'v [Node],
    data: &'v Value,
    allow_missing_keys: bool,
) -> Result<Vec<Values<'v>>, JsonPathError> {
    let mut results = Vec::new();
    let walk = Walk { allow_missing_keys };
    walk.block(nodes, 0, &[Cow::Borrowed(data)], false, &mut results)?;
    Ok(results)
}

#[derive(Clone, Copy)]
struct Walk {
    allow_missing_keys: bool,
}

/// Whether the node is `{range …}` or `{end}`.
fn begins_with(node: &Node, word: &str) -> bool {
    let Node::List(nodes) = node else { return false };
    nodes
        .iter()
        .any(|node| matches!(node, Node::Identifier(name) if name == word))
}

/// Where the block that begins at `start` ends.
fn end_of(nodes: &[Node], start: usize) -> usize {
    let mut depth = 0_usize;
    for (index, node) in nodes.iter().enumerate().skip(start) {
        if begins_with(node, "range") {
            depth += 1;
        } else if begins_with(node, "end") {
            if depth == 0 {
                return index;
            }
            depth -= 1;
        }
    }
    nodes.len()
}

impl Walk {
    fn block<'v>(
        self,
        nodes: &'v [Node],
        start: usize,
        current: &[Cow<'v, Value>],
        in_range: bool,
        results: &mut Vec<Values<'v>>,
    ) -> Result<(), JsonPathError> {
        let mut index = start;
        while let Some(node) = nodes.get(index) {
            if begins_with(node, "end") {
                return if in_range {
                    Ok(())
                } else {
                    fail("not in range, nothing to end")
                };
            }
            let values = self.node(current.to_vec(), node)?;
            if begins_with(node, "range") {
                for value in values {
                    self.block(nodes, index + 1, &[value], true, results)?;
                }
                index = end_of(nodes, index + 1);
            } else {
                results.push(values);
            }
            index += 1;
        }
        Ok(())
    }

    fn list<'v>(self, mut input: Values<'v>, nodes: &'v [Node]) -> Result<Values<'v>, JsonPathError> {
        for node in nodes {
            input = self.node(input, node)?;
        }
        Ok(input)
    }

    fn node<'v>(self, input: Values<'v>, node: &'v Node) -> Result<Values<'v>, JsonPathError> {
        let constant = |value: Value, count: usize| vec![Cow::Owned(value); count];
        match node {
            Node::List(nodes) => self.list(input, nodes),
            Node::Text(text) => Ok(constant(text.as_str().into(), 1)),
            Node::Int(number) => Ok(constant((*number).into(), input.len())),
            Node::Float(number) => Ok(constant((*number).into(), input.len())),
            Node::Bool(flag) => Ok(constant((*flag).into(), input.len())),
            Node::Identifier(name) if name == "range" || name == "end" => Ok(input),
            Node::Identifier(name) => fail(format!("unrecognized identifier {name}")),
            Node::Field(name) => self.field(input, name),
            Node::Wildcard => Ok(input.into_iter().flat_map(children).collect()),
            Node::Recursive => {
                let mut all = Vec::new();
                input.into_iter().for_each(|value| descend(value, &mut all));
                Ok(all)
            }
            Node::Array(bounds) => array(input, bounds),
            Node::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.list(input.clone(), part)?);
                }
                Ok(all)
            }
            Node::Filter { left, operator, right } => self.filter(input, left, operator, right),
        }
    }

    fn field<'v>(self, input: Values<'v>, name: &str) -> Result<Values<'v>, JsonPathError> {
        if input.is_empty() {
            return Ok(input);
        }
        let member = |value: Cow<'v, Value>| match value {
            Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
            Cow::Owned(mut value) => value.get_mut(name).map(|member| Cow::Owned(member.take())),
        };
        let found: Values<'v> = input.into_iter().filter_map(member).collect();
        if found.is_empty() && !self.allow_missing_keys {
            return fail(format!("{name} is not found"));
        }
        Ok(found)
    }

    fn filter<'v>(
        self,
        input: Values<'v>,
        left: &'v [Node],
        operator: &str,
        right: &'v [Node],
    ) -> Result<Values<'v>, JsonPathError> {
        let mut found = Vec::new();
        for value in input {
            if !value.is_array() {
                let text = super::scalar_text(&value);
                return fail(format!("{text} is not array or slice and cannot be filtered"));
            }
            for item in children(value) {
                let lefts = self.list(vec![item.clone()], left);
                if operator == "exists" {
                    if lefts.is_ok_and(|lefts| !lefts.is_empty()) {
                        found.push(item);
                    }
                    continue;
                }
                let lefts = lefts?;
                let rights = self.list(vec![item.clone()], right)?;
                let pass = match (lefts.as_slice(), rights.as_slice()) {
                    ([], _) | (_, []) => false,
                    ([left], [right]) => compare(left, operator, right)?,
                    _ => return fail("can only compare one element at a time"),
                };
                if pass {
                    found.push(item);
                }
            }
        }
        Ok(found)
    }
}

/// The members or items of a value.
fn children(value: Cow<'_, Value>) -> Values<'_> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(members)) => members.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Value::Array(items)) => items.into_iter().map(Cow::Owned).collect(),
        Cow::Owned(Value::Object(members)) => members.into_iter().map(|(_, member)| Cow::Owned(member)).collect(),
        _ => Vec::new(),
    }
}

/// The value and everything below it that has something below it.
fn descend<'v>(value: Cow<'v, Value>, all: &mut Values<'v>) {
    let below = children(value.clone());
    if below.is_empty() {
        return;
    }
    all.push(value);
    below.into_iter().for_each(|child| descend(child, all));
}

fn array<'v>(input: Values<'v>, bounds: &[Bound; 3]) -> Result<Values<'v>, JsonPathError> {
    let mut found = Vec::new();
    for value in input {
        if value.is_null() {
            continue;
        }
        let Some(length) = value.as_array().map(Vec::len) else {
            return fail(format!("{} is not array or slice", go_type(&value)));
        };
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let [start, end, step] = *bounds;
        let mut first = if start.known { start.value } else { 0 };
        if first < 0 {
            first += length;
        }
        let mut last = if end.known { end.value } else { length };
        if last < 0 || (last == 0 && end.derived) {
            last += length;
        }
        if first == last {
            return Ok(found);
        }
        if first >= length || first < 0 {
            return fail(format!("array index out of bounds: index {first}, length {length}"));
        }
        if last > length || last < 0 {
            return fail(format!(
                "array index out of bounds: index {}, length {length}",
                last - 1
            ));
        }
        if first > last {
            return fail(format!("starting index {first} is greater than ending index {last}"));
        }
        if step.known && step.value <= 0 {
            return fail("step must be > 0");
        }
        let step = usize::try_from(if step.known { step.value } else { 1 }).unwrap_or(1);
        let (first, last) = (usize::try_from(first).unwrap_or(0), usize::try_from(last).unwrap_or(0));
        found.extend(children(value).into_iter().take(last).skip(first).step_by(step));
    }
    Ok(found)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "map[string]interface {}",
        Value::Array(_) => "[]interface {}",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::Null => "nil",
    }
}

/// Compares two scalars of the same kind, as templates do.
fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, JsonPathError> {
    let bad = || fail("invalid type for comparison");
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) if matches!(operator, "==" | "!=") => Some(left.cmp(right)),
        (Value::Bool(_), Value::Bool(_)) => return bad(),
        (Value::Number(left), Value::Number(right)) if left.is_f64() == right.is_f64() => {
            match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => left.as_f64().partial_cmp(&right.as_f64()),
            }
        }
        (Value::Object(_) | Value::Array(_) | Value::Null, _)
        | (_, Value::Object(_) | Value::Array(_) | Value::Null) => {
            return bad();
        }
        _ => return fail("incompatible types for comparison"),
    };
    let order = order.unwrap_or(Ordering::Less);
    Ok(match operator {
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<=" => order.is_le(),
        ">=" => order.is_ge(),
        other => return fail(format!("unrecognized filter operator {other}")),
    })
}
