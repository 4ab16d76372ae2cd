//! Laying an applied configuration over a live object.

use std::collections::{BTreeMap, BTreeSet};

use k8s_api::tree::Form;
use serde_json::{Map, Value};

use super::error::Faults;
use super::shape::{ListShape, MapShape, Shape};
use super::validate::scalar_fault;
use super::{TypedRef, ValidationErrors};
use crate::apply::fieldset::PathElement;

/// The live value with the applied one over it.
///
/// Scalars and atomic values are the applied ones; granular objects and set and map lists are
/// united. Elements of both lists follow the applied order, others stay where they are relative to
/// them.
///
/// # Errors
/// If an applied list repeats an element, or a list element has no key.
pub fn merge(live: &Value, applied: &Value, ty: TypedRef<'_>) -> Result<Value, ValidationErrors> {
    let shape = ty.shape(Some(applied));
    match shape {
        Shape::Scalar(kind) => {
            if !kind.fits(Form::from(live)) && !kind.fits(Form::from(applied)) {
                let (l, r) = (scalar_fault(kind, live, "lhs: "), scalar_fault(kind, applied, "rhs: "));
                let mut faults = Faults::default();
                faults.message(l);
                faults.message(r);
                return faults.finish(Value::Null);
            }
            Ok(applied.clone())
        }
        Shape::List(shape) => {
            let (l, r) = (live.as_array(), applied.as_array());
            if shape.is_atomic() || (l.is_none_or(Vec::is_empty) && r.is_none_or(Vec::is_empty)) {
                return Ok(applied.clone());
            }
            lists(l.map_or(&[], Vec::as_slice), r.map_or(&[], Vec::as_slice), &shape).map(Value::Array)
        }
        Shape::Map(shape) => {
            let (l, r) = (live.as_object(), applied.as_object());
            if shape.atomic || (l.is_none_or(Map::is_empty) && r.is_none_or(Map::is_empty)) {
                return Ok(applied.clone());
            }
            maps(l, r, &shape).map(Value::Object)
        }
    }
}

fn maps(
    live: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
    shape: &MapShape<'_>,
) -> Result<Map<String, Value>, ValidationErrors> {
    let mut faults = Faults::default();
    let mut out = Map::new();
    for (name, value) in live.into_iter().flatten() {
        let merged = match applied.and_then(|a| a.get(name)) {
            None => Some(value.clone()),
            Some(over) => match shape.member(name) {
                Some(ty) => faults.keep(merge(value, over, ty).map_err(|e| e.below(&PathElement::field(name)))),
                None => faults.keep(Err(
                    ValidationErrors::one("field not declared in schema").below(&PathElement::field(name))
                )),
            },
        };
        if let Some(merged) = merged {
            out.insert(name.clone(), merged);
        }
    }
    for (name, value) in applied.into_iter().flatten() {
        if live.is_none_or(|l| !l.contains_key(name)) {
            out.insert(name.clone(), value.clone());
        }
    }
    faults.finish(out)
}

/// The elements of a list by position, and the value behind each path: `None` where the list
/// repeats it.
struct Indexed<'v> {
    elements: Vec<PathElement>,
    values: BTreeMap<PathElement, Option<&'v Value>>,
}

fn index<'v>(items: &'v [Value], shape: &ListShape<'_>, may_repeat: bool, faults: &mut Faults) -> Indexed<'v> {
    let mut out = Indexed {
        elements: Vec::with_capacity(items.len()),
        values: BTreeMap::new(),
    };
    for (position, item) in items.iter().enumerate() {
        let element = match shape.path_element(item) {
            Ok(element) => element,
            Err(fault) => {
                faults.message(format!("element {position}: {fault}"));
                continue;
            }
        };
        match out.values.get_mut(&element) {
            Some(_) if !may_repeat => {
                faults.message(format!("duplicate entries for key {element}"));
                continue;
            }
            Some(slot) => *slot = None,
            None => drop(out.values.insert(element.clone(), Some(item))),
        }
        out.elements.push(element);
    }
    out
}

fn lists(live: &[Value], applied: &[Value], shape: &ListShape<'_>) -> Result<Vec<Value>, ValidationErrors> {
    let mut faults = Faults::default();
    let right = index(applied, shape, false, &mut faults);
    let left = index(live, shape, true, &mut faults);
    if !faults.is_empty() {
        return faults.finish(Vec::new());
    }
    // The elements of both lists, in applied order: the live ones are re-ordered to follow it.
    let mut shared = right.elements.iter().filter(|e| left.values.contains_key(*e));
    let mut next_shared = shared.next();
    let mut merged: BTreeSet<&PathElement> = BTreeSet::new();
    let mut out = Vec::with_capacity(live.len().max(applied.len()));
    let (mut l, mut r) = (0, 0);
    while l < left.elements.len() || r < right.elements.len() {
        if let (Some(le), Some(re)) = (left.elements.get(l), right.elements.get(r)) {
            if le == re {
                merged.insert(re);
                out.extend(merge_element(&left, &right, re, shape, &mut faults));
                l += 1;
                r += 1;
                next_shared = shared.next();
                continue;
            }
            if right.values.contains_key(le) && next_shared.is_some_and(|next| next != le) {
                // It is merged where the applied list has it.
                l += 1;
                continue;
            }
        }
        if let Some(le) = left.elements.get(l) {
            if !right.values.contains_key(le) {
                out.push(live[l].clone());
                l += 1;
                continue;
            }
            if merged.contains(le) {
                l += 1;
            }
        }
        if let Some(re) = right.elements.get(r) {
            merged.insert(re);
            out.extend(merge_element(&left, &right, re, shape, &mut faults));
            r += 1;
            if next_shared == Some(re) {
                next_shared = shared.next();
            }
        }
    }
    faults.finish(out)
}

/// An applied element, over the live one unless there is none or several.
fn merge_element(
    left: &Indexed<'_>,
    right: &Indexed<'_>,
    element: &PathElement,
    shape: &ListShape<'_>,
    faults: &mut Faults,
) -> Option<Value> {
    let over = right.values.get(element).copied().flatten()?;
    match left.values.get(element).copied().flatten() {
        Some(live) => faults.keep(merge(live, over, shape.element).map_err(|e| e.below(element))),
        None => Some(over.clone()),
    }
}
