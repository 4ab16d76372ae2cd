//! Whether a value fits its type, as far as server-side apply needs it.

use std::collections::BTreeSet;

use k8s_api::tree::Form;
use serde_json::Value;

use super::error::Faults;
use super::shape::{ListShape, MapShape, ScalarKind, Shape};
use super::{TypedRef, ValidationErrors};
use crate::apply::fieldset::PathElement;
use crate::apply::go;

/// Whether set and map lists may repeat an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// As in live objects.
    Allowed,
    /// As in applied configurations.
    Refused,
}

/// Checks `value` against `ty`: known fields, kinds of scalars, keys of list elements.
///
/// # Errors
/// Every fault with its path.
pub fn validate(value: &Value, ty: TypedRef<'_>, duplicates: Duplicates) -> Result<(), ValidationErrors> {
    match ty.shape(Some(value)) {
        Shape::Scalar(kind) if kind.fits(Form::from(value)) => Ok(()),
        Shape::Scalar(kind) => Err(ValidationErrors::one(scalar_fault(kind, value, ""))),
        Shape::List(shape) => list(value, &shape, duplicates),
        Shape::Map(shape) => map(value, &shape, duplicates),
    }
}

/// What is wrong with a scalar that does not fit its kind.
pub(super) fn scalar_fault(kind: ScalarKind, value: &Value, prefix: &str) -> String {
    // The wrapper that upstream's `%v` and `%#v` show around the value.
    match kind {
        ScalarKind::Numeric => format!("{prefix}expected numeric (int or float), got {}", go::type_name(value)),
        ScalarKind::Text => format!(
            "{prefix}expected string, got &value.valueUnstructured{{Value:{}}}",
            go::sharp(value)
        ),
        ScalarKind::Boolean => format!("{prefix}expected boolean, got &{{{}}}", go::plain(value)),
        ScalarKind::Untyped => format!("{prefix}expected any scalar, got &{{{}}}", go::plain(value)),
    }
}

fn list(value: &Value, shape: &ListShape<'_>, duplicates: Duplicates) -> Result<(), ValidationErrors> {
    let items = match value {
        Value::Array(items) => items,
        Value::Null => return Ok(()),
        other => {
            return Err(ValidationErrors::one(format!(
                "expected list, got &{{{}}}",
                go::plain(other)
            )));
        }
    };
    let mut faults = Faults::default();
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let element = if shape.is_atomic() {
            PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX))
        } else {
            match shape.path_element(item) {
                Ok(element) => element,
                Err(fault) => {
                    faults.message(format!("element {index}: {fault}"));
                    break;
                }
            }
        };
        let unique = !shape.is_atomic() && duplicates == Duplicates::Refused;
        if unique && seen.contains(&element) {
            faults.message(format!("duplicate entries for key {element}"));
        }
        faults.keep(validate(item, shape.element, duplicates).map_err(|e| e.below(&element)));
        if unique {
            seen.insert(element);
        }
    }
    faults.finish(())
}

fn map(value: &Value, shape: &MapShape<'_>, duplicates: Duplicates) -> Result<(), ValidationErrors> {
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return Ok(()),
        other => {
            return Err(ValidationErrors::one(format!(
                "expected map, got &{{{}}}",
                go::plain(other)
            )));
        }
    };
    let mut faults = Faults::default();
    let mut fields = shape.fields();
    for (name, member) in members {
        let ty = fields.member(name);
        let result = match ty {
            Some(ty) => validate(member, ty, duplicates),
            None => Err(ValidationErrors::one("field not declared in schema")),
        };
        faults.keep(result.map_err(|e| e.below(&PathElement::field(name))));
        if ty.is_none() {
            break;
        }
    }
    faults.finish(())
}
