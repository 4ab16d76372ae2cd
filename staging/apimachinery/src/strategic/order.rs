//! The order of list elements.
//!
//! Elements that the patch names follow the patch; the server's others follow the server; the two
//! sequences are merged so that an element precedes another of the other sequence only where the
//! server had it so.

use serde_json::Value;

use super::error::{self, PatchError};
use super::{DIRECTIVE, SET_ELEMENT_ORDER};
use crate::apply::go;

/// What a list is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementKind {
    /// Objects.
    Map,
    /// Scalars.
    Scalar,
}

/// The kind of all elements of these lists.
pub(super) fn element_kind(lists: &[&[Value]]) -> Result<ElementKind, PatchError> {
    let mut all = lists.iter().copied().flatten();
    let Some(first) = all.next() else {
        return Err(PatchError::Other("no elements in any of the given slices".to_owned()));
    };
    if first.is_array() {
        return Err(PatchError::ListOfLists);
    }
    if first.is_null() || all.any(|v| go::type_name(v) != go::type_name(first)) {
        let lists = Value::Array(lists.iter().map(|l| Value::Array(l.to_vec())).collect());
        return Err(PatchError::Other(format!(
            "list element types are not identical: {}",
            go::plain(&lists)
        )));
    }
    Ok(if first.is_object() {
        ElementKind::Map
    } else {
        ElementKind::Scalar
    })
}

/// How the elements of a list are told apart.
#[derive(Clone, Copy)]
pub(super) struct Elements<'s> {
    kind: ElementKind,
    merge_key: &'s str,
}

pub(super) fn is_delete(item: &Value) -> bool {
    item.get(DIRECTIVE).and_then(Value::as_str) == Some("delete")
}

impl<'s> Elements<'s> {
    pub(super) fn new(kind: ElementKind, merge_key: &'s str) -> Self {
        Self { kind, merge_key }
    }

    /// What an element is known by.
    pub(super) fn identity<'v>(&self, item: &'v Value) -> Result<&'v Value, PatchError> {
        if self.kind == ElementKind::Scalar {
            return Ok(item);
        }
        let map = error::map(item)?;
        map.get(self.merge_key)
            .ok_or_else(|| PatchError::no_merge_key(map, self.merge_key))
    }

    fn identities<'v>(&self, items: &'v [Value]) -> Result<Vec<&'v Value>, PatchError> {
        items.iter().map(|item| self.identity(item)).collect()
    }

    /// The elements that `named` names, and the others.
    pub(super) fn partition(&self, items: Vec<Value>, named: &[Value]) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
        let mut out = (Vec::new(), Vec::new());
        for item in items {
            let identity = self.identity(&item)?;
            let is_named = match self.kind {
                ElementKind::Scalar => named.contains(identity),
                ElementKind::Map => super::list::find(named, self.merge_key, identity)?.is_some(),
            };
            if is_named { out.0.push(item) } else { out.1.push(item) }
        }
        Ok(out)
    }

    /// Sorts `items` as `order` has them; elements to be deleted go last.
    pub(super) fn sort(&self, items: Vec<Value>, order: &[Value]) -> Result<Vec<Value>, PatchError> {
        self.identities(&items)?;
        let order = self.identities(order)?;
        let (last, mut sorted): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|item| self.kind == ElementKind::Map && is_delete(item));
        sorted.sort_by_cached_key(|item| self.position(item, &order).unwrap_or(usize::MAX));
        sorted.extend(last);
        Ok(sorted)
    }

    fn position(&self, item: &Value, order: &[&Value]) -> Option<usize> {
        let identity = self.identity(item).ok()?;
        order.iter().position(|o| *o == identity)
    }

    /// Both sequences as one list.
    pub(super) fn normalize(
        &self,
        named: Vec<Value>,
        others: Vec<Value>,
        patch_order: &[Value],
        server_order: &[Value],
    ) -> Result<Vec<Value>, PatchError> {
        let named = self.sort(named, patch_order)?;
        let others = self.sort(others, server_order)?;
        let order = self.identities(server_order)?;
        let mut out = Vec::with_capacity(named.len() + others.len());
        let mut named = named.into_iter().peekable();
        let mut others = others.into_iter().peekable();
        loop {
            let other_first = match (others.peek(), named.peek()) {
                (Some(other), Some(name)) => {
                    matches!((self.position(other, &order), self.position(name, &order)), (Some(o), Some(n)) if o < n)
                }
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return Ok(out),
            };
            out.extend(if other_first { others.next() } else { named.next() });
        }
    }
}

/// Checks that the patch's elements come in the order of `$setElementOrder` and are all in it;
/// elements with a directive do not count.
pub(super) fn check_patch_follows(patch: &[Value], order: &[Value], merge_key: &str) -> Result<(), PatchError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let keyed = !merge_key.is_empty();
    if keyed {
        patch.iter().try_for_each(|item| error::map(item).map(drop))?;
    }
    let elements = Elements::new(if keyed { ElementKind::Map } else { ElementKind::Scalar }, merge_key);
    let mut order_left = order.iter();
    for item in patch.iter().filter(|item| !(keyed && is_delete(item))) {
        let mismatch = || {
            let text = |items: &[Value]| go::plain(&Value::Array(items.to_vec()));
            PatchError::Other(format!(
                "The order in patch list:\n{}\n doesn't match {SET_ELEMENT_ORDER} list:\n{}\n",
                text(patch),
                text(order)
            ))
        };
        if order_left.as_slice().is_empty() {
            return Err(mismatch());
        }
        if item.get(DIRECTIVE).is_some() {
            continue;
        }
        let identity = elements.identity(item)?;
        loop {
            let next = order_left.next().ok_or_else(mismatch)?;
            if elements.identity(next)? == identity {
                break;
            }
        }
    }
    Ok(())
}
