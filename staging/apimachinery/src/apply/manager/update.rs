//! What a change of an object does to its managers.

use k8s_api::tree::{Tree, View};

use super::entry::{Entry, Managed};
use super::{ApplyError, Conflicts, ConvertError, ManagedFieldsError, ManagerKey, ResetFields, VersionedTypes};
use crate::apply::fieldset::{Below, PathElement, Set};
use crate::apply::typed::{Comparison, ValidationErrors, compare, reconcile_with_schema, text_follows_schema};

/// Why tracking failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrackError {
    /// Other managers own fields that change, and the change is not forced.
    #[error("{0}")]
    Conflict(Conflicts),
    /// A manager's field set is malformed.
    #[error("{0}")]
    Managed(#[from] ManagedFieldsError),
    /// The objects do not fit the schema or have no form at a version.
    #[error("{0}")]
    Objects(String),
}

impl From<TrackError> for ApplyError {
    fn from(error: TrackError) -> Self {
        match error {
            TrackError::Conflict(conflicts) => Self::Conflict(conflicts),
            TrackError::Managed(e) => Self::Internal(format!("failed to decode managed fields: {e}")),
            TrackError::Objects(message) => Self::Internal(message),
        }
    }
}

fn failed_to_compare(error: &ValidationErrors) -> TrackError {
    TrackError::Objects(format!("failed to compare objects: {error}"))
}

/// A change as all managers see it.
pub(super) struct Change<'a> {
    pub(super) types: &'a dyn VersionedTypes,
    pub(super) reset_fields: &'a ResetFields,
    /// The version of the request, which both objects have.
    pub(super) api_version: &'a str,
    pub(super) old: View<'a>,
    pub(super) new: View<'a>,
}

/// How the managers other than the one that acts lose fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takeover {
    /// Fields that change are a conflict.
    Refused,
    /// They go to the manager that acts.
    Forced,
}

/// A comparison with the fields that were changed or added, at one version.
struct AtVersion {
    api_version: String,
    /// `None` if the version is not served.
    changes: Option<(Comparison, Set)>,
}

impl Change<'_> {
    fn at_own_version(&self) -> Result<Comparison, TrackError> {
        let ty = self
            .types
            .type_at(self.api_version)
            .ok_or_else(|| TrackError::Objects(format!("no corresponding type for {}", self.api_version)))?;
        let comparison = compare(self.old, self.new, ty).map_err(|e| failed_to_compare(&e))?;
        Ok(self.filtered(comparison, self.api_version))
    }

    fn filtered(&self, mut comparison: Comparison, api_version: &str) -> Comparison {
        // The list of managers is no field of the object.
        for set in [&mut comparison.removed, &mut comparison.modified, &mut comparison.added] {
            set.remove(&[PathElement::field("metadata"), PathElement::field("managedFields")]);
        }
        comparison.filtered(self.reset_fields.get(api_version))
    }

    fn at_version(&self, api_version: &str) -> Result<Option<Comparison>, TrackError> {
        let convert = |object: View<'_>, which| match self.types.convert(&object.to_value(), api_version) {
            Ok(object) => Ok(Some(Tree::from(&*object))),
            Err(ConvertError::MissingVersion(_)) => Ok(None),
            Err(ConvertError::Failed(e)) => Err(TrackError::Objects(format!("failed to convert {which} object: {e}"))),
        };
        let Some(ty) = self.types.type_at(api_version) else {
            return Ok(None);
        };
        let Some(old) = convert(self.old, "old")? else {
            return Ok(None);
        };
        let Some(new) = convert(self.new, "new")? else {
            return Ok(None);
        };
        let comparison = compare(old.root(), new.root(), ty).map_err(|e| failed_to_compare(&e))?;
        Ok(Some(self.filtered(comparison, api_version)))
    }

    /// Takes fields that are gone, and fields that changed, from their owners; `acting` (an
    /// applier's new set is what it is, an updater's gets what changed afterwards) keeps the latter.
    /// Managers left without a field are dropped.
    ///
    /// Returns the comparison at the version of the request. On an error `managed` is unchanged.
    pub(super) fn track(
        &self,
        managed: &mut Managed,
        acting: &ManagerKey,
        takeover: Takeover,
    ) -> Result<Comparison, TrackError> {
        let own = self.at_own_version()?;
        let nobody = managed.is_empty();
        let changed = if nobody {
            Set::new()
        } else {
            own.modified.union(&own.added)
        };
        let mut versions = vec![AtVersion {
            api_version: self.api_version.to_owned(),
            changes: Some((own, changed)),
        }];
        let mut conflicts: Vec<(ManagerKey, Set)> = Vec::new();
        // What is left to each manager that loses something.
        let mut outcome: Vec<(usize, Left)> = Vec::new();
        for (index, entry) in managed.entries.iter_mut().enumerate() {
            if entry.key == *acting && acting.operation == super::Operation::Apply {
                if entry.is_empty() {
                    outcome.push((index, Left::Nothing));
                }
                continue;
            }
            let position = match versions.iter().position(|v| v.api_version == entry.api_version) {
                Some(position) => position,
                None => {
                    let changes = self.at_version(&entry.api_version)?.map(|comparison| {
                        let changed = comparison.modified.union(&comparison.added);
                        (comparison, changed)
                    });
                    versions.push(AtVersion {
                        api_version: entry.api_version.clone(),
                        changes,
                    });
                    versions.len() - 1
                }
            };
            let Some((comparison, changed)) = &versions[position].changes else {
                outcome.push((index, Left::Nothing));
                continue;
            };
            let keeps_changed = entry.key == *acting;
            let loses = Loss {
                removed: &comparison.removed,
                changed: (!keeps_changed).then_some(changed),
            };
            if let Some((conflict, left)) = loses.from(entry, self.types)? {
                if !conflict.is_empty() {
                    conflicts.push((entry.key.clone(), conflict));
                }
                outcome.push((index, left));
            }
        }
        if takeover == Takeover::Refused && !conflicts.is_empty() {
            return Err(TrackError::Conflict(Conflicts::new(conflicts)));
        }
        for (index, left) in outcome.into_iter().rev() {
            match left {
                Left::Set(set) => managed.entries[index].set_fields(set),
                Left::Text(text) => managed.entries[index].set_text(text),
                Left::Nothing => drop(managed.entries.remove(index)),
            }
        }
        let (comparison, _) = versions
            .swap_remove(0)
            .changes
            .expect("the request's own version was compared");
        Ok(comparison)
    }
}

