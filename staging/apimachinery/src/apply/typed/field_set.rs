//! The paths that a configuration sets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::Faults;
use super::shape::{ListShape, MapShape, Shape};
use super::{TypedRef, ValidationErrors};
use crate::apply::fieldset::{PathElement, Set};

/// The paths `value` sets: scalars and atomic values, list elements, members of maps, and empty
/// objects.
///
/// # Errors
/// If an element of a set or map list cannot be told from others.
pub fn to_field_set(value: &Value, ty: TypedRef<'_>) -> Result<Set, ValidationErrors> {
    let mut set = Set::new();
    walk(value, ty, &mut set)?;
    Ok(set)
}

/// Adds what is below `value` and returns whether the path to it is itself set.
fn walk(value: &Value, ty: TypedRef<'_>, below: &mut Set) -> Result<bool, ValidationErrors> {
    match ty.shape(Some(value)) {
        Shape::Scalar(_) => Ok(true),
        Shape::List(shape) if shape.is_atomic() => Ok(true),
        Shape::Map(shape) if shape.atomic => Ok(true),
        Shape::List(shape) => list(value, &shape, below).map(|()| false),
        Shape::Map(shape) => map(value, &shape, below).map(|()| false),
    }
}

fn list(value: &Value, shape: &ListShape<'_>, below: &mut Set) -> Result<(), ValidationErrors> {
    let Value::Array(items) = value else { return Ok(()) };
    let mut faults = Faults::default();
    let mut elements: BTreeMap<PathElement, Option<&Value>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        match shape.path_element(item) {
            // A repeated element is owned as one, without what is in it.
            Ok(element) => drop(
                elements
                    .entry(element)
                    .and_modify(|slot| *slot = None)
                    .or_insert(Some(item)),
            ),
            Err(fault) => faults.message(format!("element {index}: {fault}")),
        }
    }
    for (element, item) in elements {
        let mut children = Set::new();
        if let Some(item) = item {
            faults.keep(walk(item, shape.element, &mut children).map_err(|e| e.below(&element)));
        }
        below.push(element, true, children);
    }
    faults.finish(())
}

fn map(value: &Value, shape: &MapShape<'_>, below: &mut Set) -> Result<(), ValidationErrors> {
    let Value::Object(members) = value else { return Ok(()) };
    let mut faults = Faults::default();
    let mut fields = shape.fields();
    for (name, member) in members {
        let field = fields.field(name);
        let Some(ty) = field.or(shape.element) else {
            faults.keep::<()>(Err(
                ValidationErrors::one("field not declared in schema").below(&PathElement::field(name))
            ));
            continue;
        };
        let mut children = Set::new();
        let own = faults.keep(walk(member, ty, &mut children).map_err(|e| e.below(&PathElement::field(name))));
        let empty = member.is_null() || member.as_object().is_some_and(serde_json::Map::is_empty);
        below.push(
            PathElement::field(name),
            own == Some(true) || empty || field.is_none(),
            children,
        );
    }
    faults.finish(())
}
