//! Field sets seen through a schema.

use super::TypedRef;
use super::shape::Shape;
use crate::apply::fieldset::{Judgement, PathElement, Set};

/// The type below `ty` at `element`, and whether it is a named field.
fn step<'s>(ty: Option<TypedRef<'s>>, element: &PathElement) -> (Option<TypedRef<'s>>, bool) {
    match (ty.map(|ty| ty.shape(None)), element) {
        (Some(Shape::Map(map)), PathElement::Field(name)) => (map.member(name), map.field(name).is_some()),
        (Some(Shape::List(list)), PathElement::Key(_)) => (Some(list.element), false),
        _ => (None, false),
    }
}

/// The set with every named field that lies on the way to a path added as a member, so that
/// objects which exist only for their members can be told from absent ones.
#[must_use]
pub fn ensure_named_fields_are_members(set: &Set, ty: TypedRef<'_>) -> Set {
    ensure(set, Some(ty))
}

fn ensure(set: &Set, ty: Option<TypedRef<'_>>) -> Set {
    set.rebuild(|node| {
        let (below, named) = step(ty, &node.element);
        (
            node.member || (named && !node.children.is_empty()),
            ensure(&node.children, below),
        )
    })
}

/// The set after a change of the schema: paths below a value that has become atomic are replaced
/// by the path to that value. `None` if nothing changes.
#[must_use]
pub fn reconcile_with_schema(set: &Set, ty: TypedRef<'_>) -> Option<Set> {
    needs_reconciling(set, ty).then(|| reconcile(set, ty))
}

enum Below<'s> {
    /// Nothing below needs a look.
    Leave,
    /// Paths below belong to an atomic value.
    Collapse,
    /// Look at each element with its type.
    Descend(Shape<'s>),
}

fn below(ty: TypedRef<'_>) -> Below<'_> {
    match ty.shape(None) {
        Shape::Scalar(_) => Below::Leave,
        Shape::Map(map) if map.is_deduced() => Below::Leave,
        Shape::Map(map) if map.atomic => Below::Collapse,
        Shape::List(list) if list.is_atomic() => Below::Collapse,
        shape => Below::Descend(shape),
    }
}

/// The type of an element, which has a name if it is a field.
fn element_type<'s>(shape: &Shape<'s>, field: Option<&str>) -> Option<TypedRef<'s>> {
    match (shape, field) {
        (Shape::Map(map), Some(name)) => map.member(name),
        (Shape::Map(map), None) => map.element,
        (Shape::List(list), _) => Some(list.element),
        (Shape::Scalar(_), _) => None,
    }
}

fn field_name(element: &PathElement) -> Option<&str> {
    match element {
        PathElement::Field(name) => Some(name),
        _ => None,
    }
}

/// Whether the set that a `FieldsV1` text stands for is surely in line with the schema, so that [`reconcile_with_schema`]
/// would change nothing.
pub(crate) fn text_follows_schema(text: &str, ty: TypedRef<'_>) -> bool {
    // What the text says of the object itself is judged here, as the walk begins below it.
    if !matches!(below(ty), Below::Descend(_)) {
        return false;
    }
    let found = Set::finds_in(
        text,
        ty,
        &mut |parent, field| match element_type(&parent.shape(None), field).map(|ty| (ty, below(ty))) {
            None | Some((_, Below::Leave)) => Judgement::Passed,
            Some((_, Below::Collapse)) => Judgement::Found,
            Some((ty, Below::Descend(_))) => Judgement::Opened(ty),
        },
    );
    found == Some(false)
}

fn needs_reconciling(set: &Set, ty: TypedRef<'_>) -> bool {
    if set.is_empty() {
        return false;
    }
    match below(ty) {
        Below::Leave => false,
        Below::Collapse => true,
        Below::Descend(shape) => set.nodes().iter().filter(|n| !n.children.is_empty()).any(|node| {
            element_type(&shape, field_name(&node.element)).is_some_and(|ty| needs_reconciling(&node.children, ty))
        }),
    }
}

fn reconcile(set: &Set, ty: TypedRef<'_>) -> Set {
    let Below::Descend(shape) = below(ty) else {
        return set.clone();
    };
    set.rebuild(|node| match element_type(&shape, field_name(&node.element)) {
        Some(ty) if !node.children.is_empty() => match below(ty) {
            Below::Collapse => (true, Set::new()),
            _ => (node.member, reconcile(&node.children, ty)),
        },
        _ => (node.member, node.children.clone()),
    })
}