/// What is left to a manager that loses fields.
enum Left {
    Nothing,
    Set(Set),
    /// A set in its text form.
    Text(String),
}

/// What a manager is about to lose.
struct Loss<'a> {
    removed: &'a Set,
    changed: Option<&'a Set>,
}

impl Loss<'_> {
    /// The conflicting fields and what is left to `entry`; `None` if it is not concerned.
    fn from(&self, entry: &mut Entry, types: &dyn VersionedTypes) -> Result<Option<(Set, Left)>, TrackError> {
        if entry.is_empty() {
            return Ok(Some((Set::new(), Left::Nothing)));
        }
        let concerned = entry.touches(self.removed) || self.changed.is_some_and(|set| entry.touches(set));
        if !concerned {
            return Ok(None);
        }
        if let Some(parted) = reconciled_text(entry, types).and_then(|text| self.part(text)) {
            return Ok(Some(parted));
        }
        let set = reconciled(entry, types)?;
        let conflict = self
            .changed
            .map(|changed| set.intersection(changed))
            .unwrap_or_default();
        let left = set.without(&conflict, Below::Stays).without(self.removed, Below::Stays);
        let left = if left.is_empty() {
            Left::Nothing
        } else {
            Left::Set(left)
        };
        Ok(Some((conflict, left)))
    }

    /// The same of a set in its text form; `None` if that takes a closer look.
    fn part(&self, text: &str) -> Option<(Set, Left)> {
        let (conflict, left) = match self.changed {
            Some(changed) => (
                changed.shared_with(text)?,
                changed.union(self.removed).taken_from(text)?,
            ),
            None => (Set::new(), self.removed.taken_from(text)?),
        };
        let left = if left == "{}" { Left::Nothing } else { Left::Text(left) };
        Some((conflict, left))
    }
}

/// The text of the entry's set, if that is what counts and in line with the present schema.
fn reconciled_text<'e>(entry: &'e Entry, types: &dyn VersionedTypes) -> Option<&'e str> {
    let text = entry.text()?;
    let ty = types.type_at(&entry.api_version);
    ty.is_none_or(|ty| text_follows_schema(text, ty)).then_some(text)
}

/// Gives `paths` to the entry.
pub(super) fn gain(entry: &mut Entry, paths: &Set, types: &dyn VersionedTypes) -> Result<(), TrackError> {
    match reconciled_text(entry, types).and_then(|text| paths.united_with(text)) {
        Some(text) => entry.set_text(text),
        None => {
            let union = reconciled(entry, types)?.union(paths);
            entry.set_fields(union);
        }
    }
    Ok(())
}

/// The entry's set, brought in line with the present schema.
pub(super) fn reconciled(entry: &mut Entry, types: &dyn VersionedTypes) -> Result<Set, TrackError> {
    let ty = types.type_at(&entry.api_version);
    let set = entry.set()?;
    Ok(ty
        .and_then(|ty| reconcile_with_schema(set, ty))
        .unwrap_or_else(|| set.clone()))
}
