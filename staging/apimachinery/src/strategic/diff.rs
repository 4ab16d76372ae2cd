//! The patch that turns one object into another.

use std::cmp::Ordering;

use k8s_api::reflect::{PatchStrategy, TypeRef};
use serde_json::{Value, json};

use super::error::{self, PatchError};
use super::list::deduplicate;
use super::meta::{FieldMeta, list_field, object_field};
use super::order::{ElementKind, Elements, element_kind};
use super::{DELETE_FROM_PRIMITIVE_LIST, DIRECTIVE, Object, RETAIN_KEYS, SET_ELEMENT_ORDER};
use crate::apply::go;

/// What a patch is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DiffOptions {
    /// Say the order of lists.
    pub(super) set_element_order: bool,
    /// Leave out what was changed or added.
    pub(super) ignore_changes_and_additions: bool,
    /// Leave out what was deleted.
    pub(super) ignore_deletions: bool,
    /// The object itself has strategy `retainKeys`.
    pub(super) build_retain_keys: bool,
}

pub(super) fn diff_maps(
    original: &Object,
    modified: &Object,
    ty: TypeRef<'_>,
    options: DiffOptions,
) -> Result<Object, PatchError> {
    let mut patch = Object::new();
    for (name, value) in modified {
        match original.get(name) {
            Some(old) => diff_member(&mut patch, name, old, value, ty, options)?,
            None if options.ignore_changes_and_additions => {}
            None => drop(patch.insert(name.clone(), value.clone())),
        }
    }
    if !options.ignore_deletions {
        for name in original.keys().filter(|name| !modified.contains_key(*name)) {
            patch.insert(name.clone(), Value::Null);
        }
    }
    if options.build_retain_keys {
        let kept: Vec<Value> = modified
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(name, _)| Value::from(name.as_str()))
            .collect();
        let clears = || {
            original
                .iter()
                .any(|(name, v)| !v.is_null() && !modified.contains_key(name))
        };
        if !kept.is_empty() && (!patch.is_empty() || clears()) {
            patch.insert(RETAIN_KEYS.to_owned(), Value::Array(kept));
        }
    }
    Ok(patch)
}

fn diff_member(
    patch: &mut Object,
    name: &str,
    old: &Value,
    new: &Value,
    ty: TypeRef<'_>,
    options: DiffOptions,
) -> Result<(), PatchError> {
    if name == DIRECTIVE {
        if !old.is_string() || !new.is_string() {
            return Err(PatchError::Other(format!("invalid value for special key: {DIRECTIVE}")));
        }
        if old != new {
            patch.insert(name.to_owned(), new.clone());
        }
        return Ok(());
    }
    let mut replace = || {
        if !options.ignore_changes_and_additions && old != new {
            patch.insert(name.to_owned(), new.clone());
        }
    };
    match (old, new) {
        (Value::Object(old_map), Value::Object(new_map)) => {
            let meta = match object_field(ty, name) {
                Err(_) if old == new => return Ok(()),
                other => other?,
            };
            if meta.strategy == PatchStrategy::Replace {
                if !options.ignore_changes_and_additions {
                    patch.insert(name.to_owned(), new.clone());
                }
                return Ok(());
            }
            let options = DiffOptions {
                build_retain_keys: meta.strategy.retains_keys(),
                ..options
            };
            let below = diff_maps(old_map, new_map, meta.ty, options)?;
            if !below.is_empty() {
                patch.insert(name.to_owned(), Value::Object(below));
            }
        }
        (Value::Array(old_list), Value::Array(new_list)) => {
            let meta = match list_field(ty, name) {
                Err(_) if old == new => return Ok(()),
                other => other?,
            };
            if !meta.strategy.merges() {
                replace();
                return Ok(());
            }
            let options = DiffOptions {
                build_retain_keys: meta.strategy.retains_keys(),
                ..options
            };
            let diff = diff_lists(old_list, new_list, meta, options)?;
            for (key, items) in [
                (name.to_owned(), diff.patch),
                (format!("{DELETE_FROM_PRIMITIVE_LIST}/{name}"), diff.delete),
                (format!("{SET_ELEMENT_ORDER}/{name}"), diff.order),
            ] {
                if !items.is_empty() {
                    patch.insert(key, Value::Array(items));
                }
            }
        }
        _ => replace(),
    }
    Ok(())
}

/// A list's part of a patch.
#[derive(Default)]
struct ListDiff {
    patch: Vec<Value>,
    delete: Vec<Value>,
    order: Vec<Value>,
}

