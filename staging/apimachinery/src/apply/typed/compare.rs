//! What changed between two values of one type.

use std::cmp::Ordering;

use k8s_api::tree::{Form, View};

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
pub fn compare(old: View<'_>, new: View<'_>, ty: TypedRef<'_>) -> Result<Comparison, ValidationErrors> {
    let mut out = Comparison::default();
    walk(Some(old), Some(new), ty, &mut out)?;
    Ok(out)
}

fn walk(
    old: Option<View<'_>>,
    new: Option<View<'_>>,
    ty: TypedRef<'_>,
    below: &mut Comparison,
) -> Result<Marks, ValidationErrors> {
    let mut marks = Marks {
        removed: new.is_none(),
        modified: false,
        added: old.is_none(),
    };
    let shape = ty.shape_of(new.or(old).map(View::form));
    if let (Some(old_value), Some(_)) = (old, new) {
        let old_shape = ty.shape_of(Some(old_value.form()));
        if !old_shape.same_kind(&shape) {
            marks.modified |= visit(old, new, &old_shape, below)?;
        }
    }
    marks.modified |= visit(old, new, &shape, below)?;
    Ok(marks)
}

/// Whether two values are the same, numbers compared by value.
fn equal(left: View<'_>, right: View<'_>) -> bool {
    left == right || go::equal(&left.to_value(), &right.to_value())
}

/// Whether there is nothing in a list or object.
fn is_bare(value: Option<View<'_>>, form: Form) -> bool {
    value.is_none_or(|value| value.form() != form || value.is_empty())
}

/// Compares what is below; returns whether a leaf was modified.
fn visit(
    old: Option<View<'_>>,
    new: Option<View<'_>>,
    shape: &Shape<'_>,
    below: &mut Comparison,
) -> Result<bool, ValidationErrors> {
    let leaf = || matches!((old, new), (Some(l), Some(r)) if !equal(l, r));
    match shape {
        Shape::Scalar(kind) => {
            let unfit = |value: &View<'_>| !kind.fits(value.form());
            if let (Some(l), Some(r)) = (old.filter(unfit), new.filter(unfit)) {
                let mut faults = Faults::default();
                for (value, side) in [(l, "lhs: "), (r, "rhs: ")] {
                    faults.message(scalar_fault(*kind, &value.to_value(), side));
                }
                return faults.finish(false);
            }
            Ok(leaf())
        }
        Shape::List(list) => {
            if list.is_atomic() || (is_bare(old, Form::List) && is_bare(new, Form::List)) {
                return Ok(leaf());
            }
            lists(old, new, list, below).map(|()| false)
        }
        Shape::Map(map) => {
            if map.atomic || (is_bare(old, Form::Object) && is_bare(new, Form::Object)) {
                return Ok(leaf());
            }
            maps(old, new, map, below).map(|()| false)
        }
    }
}

fn maps(
    old: Option<View<'_>>,
    new: Option<View<'_>>,
    shape: &MapShape<'_>,
    below: &mut Comparison,
) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut fields = shape.fields();
    let mut old = old.into_iter().flat_map(View::members).peekable();
    let mut new = new.into_iter().flat_map(View::members).peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((l, _)), Some((r, _))) => l.cmp(r),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let l = if order.is_le() { old.next() } else { None };
        let r = if order.is_ge() { new.next() } else { None };
        let Some((name, _)) = l.or(r) else { break };
        let (l, r) = (l.map(|(_, v)| v), r.map(|(_, v)| v));
        if l.is_some() && l == r {
            continue;
        }
        match fields.member(name) {
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
    old: Option<View<'_>>,
    new: Option<View<'_>>,
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

/// An element of one of two lists.
struct Item<'t> {
    element: PathElement,
    is_new: bool,
    value: View<'t>,
}

fn lists(
    old: Option<View<'_>>,
    new: Option<View<'_>>,
    shape: &ListShape<'_>,
    below: &mut Comparison,
) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut items: Vec<Item<'_>> = Vec::with_capacity(old.map_or(0, View::len) + new.map_or(0, View::len));
    for (list, is_new) in [(old, false), (new, true)] {
        for (index, value) in list.into_iter().flat_map(View::elements).enumerate() {
            match shape.element_of(value) {
                Ok(element) => items.push(Item { element, is_new, value }),
                Err(fault) => faults.message(format!("element {index}: {fault}")),
            }
        }
    }
    // Stable: old ones stay in front of new ones.
    items.sort_by(|l, r| l.element.cmp(&r.element));
    let mut rest = items.into_iter().peekable();
    while let Some(Item { element, is_new, value }) = rest.next() {
        let (mut old, mut new) = (Side::default(), Side::default());
        let mut put = |is_new, value| if is_new { new.push(value) } else { old.push(value) };
        put(is_new, value);
        while let Some(same) = rest.next_if(|next| next.element == element) {
            put(same.is_new, same.value);
        }
        match (old.is_repeated(), new.is_repeated()) {
            (false, false) if old.first == new.first => {}
            (false, false) => child(element, old.first, new.first, shape.element, below, &mut faults),
            (true, true) => {
                let same = old.all().count() == new.all().count() && old.all().zip(new.all()).all(|(l, r)| equal(l, r));
                below.modified.push(element, !same, Set::new());
            }
            (true, false) => {
                if new.first.is_some() {
                    child(element.clone(), None, new.first, shape.element, below, &mut faults);
                }
                below.removed.push(element, true, Set::new());
            }
            (false, true) => {
                if old.first.is_some() {
                    child(element.clone(), old.first, None, shape.element, below, &mut faults);
                }
                below.added.push(element, true, Set::new());
            }
        }
    }
    faults.finish(())
}

/// The elements of one list that share a path; more than one is rare.
#[derive(Default)]
struct Side<'t> {
    first: Option<View<'t>>,
    more: Vec<View<'t>>,
}

impl<'t> Side<'t> {
    fn push(&mut self, value: View<'t>) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.more.push(value),
        }
    }

    fn is_repeated(&self) -> bool {
        !self.more.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = View<'t>> {
        self.first.into_iter().chain(self.more.iter().copied())
    }
}
