//! Removing what an applier no longer sets, unless someone else owns it.

use serde_json::Value;

use super::entry::Managed;
use super::update::reconciled;
use super::{ApplyError, ConvertError, VersionedTypes};
use crate::apply::fieldset::Set;
use crate::apply::typed::{TypedRef, ensure_named_fields_are_members, remove_items, to_field_set};

/// An object at one version.
#[derive(Clone)]
struct Object<'t> {
    value: Value,
    ty: TypedRef<'t>,
}

impl<'t> Object<'t> {
    /// `None` if the version is not served.
    fn at(
        types: &'t dyn VersionedTypes,
        value: &Value,
        api_version: &str,
        what: &str,
    ) -> Result<Option<Self>, ApplyError> {
        let Some(ty) = types.type_at(api_version) else {
            return Ok(None);
        };
        match types.convert(value, api_version) {
            Ok(value) => Ok(Some(Self {
                value: value.into_owned(),
                ty,
            })),
            Err(ConvertError::MissingVersion(_)) => Ok(None),
            Err(ConvertError::Failed(e)) => Err(ApplyError::Internal(format!(
                "failed to prune fields: failed to convert {what}: {e}"
            ))),
        }
    }

    fn fields(&self) -> Result<Set, ApplyError> {
        let set = to_field_set(&self.value, self.ty).map_err(|e| {
            ApplyError::Internal(format!(
                "failed to prune fields: failed to create field set from merged object: {e}"
            ))
        })?;
        Ok(ensure_named_fields_are_members(&set, self.ty))
    }

    fn without(&self, items: &Set) -> Self {
        let mut out = self.clone();
        remove_items(&mut out.value, items, self.ty);
        out
    }
}

/// `merged` without the fields of `last`, the applier's former set at `last_version`, that neither
/// its present set nor another manager has.
pub(super) fn prune(
    types: &dyn VersionedTypes,
    merged: Value,
    api_version: &str,
    managed: &mut Managed,
    last: &Set,
    last_version: &str,
    present: &Set,
) -> Result<Value, ApplyError> {
    if last.is_empty() || (last_version == api_version && present.contains_all(last)) {
        return Ok(merged);
    }
    let Some(at_last) = Object::at(types, &merged, last_version, "merged object to last applied version")? else {
        return Ok(merged);
    };
    let last = ensure_named_fields_are_members(last, at_last.ty);
    let pruned = at_last.without(&last);
    let pruned = add_back_owned(types, &at_last, pruned, last_version, managed)?;
    let Some(pruned) = Object::at(
        types,
        &pruned.value,
        last_version,
        "pruned object to last applied version",
    )?
    else {
        return Ok(merged);
    };
    // Only what the applier itself had may go.
    let gone = at_last.fields()?.difference(&pruned.fields()?).intersection(&last);
    let result = at_last.without(&gone);
    Ok(match Object::at(types, &result.value, api_version, "pruned object")? {
        Some(object) => object.value,
        None => merged,
    })
}

/// Puts back what managers own, version after version, that of the former set first.
fn add_back_owned<'t>(
    types: &'t dyn VersionedTypes,
    merged: &Object<'t>,
    mut pruned: Object<'t>,
    first: &str,
    managed: &mut Managed,
) -> Result<Object<'t>, ApplyError> {
    let mut owned: Vec<(String, Set)> = Vec::new();
    for entry in &mut managed.entries {
        let set = reconciled(entry, types)?;
        match owned.iter_mut().find(|(version, _)| *version == entry.api_version) {
            Some((_, union)) => *union = union.union(&set),
            None => owned.push((entry.api_version.clone(), set)),
        }
    }
    owned.sort_by(|a, b| (a.0 != first, &a.0).cmp(&(b.0 != first, &b.0)));
    for (version, set) in owned {
        let Some(all) = Object::at(types, &merged.value, &version, "merged object")? else {
            continue;
        };
        let Some(kept) = Object::at(types, &pruned.value, &version, "pruned object")? else {
            continue;
        };
        let keep = kept.fields()?.union(&ensure_named_fields_are_members(&set, all.ty));
        pruned = all.without(&all.fields()?.difference(&keep));
    }
    Ok(pruned)
}
