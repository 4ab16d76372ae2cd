//! What changed between two values of one type.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::Faults;
use super::shape::{ListShape, MapShape, Shape};
use super::validate::scalar_fault;
use super::{TypedRef, ValidationErrors};
use crate::apply::fieldset::{Filter, PathElement, Set};
use crate::apply::go;

/// The paths that differ between an old and a new value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// In the old value only.
    pub removed: Set,
    /// In both, with another value.
    pub modified: Set,
    /// In the new value only.
    pub added: Set,
}

impl Comparison {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Keeps what `filter` lets through.
    #[must_use]
    pub fn filtered(self, filter: Option<&Filter>) -> Self {
        let Some(filter) = filter else { return self };
        Self {
            removed: filter.apply(self.removed),
            modified: filter.apply(self.modified),
            added: filter.apply(self.added),
        }
    }
}

/// Whether the path to a value is itself among what changed.
#[derive(Clone, Copy, Default)]
struct Marks {
    removed: bool,
    modified: bool,
    added: bool,
}

/// Compares two values. The cost follows what differs: equal parts are skipped unseen.
///
/// # Errors
/// If what differs does not fit the type on both sides.
pub fn compare(old: &Value, new: &Value, ty: TypedRef<'_>) -> Result<Comparison, ValidationErrors> {
    let mut out = Comparison::default();
    walk(Some(old), Some(new), ty, &mut out)?;
    Ok(out)
}

fn walk(
    old: Option<&Value>,
    new: Option<&Value>,
    ty: TypedRef<'_>,
    below: &mut Comparison,
) -> Result<Marks, ValidationErrors> {
    let mut marks = Marks {
        removed: new.is_none(),
        modified: false,
        added: old.is_none(),
    };
    let shape = ty.shape(new.or(old));
    if let (Some(old_value), Some(_)) = (old, new) {
        let old_shape = ty.shape(Some(old_value));
        if !old_shape.same_kind(&shape) {
            marks.modified |= visit(old, new, &old_shape, below)?;
        }
    }
    marks.modified |= visit(old, new, &shape, below)?;
    Ok(marks)
}

/// Compares what is below; returns whether a leaf was modified.
fn visit(
    old: Option<&Value>,
    new: Option<&Value>,
    shape: &Shape<'_>,
    below: &mut Comparison,
) -> Result<bool, ValidationErrors> {
    let leaf = || matches!((old, new), (Some(l), Some(r)) if !go::equal(l, r));
    match shape {
        Shape::Scalar(kind) => {
            if let (Some(l), Some(r)) = (scalar_fault(*kind, old, "lhs: "), scalar_fault(*kind, new, "rhs: ")) {
                let mut faults = Faults::default();
                faults.message(l);
                faults.message(r);
                return faults.finish(false);
            }
            Ok(leaf())
        }
        Shape::List(list) => {
            let (l, r) = (old.and_then(Value::as_array), new.and_then(Value::as_array));
            if list.is_atomic() || (l.is_none_or(Vec::is_empty) && r.is_none_or(Vec::is_empty)) {
                return Ok(leaf());
            }
            lists(l.map_or(&[], Vec::as_slice), r.map_or(&[], Vec::as_slice), list, below).map(|()| false)
        }
        Shape::Map(map) => {
            let (l, r) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
            if map.atomic || (l.is_none_or(Map::is_empty) && r.is_none_or(Map::is_empty)) {
                return Ok(leaf());
            }
            maps(l, r, map, below).map(|()| false)
        }
    }
}

fn maps(
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    shape: &MapShape<'_>,
    below: &mut Comparison,
) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut old = old.into_iter().flatten().peekable();
    let mut new = new.into_iter().flatten().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((l, _)), Some((r, _))) => l.cmp(r),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => break,
        };
        let l = if order.is_le() { old.next() } else { None };
        let r = if order.is_ge() { new.next() } else { None };
        let Some((name, _)) = l.or(r) else { break };
        let (l, r) = (l.map(|(_, v)| v), r.map(|(_, v)| v));
        if l.is_some() && l == r {
            continue;
        }
        match shape.member(name) {
            Some(ty) => child(PathElement::field(name), l, r, ty, below, &mut faults),
            None => drop(faults.keep::<()>(Err(
                ValidationErrors::one("field not declared in schema").below(&PathElement::field(name)),
            ))),
        }
    }
    faults.finish(())
}

fn child(
    element: PathElement,
    old: Option<&Value>,
    new: Option<&Value>,
    ty: TypedRef<'_>,
    below: &mut Comparison,
    faults: &mut Faults,
) {
    let mut inner = Comparison::default();
    let result = walk(old, new, ty, &mut inner).map_err(|e| e.below(&element));
    let Some(marks) = faults.keep(result) else { return };
    if marks.removed || !inner.removed.is_empty() {
        below.removed.push(element.clone(), marks.removed, inner.removed);
    }
    if marks.modified || !inner.modified.is_empty() {
        below.modified.push(element.clone(), marks.modified, inner.modified);
    }
    if marks.added || !inner.added.is_empty() {
        below.added.push(element, marks.added, inner.added);
    }
}

/// The elements of both lists that share a path.
#[derive(Default)]
struct Slot<'v> {
    old: Vec<&'v Value>,
    new: Vec<&'v Value>,
}

fn lists(old: &[Value], new: &[Value], shape: &ListShape<'_>, below: &mut Comparison) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut slots: BTreeMap<PathElement, Slot<'_>> = BTreeMap::new();
    for (items, is_new) in [(old, false), (new, true)] {
        for (index, item) in items.iter().enumerate() {
            match shape.path_element(item) {
                Ok(element) => {
                    let slot = slots.entry(element).or_default();
                    if is_new {
                        slot.new.push(item)
                    } else {
                        slot.old.push(item)
                    }
                }
                Err(fault) => faults.message(format!("element {index}: {fault}")),
            }
        }
    }
    for (element, Slot { old, new }) in slots {
        let (first_old, first_new) = (old.first().copied(), new.first().copied());
        match (old.len(), new.len()) {
            (0 | 1, 0 | 1) if old == new => {}
            (0 | 1, 0 | 1) => child(element, first_old, first_new, shape.element, below, &mut faults),
            (2.., 2..) => {
                let same = old.len() == new.len() && old.iter().zip(&new).all(|(l, r)| go::equal(l, r));
                below.modified.push(element, !same, Set::new());
            }
            (2.., _) => {
                if first_new.is_some() {
                    child(element.clone(), None, first_new, shape.element, below, &mut faults);
                }
                below.removed.push(element, true, Set::new());
            }
            (_, _) => {
                if first_old.is_some() {
                    child(element.clone(), first_old, None, shape.element, below, &mut faults);
                }
                below.added.push(element, true, Set::new());
            }
        }
    }
    faults.finish(())
}
