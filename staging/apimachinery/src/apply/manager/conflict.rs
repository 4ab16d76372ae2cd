//! Conflicts of an apply with other managers, worded as clients know them.

use std::fmt;

use super::ManagerKey;
use crate::apply::fieldset::{Path, Set, display_path};

/// A field that another manager owns and the applied configuration would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The owner.
    pub manager: ManagerKey,
    /// The field.
    pub path: Path,
}

/// All conflicts of an apply, by manager; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflicts(pub Vec<Conflict>);

impl Conflicts {
    pub(super) fn new(mut sets: Vec<(ManagerKey, Set)>) -> Self {
        sets.sort_by_cached_key(|(key, _)| key.identifier());
        let of_one = |(manager, set): (ManagerKey, Set)| {
            set.paths().into_iter().map(move |path| Conflict {
                manager: manager.clone(),
                path,
            })
        };
        Self(sets.into_iter().flat_map(of_one).collect())
    }

    /// For each conflict the `message` and `field` of a status cause with reason
    /// `FieldManagerConflict`.
    pub fn causes(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0
            .iter()
            .map(|c| (format!("conflict with {}", c.manager), display_path(&c.path)))
    }

    /// The conflicting fields.
    #[must_use]
    pub fn to_set(&self) -> Set {
        Set::from_paths(self.0.iter().map(|c| &c.path))
    }
}

impl std::error::Error for Conflicts {}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            let path = display_path(&only.path);
            return write!(
                f,
                "Apply failed with 1 conflict: conflict with {}: {path}",
                only.manager
            );
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut last = None;
        for conflict in &self.0 {
            if last != Some(&conflict.manager) {
                let newline = if last.is_some() { "\n" } else { "" };
                write!(f, "{newline}conflicts with {}:", conflict.manager)?;
                last = Some(&conflict.manager);
            }
            write!(f, "\n- {}", display_path(&conflict.path))?;
        }
        Ok(())
    }
}
