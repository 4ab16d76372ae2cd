//! Applying a patch to an object, or to another patch.

use k8s_api::reflect::{PatchStrategy, TypeRef};
use serde_json::Value;

use super::error::{LIST_TYPE, PatchError};
use super::list::{deleted_or_kept, merge_list};
use super::meta::{FieldMeta, list_field, object_field};
use super::order::{self, Elements};
use super::{DELETE_FROM_PRIMITIVE_LIST, DIRECTIVE, Object, RETAIN_KEYS, SET_ELEMENT_ORDER};
use crate::apply::go;

/// What the patch is merged with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// An object: directives take effect, nulls that delete nothing vanish.
    Apply,
    /// Another patch: directives and nulls are kept.
    Combine,
}

pub(super) fn merge_map(
    mut original: Object,
    mut patch: Object,
    ty: TypeRef<'_>,
    mode: Mode,
) -> Result<Object, PatchError> {
    match patch.get(DIRECTIVE) {
        Some(Value::String(s)) if s == "replace" => {
            patch.remove(DIRECTIVE);
            return Ok(patch);
        }
        Some(Value::String(s)) if s == "delete" => return Ok(Object::new()),
        Some(other) => return Err(PatchError::patch_type(other, &patch)),
        None => {}
    }
    retain_keys(&mut original, &mut patch, mode)?;
    merge_ordered_lists(&mut original, &mut patch, ty, mode)?;
    for (name, value) in patch {
        merge_member(&mut original, name, value, ty, mode)?;
    }
    Ok(original)
}

/// The list a directive is about.
fn directive_target<'k>(name: &'k str, prefix: &str, error: PatchError) -> Result<&'k str, PatchError> {
    name.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or(error)
}

fn merge_member(
    original: &mut Object,
    mut name: String,
    mut value: Value,
    ty: TypeRef<'_>,
    mode: Mode,
) -> Result<(), PatchError> {
    let deletes = name.starts_with(DELETE_FROM_PRIMITIVE_LIST);
    if deletes {
        if mode == Mode::Combine {
            original.insert(name, value);
            return Ok(());
        }
        name = directive_target(&name, DELETE_FROM_PRIMITIVE_LIST, PatchError::PrimitiveListFormat)?.to_owned();
    }
    if value.is_null() {
        original.remove(&name);
        if mode == Mode::Apply {
            return Ok(());
        }
    }
    let Some(slot) = original.get_mut(&name).filter(|o| same_kind(o, &value)) else {
        if !deletes {
            if mode == Mode::Apply {
                discard_nulls(&mut value);
            }
            if remove_directives(&mut value) {
                original.insert(name, value);
            } else {
                original.remove(&name);
            }
        }
        return Ok(());
    };
    match (slot, value) {
        (Value::Object(current), Value::Object(patch)) => {
            let meta = object_field(ty, &name)?;
            *current = if meta.strategy == PatchStrategy::Replace {
                patch
            } else {
                merge_map(std::mem::take(current), patch, meta.ty, mode)?
            };
        }
        (Value::Array(current), Value::Array(patch)) => {
            let meta = list_field(ty, &name)?;
            *current = merge_list_field(std::mem::take(current), patch, meta, deletes, mode)?;
        }
        (slot, value) => *slot = value,
    }
    Ok(())
}

