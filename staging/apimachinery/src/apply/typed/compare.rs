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

/// Compares two values. The cost follows what differs: equal parts are skipped unseen.
///
/// # Errors
/// If what differs does not fit the type on both sides.
pub fn compare(old: View<'_>, new: View<'_>, ty: TypedRef<'_>) -> Result<Comparison, ValidationErrors> {
    let mut out = Comparison::default();
    walk(old, new, ty, &mut out)?;
    Ok(out)
}

/// Compares two values; returns whether the path to them is itself modified.
fn walk(old: View<'_>, new: View<'_>, ty: TypedRef<'_>, below: &mut Comparison) -> Result<bool, ValidationErrors> {
    let shape = ty.shape_of(Some(new.form()));
    let old_shape = ty.shape_of(Some(old.form()));
    let mut modified = false;
    if !old_shape.same_kind(&shape) {
        modified |= visit(old, new, &old_shape, below)?;
    }
    modified |= visit(old, new, &shape, below)?;
    Ok(modified)
}

/// What there is below a value that stands on one side only: every path.
fn all(value: View<'_>, ty: TypedRef<'_>) -> Result<Set, ValidationErrors> {
    let mut faults = Faults::default();
    let mut set = Set::new();
    match ty.shape_of(Some(value.form())) {
        Shape::List(list) if !list.is_atomic() && value.form() == Form::List => {
            let mut items = Vec::with_capacity(value.len());
            gather(value, false, &list, &mut items, &mut faults);
            items.sort_by(|l, r| l.element.cmp(&r.element));
            set.reserve(items.len());
            let mut rest = items.into_iter().peekable();
            while let Some(Item { element, value, .. }) = rest.next() {
                let mut repeated = false;
                while rest.next_if(|next| next.element == element).is_some() {
                    repeated = true;
                }
                let children = if repeated {
                    Ok(Set::new())
                } else {
                    all(value, list.element)
                };
                if let Some(children) = faults.keep(children.map_err(|e| e.below(&element))) {
                    set.push(element, true, children);
                }
            }
        }
        Shape::Map(map) if !map.atomic => {
            let mut fields = map.fields();
            set.reserve(value.len());
            for (name, member) in value.members() {
                let element = PathElement::field(name);
                let children = match fields.member(name) {
                    Some(ty) => all(member, ty),
                    None => Err(ValidationErrors::one("field not declared in schema")),
                };
                if let Some(children) = faults.keep(children.map_err(|e| e.below(&element))) {
                    set.push(element, true, children);
                }
            }
        }
        Shape::Scalar(_) | Shape::List(_) | Shape::Map(_) => {}
    }
    faults.finish(set)
}

/// Whether two values are the same, numbers compared by value.
pub(crate) fn same(left: View<'_>, right: View<'_>) -> bool {
    match (left.form(), right.form()) {
        (Form::Number, Form::Number) => left
            .as_number()
            .zip(right.as_number())
            .is_some_and(|(left, right)| go::same_number(&left, &right)),
        (Form::List, Form::List) => {
            left.len() == right.len() && left.elements().zip(right.elements()).all(|(l, r)| same(l, r))
        }
        (Form::Object, Form::Object) => {
            let mut members = left.members().zip(right.members());
            left.len() == right.len() && members.all(|((l, left), (r, right))| l == r && same(left, right))
        }
        _ => left == right,
    }
}

/// Whether there is nothing in a list or object.
pub(super) fn is_bare(value: View<'_>, form: Form) -> bool {
    value.form() != form || value.is_empty()
}

/// Compares what is below; returns whether a leaf was modified.
fn visit(old: View<'_>, new: View<'_>, shape: &Shape<'_>, below: &mut Comparison) -> Result<bool, ValidationErrors> {
    match shape {
        Shape::Scalar(kind) => {
            if !kind.fits(old.form()) && !kind.fits(new.form()) {
                let mut faults = Faults::default();
                for (value, side) in [(old, "lhs: "), (new, "rhs: ")] {
                    faults.message(scalar_fault(*kind, &value.to_value(), side));
                }
                return faults.finish(false);
            }
            Ok(!same(old, new))
        }
        Shape::List(list) => {
            if list.is_atomic() || (is_bare(old, Form::List) && is_bare(new, Form::List)) {
                return Ok(!same(old, new));
            }
            lists(old, new, list, below).map(|()| false)
        }
        Shape::Map(map) => {
            if map.atomic || (is_bare(old, Form::Object) && is_bare(new, Form::Object)) {
                return Ok(!same(old, new));
            }
            maps(old, new, map, below).map(|()| false)
        }
    }
}

fn maps(old: View<'_>, new: View<'_>, shape: &MapShape<'_>, below: &mut Comparison) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut fields = shape.fields();
    let (mut old, mut new) = (old.members().peekable(), new.members().peekable());
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
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (Some(value), None) | (None, Some(value)) => {
            let result = all(value, ty).map_err(|e| e.below(&element));
            let Some(children) = faults.keep(result) else { return };
            let side = if old.is_some() {
                &mut below.removed
            } else {
                &mut below.added
            };
            return side.push(element, true, children);
        }
        (None, None) => return,
    };
    let mut inner = Comparison::default();
    let result = walk(old, new, ty, &mut inner).map_err(|e| e.below(&element));
    let Some(modified) = faults.keep(result) else { return };
    if !inner.removed.is_empty() {
        below.removed.push(element.clone(), false, inner.removed);
    }
    if modified || !inner.modified.is_empty() {
        below.modified.push(element.clone(), modified, inner.modified);
    }
    if !inner.added.is_empty() {
        below.added.push(element, false, inner.added);
    }
}

/// An element of one of two lists.
struct Item<'t> {
    element: PathElement,
    is_new: bool,
    value: View<'t>,
}

/// Adds the elements of a list.
fn gather<'t>(list: View<'t>, is_new: bool, shape: &ListShape<'_>, items: &mut Vec<Item<'t>>, faults: &mut Faults) {
    for (index, value) in list.elements().enumerate() {
        match shape.element_of(value) {
            Ok(element) => items.push(Item { element, is_new, value }),
            Err(fault) => faults.message(format!("element {index}: {fault}")),
        }
    }
}

fn lists(old: View<'_>, new: View<'_>, shape: &ListShape<'_>, below: &mut Comparison) -> Result<(), ValidationErrors> {
    let mut faults = Faults::default();
    let mut items: Vec<Item<'_>> = Vec::with_capacity(old.len() + new.len());
    gather(old, false, shape, &mut items, &mut faults);
    gather(new, true, shape, &mut items, &mut faults);
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
                let alike = old.all().count() == new.all().count() && old.all().zip(new.all()).all(|(l, r)| same(l, r));
                below.modified.push(element, !alike, Set::new());
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