fn diff_lists(
    original: &[Value],
    modified: &[Value],
    meta: FieldMeta<'_>,
    options: DiffOptions,
) -> Result<ListDiff, PatchError> {
    if original.is_empty() {
        let patch = if options.ignore_changes_and_additions {
            Vec::new()
        } else {
            modified.to_vec()
        };
        return Ok(ListDiff {
            patch,
            ..ListDiff::default()
        });
    }
    let kind = element_kind(&[original, modified])?;
    let elements = Elements::new(kind, meta.merge_key);
    let (changes, deletions) = (!options.ignore_changes_and_additions, !options.ignore_deletions);
    if kind == ElementKind::Map {
        let (patch, deleted) = diff_lists_of_maps(original, modified, meta, options)?;
        let mut patch = elements.sort(patch, modified)?;
        let same_order = same_order(original, modified, meta.merge_key)?;
        patch.extend(deleted);
        let ordered = options.set_element_order
            && ((changes && (!patch.is_empty() || !same_order)) || (deletions && !patch.is_empty()));
        let order = if ordered {
            let key = |item: &Value| json!({ meta.merge_key: item.get(meta.merge_key).cloned().unwrap_or_default() });
            modified.iter().map(key).collect()
        } else {
            Vec::new()
        };
        return Ok(ListDiff {
            patch,
            delete: Vec::new(),
            order,
        });
    }
    let sorted = sort_scalars(original);
    let (patch, delete) = diff_lists_of_scalars(&sorted, &sort_scalars(modified), options);
    let patch = elements.sort(patch, modified)?;
    // The original is compared in sorted order: an unsorted list always says its order.
    let ordered = options.set_element_order && ((deletions && !delete.is_empty()) || (changes && sorted != modified));
    Ok(ListDiff {
        patch,
        delete,
        order: if ordered { modified.to_vec() } else { Vec::new() },
    })
}

fn same_order(original: &[Value], modified: &[Value], merge_key: &str) -> Result<bool, PatchError> {
    if original.len() != modified.len() {
        return Ok(false);
    }
    let elements = Elements::new(ElementKind::Map, merge_key);
    for (old, new) in original.iter().zip(modified) {
        if elements.identity(old)? != elements.identity(new)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Scalars sorted by their text.
pub(super) fn sort_scalars(items: &[Value]) -> Vec<Value> {
    let mut out = items.to_vec();
    out.sort_by_cached_key(go::plain);
    out
}

/// Which of two sorted lists the next element is in.
fn next_of(left: Option<&str>, right: Option<&str>) -> Option<Ordering> {
    match (left, right) {
        (Some(l), Some(r)) => Some(l.cmp(r)),
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (None, None) => None,
    }
}

/// What is to be added and what deleted, both lists being sorted.
fn diff_lists_of_scalars(original: &[Value], modified: &[Value], options: DiffOptions) -> (Vec<Value>, Vec<Value>) {
    let (mut add, mut delete) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    loop {
        let (old, new) = (original.get(i).map(go::plain), modified.get(j).map(go::plain));
        let Some(order) = next_of(old.as_deref(), new.as_deref()) else {
            break;
        };
        if order.is_lt() && !options.ignore_deletions {
            delete.push(original[i].clone());
        }
        if order.is_gt() && !options.ignore_changes_and_additions {
            add.push(modified[j].clone());
        }
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
    (add, deduplicate(delete))
}

/// Elements with the text of their merge key, sorted by it.
fn keyed<'v>(items: &'v [Value], merge_key: &str) -> Result<Vec<(String, &'v Value, &'v Object)>, PatchError> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let map = error::map(item)?;
        let key = map
            .get(merge_key)
            .ok_or_else(|| PatchError::no_merge_key(map, merge_key))?;
        out.push((go::plain(key), key, map));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(out)
}

/// What is to be merged into the list, and directives that delete from it.
fn diff_lists_of_maps(
    original: &[Value],
    modified: &[Value],
    meta: FieldMeta<'_>,
    options: DiffOptions,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let (original, modified) = (keyed(original, meta.merge_key)?, keyed(modified, meta.merge_key)?);
    let (mut patch, mut delete) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    loop {
        let (old, new) = (original.get(i), modified.get(j));
        let Some(order) = next_of(old.map(|o| o.0.as_str()), new.map(|n| n.0.as_str())) else {
            break;
        };
        match (order, old, new) {
            (Ordering::Equal, Some((_, _, old)), Some((_, key, new))) => {
                let mut below = diff_maps(old, new, meta.ty, options)?;
                if !below.is_empty() {
                    below.insert(meta.merge_key.to_owned(), (*key).clone());
                    patch.push(Value::Object(below));
                }
            }
            (Ordering::Greater, _, Some((_, _, new))) if !options.ignore_changes_and_additions => {
                patch.push(Value::Object((*new).clone()));
            }
            (Ordering::Less, Some((_, key, _)), _) if !options.ignore_deletions => {
                delete.push(json!({ meta.merge_key: key, DIRECTIVE: "delete" }));
            }
            _ => {}
        }
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
    Ok((patch, delete))
}