fn same_kind(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

pub(super) fn merge_list_field(
    current: Vec<Value>,
    patch: Vec<Value>,
    meta: FieldMeta<'_>,
    deletes: bool,
    mode: Mode,
) -> Result<Vec<Value>, PatchError> {
    if meta.strategy.merges() || deletes {
        if deletes
            && mode == Mode::Apply
            && let Some(kept) = deleted_or_kept(&current, &patch)?
        {
            return Ok(kept);
        }
        merge_list(current, patch, meta, mode)
    } else {
        Ok(patch)
    }
}

/// Removes members that are null, at every depth.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// Removes objects with a `$patch` directive below `value`; returns whether `value` itself stays.
pub(super) fn remove_directives(value: &mut Value) -> bool {
    match value {
        Value::Object(map) => {
            if map.contains_key(DIRECTIVE) {
                return false;
            }
            map.retain(|_, v| remove_directives(v));
        }
        Value::Array(items) => items.retain_mut(remove_directives),
        _ => {}
    }
    true
}

/// Carries out `$retainKeys`, or carries it over to the combined patch.
fn retain_keys(original: &mut Object, patch: &mut Object, mode: Mode) -> Result<(), PatchError> {
    let Some(directive) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    if mode == Mode::Combine {
        return match original.get(RETAIN_KEYS) {
            Some(own) if *own != directive => Err(PatchError::Other(format!(
                "{} and {} are not deep equal: this may happen when calculating the 3-way diff patch",
                go::plain(own),
                go::plain(&directive)
            ))),
            Some(_) => Ok(()),
            None => {
                original.insert(RETAIN_KEYS.to_owned(), directive);
                Ok(())
            }
        };
    }
    let Value::Array(keys) = directive else {
        return Err(PatchError::RetainKeysFormat);
    };
    let retained = |name: &str| keys.iter().any(|k| k.as_str() == Some(name));
    let is_directive = |name: &str| name.starts_with(DELETE_FROM_PRIMITIVE_LIST) || name.starts_with(SET_ELEMENT_ORDER);
    if patch
        .iter()
        .any(|(name, value)| !value.is_null() && !is_directive(name) && !retained(name))
    {
        return Err(PatchError::RetainKeysFormat);
    }
    original.retain(|name, _| retained(name));
    Ok(())
}

/// Merges the lists that have a `$setElementOrder`, and puts them in that order: the named elements
/// as named, the server's others where they stood relative to them.
fn merge_ordered_lists(
    original: &mut Object,
    patch: &mut Object,
    ty: TypeRef<'_>,
    mode: Mode,
) -> Result<(), PatchError> {
    let directives: Vec<String> = patch
        .keys()
        .filter(|k| k.starts_with(SET_ELEMENT_ORDER))
        .cloned()
        .collect();
    for directive in directives {
        let Some(order) = patch.remove(&directive) else {
            continue;
        };
        if mode == Mode::Combine {
            match original.get(&directive) {
                Some(own) if *own != order => return Err(PatchError::SetElementOrderFormat),
                Some(_) => {}
                None => drop(original.insert(directive.clone(), order.clone())),
            }
        }
        let Value::Array(order) = order else {
            return Err(PatchError::argument(LIST_TYPE, &order));
        };
        let name = directive_target(&directive, SET_ELEMENT_ORDER, PatchError::SetElementOrderFormat)?;
        merge_ordered_list(original, patch, name, &order, ty, mode)?;
    }
    Ok(())
}

fn merge_ordered_list(
    original: &mut Object,
    patch: &mut Object,
    name: &str,
    order: &[Value],
    ty: TypeRef<'_>,
    mode: Mode,
) -> Result<(), PatchError> {
    for list in [original.get(name), patch.get(name)].into_iter().flatten() {
        super::error::list(list)?;
    }
    let meta = list_field(ty, name)?;
    let live = original.get(name).and_then(Value::as_array);
    let patched = patch.get(name).and_then(Value::as_array);
    order::check_patch_follows(patched.map_or(&[], Vec::as_slice), order, meta.merge_key)?;
    if live.is_none() && patched.is_none() {
        return Ok(());
    }
    let kind = order::element_kind(&[live.map_or(&[], Vec::as_slice), patched.map_or(&[], Vec::as_slice)])?;
    let elements = Elements::new(kind, meta.merge_key);
    let server_order = live.cloned().unwrap_or_default();
    let merged = match (original.remove(name), patch.remove(name)) {
        (Some(Value::Array(live)), Some(Value::Array(patch))) => merge_list_field(live, patch, meta, false, mode)?,
        (None, Some(mut patch)) => {
            remove_directives(&mut patch);
            super::error::list(&patch)?.clone()
        }
        (Some(Value::Array(live)), _) => live,
        _ => return Ok(()),
    };
    let (named, others) = elements.partition(merged, order)?;
    let sorted = elements.normalize(named, others, order, &server_order)?;
    original.insert(name.to_owned(), Value::Array(sorted));
    Ok(())
}
