//! Laying an applied configuration over a live object.

use std::collections::{BTreeMap, BTreeSet};

use k8s_api::tree::Form;
use serde_json::{Map, Value};

use super::error::Faults;
use super::shape::{ListShape, MapShape, Shape};
use super::validate::scalar_fault;
use super::{TypedRef, ValidationErrors};
use crate::apply::fieldset::PathElement;

/// Lays the applied value over the live one. After an error the live one is half-way and must be dropped.
///
/// Scalars and atomic values are the applied ones; granular objects and set and map lists are
/// united. Elements of both lists follow the applied order, others stay where they are relative to
/// them.
///
/// # Errors
/// If an applied list repeats an element, or a list element has no key.
pub fn merge(live: &mut Value, applied: &Value, ty: TypedRef<'_>) -> Result<(), ValidationErrors> {
    let replace = |live: &mut Value| {
        live.clone_from(applied);
        Ok(())
    };
    match ty.shape(Some(applied)) {
        Shape::Scalar(kind) => {
            if !kind.fits(Form::from(&*live)) && !kind.fits(Form::from(applied)) {
                let mut faults = Faults::default();
                faults.message(scalar_fault(kind, live, "lhs: "));
                faults.message(scalar_fault(kind, applied, "rhs: "));
                return faults.finish(());
            }
            replace(live)
        }
        Shape::List(shape) => {
            let over = applied.as_array().map_or(&[][..], Vec::as_slice);
            match live {
                _ if shape.is_atomic() => replace(live),
                Value::Array(items) if !items.is_empty() => lists(items, over, &shape),
                _ if over.is_empty() => replace(live),
                _ => {
                    let mut items = Vec::new();
                    lists(&mut items, over, &shape)?;
                    *live = Value::Array(items);
                    Ok(())
                }
            }
        }
        Shape::Map(shape) => {
            let over = applied.as_object().filter(|members| !members.is_empty());
            match (live, over) {
                (live, _) if shape.atomic => replace(live),
                (Value::Object(members), over) if over.is_some() || !members.is_empty() => maps(members, over, &shape),
                (live, _) => replace(live),
            }
        }
    }
}

fn maps(
    live: &mut Map<String, Value>,
    applied: Option<&Map<String, Value>>,
    shape: &MapShape<'_>,
) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut fields = shape.fields();
    for (name, over) in applied.into_iter().flatten() {
        let Some(value) = live.get_mut(name) else {
            live.insert(name.clone(), over.clone());
            continue;
        };
        let merged = match fields.member(name) {
            Some(ty) => merge(value, over, ty).map_err(|e| e.below(&PathElement::field(name))),
            None => Err(ValidationErrors::one("field not declared in schema").below(&PathElement::field(name))),
        };
        faults.keep(merged);
    }
    faults.finish(())
}

/// The elements of a list by position, and the position behind each path: `None` where the list repeats it.
struct Indexed {
    elements: Vec<PathElement>,
    positions: BTreeMap<PathElement, Option<usize>>,
}

fn index(items: &[Value], shape: &ListShape<'_>, may_repeat: bool, faults: &mut Faults) -> Indexed {
    let mut out = Indexed {
        elements: Vec::with_capacity(items.len()),
        positions: BTreeMap::new(),
    };
    for (position, item) in items.iter().enumerate() {
        let element = match shape.path_element(item) {
            Ok(element) => element,
            Err(fault) => {
                faults.message(format!("element {position}: {fault}"));
                continue;
            }
        };
        match out.positions.get_mut(&element) {
            Some(_) if !may_repeat => {
                faults.message(format!("duplicate entries for key {element}"));
                continue;
            }
            Some(slot) => *slot = None,
            None => drop(out.positions.insert(element.clone(), Some(position))),
        }
        out.elements.push(element);
    }
    out
}

fn lists(live: &mut Vec<Value>, applied: &[Value], shape: &ListShape<'_>) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    if shape.has_same_keys(live, applied) {
        for (value, over) in live.iter_mut().zip(applied) {
            let merged = merge(value, over, shape.element);
            faults.keep(merged.map_err(|error| match shape.path_element(over) {
                Ok(element) => error.below(&element),
                Err(_) => error,
            }));
        }
        return faults.finish(());
    }
    let right = index(applied, shape, false, &mut faults);
    let left = index(live, shape, true, &mut faults);
    if !faults.is_empty() {
        return faults.finish(());
    }
    // The elements of both lists, in applied order: the live ones are re-ordered to follow it.
    let mut shared = right.elements.iter().filter(|e| left.positions.contains_key(*e));
    let mut next_shared = shared.next();
    let mut merged: BTreeSet<&PathElement> = BTreeSet::new();
    let mut items = std::mem::take(live);
    // An applied element, over the live one unless there is none or several.
    let mut merge_element = |items: &mut [Value], element: &PathElement| {
        let over = &applied[right.positions.get(element).copied().flatten()?];
        let Some(position) = left.positions.get(element).copied().flatten() else {
            return Some(over.clone());
        };
        let mut value = items[position].take();
        let result = merge(&mut value, over, shape.element).map_err(|e| e.below(element));
        faults.keep(result).map(|()| value)
    };
    live.reserve(items.len().max(applied.len()));
    let (mut l, mut r) = (0, 0);
    while l < left.elements.len() || r < right.elements.len() {
        if let (Some(le), Some(re)) = (left.elements.get(l), right.elements.get(r)) {
            if le == re {
                merged.insert(re);
                live.extend(merge_element(&mut items, re));
                l += 1;
                r += 1;
                next_shared = shared.next();
                continue;
            }
            if right.positions.contains_key(le) && next_shared.is_some_and(|next| next != le) {
                // It is merged where the applied list has it.
                l += 1;
                continue;
            }
        }
        if let Some(le) = left.elements.get(l) {
            if !right.positions.contains_key(le) {
                live.push(items[l].take());
                l += 1;
                continue;
            }
            if merged.contains(le) {
                l += 1;
            }
        }
        if let Some(re) = right.elements.get(r) {
            merged.insert(re);
            live.extend(merge_element(&mut items, re));
            r += 1;
            if next_shared == Some(re) {
                next_shared = shared.next();
            }
        }
    }
    faults.finish(())
}
