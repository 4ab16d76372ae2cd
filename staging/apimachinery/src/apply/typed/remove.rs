//! Taking paths out of a value, or keeping only some.

use serde_json::{Map, Value};

use super::TypedRef;
use super::field_set::to_field_set;
use super::shape::{ListShape, MapShape, Shape};
use crate::apply::fieldset::{PathElement, Set};

/// Removes the paths of `items` from `value`. Objects and lists that lose their last member stay
/// as empty ones; what lies below an atomic value goes with it.
pub fn remove_items(value: &mut Value, items: &Set, ty: TypedRef<'_>) {
    if items.is_empty() {
        return;
    }
    match ty.shape(Some(value)) {
        Shape::Scalar(_) => {}
        Shape::List(shape) => match value {
            Value::Array(list) if shape.is_atomic() => list.clear(),
            Value::Array(list) => list.retain_mut(|item| keep_element(item, items, &shape)),
            other => *other = Value::Null,
        },
        Shape::Map(shape) => match value {
            Value::Object(map) if shape.atomic => map.clear(),
            Value::Object(map) => map.retain(|name, member| keep_member(name, member, items, &shape)),
            other => *other = Value::Null,
        },
    }
}

fn keep_element(item: &mut Value, items: &Set, shape: &ListShape<'_>) -> bool {
    let Ok(element) = shape.path_element(item) else {
        return true;
    };
    match items.lookup(&element) {
        Some((true, _)) => false,
        Some((false, below)) => {
            remove_items(item, below, shape.element);
            true
        }
        None => true,
    }
}

fn keep_member(name: &str, member: &mut Value, items: &Set, shape: &MapShape<'_>) -> bool {
    match items.lookup(&PathElement::field(name)) {
        Some((true, _)) => false,
        Some((false, below)) => {
            if let Some(ty) = shape.member(name) {
                remove_items(member, below, ty);
            }
            true
        }
        None => true,
    }
}

/// A value with only the paths of `items` (which should be leaves); `null` if none is there.
#[must_use]
pub fn extract_items(value: &Value, items: &Set, ty: TypedRef<'_>) -> Value {
    match ty.shape(Some(value)) {
        Shape::Scalar(_) => value.clone(),
        Shape::List(shape) => match value {
            Value::Array(list) if list.is_empty() || shape.is_atomic() => value.clone(),
            Value::Array(list) => {
                let kept: Vec<_> = list
                    .iter()
                    .filter_map(|item| extract_element(item, items, &shape))
                    .collect();
                if kept.is_empty() {
                    Value::Null
                } else {
                    Value::Array(kept)
                }
            }
            _ => Value::Null,
        },
        Shape::Map(shape) => match value {
            Value::Object(map) if map.is_empty() || shape.atomic => value.clone(),
            Value::Object(map) => {
                let kept: Map<_, _> = map
                    .iter()
                    .filter_map(|(name, member)| Some((name.clone(), extract_member(name, member, items, &shape)?)))
                    .collect();
                if kept.is_empty() {
                    Value::Null
                } else {
                    Value::Object(kept)
                }
            }
            _ => Value::Null,
        },
    }
}

fn extract_element(item: &Value, items: &Set, shape: &ListShape<'_>) -> Option<Value> {
    let element = shape.path_element(item).ok()?;
    let (_, below) = items.lookup(&element)?;
    Some(if below.is_empty() {
        item.clone()
    } else {
        extract_items(item, below, shape.element)
    })
}

fn extract_member(name: &str, member: &Value, items: &Set, shape: &MapShape<'_>) -> Option<Value> {
    let (is_member, below) = items.lookup(&PathElement::field(name))?;
    let ty = shape.member(name)?;
    // Below a member upstream looks with the set of the level above.
    Some(extract_items(member, if is_member { items } else { below }, ty))
}

/// `items` with the key fields of every list element on the way to one of its paths, as far as
/// `value` has the path.
#[must_use]
pub fn with_key_fields(value: &Value, items: &Set, ty: TypedRef<'_>) -> Set {
    let Ok(present) = to_field_set(value, ty) else {
        return items.clone();
    };
    let mut keys = Set::new();
    items.for_each(|path| {
        if !present.has(path) {
            return;
        }
        for (i, element) in path.iter().enumerate() {
            let PathElement::Key(fields) = element else { continue };
            for field in fields {
                let mut key = path[..=i].to_vec();
                key.push(PathElement::Field(field.name.clone()));
                keys.insert(&key);
            }
        }
    });
    items.union(&keys)
}
