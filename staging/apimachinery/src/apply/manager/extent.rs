//! How much an applied configuration changes, so that what it leaves alone need not be looked at again.

use k8s_api::{meta::v1::ManagedFieldsEntry, tree::View};
use serde_json::Value;

/// How much of a live object an applied configuration changes, managers aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Nothing: the merged object is the live one.
    Nothing,
    /// Metadata alone.
    Metadata,
    /// Anything, or all of it: there was no object.
    Anything,
}

impl Extent {
    /// What a new state changes of an old one.
    pub(super) fn of(old: View<'_>, new: View<'_>) -> Self {
        if old.len() != new.len() {
            return Self::Anything;
        }
        let mut extent = Self::Nothing;
        for ((name, before), (new_name, after)) in old.members().zip(new.members()) {
            match (name == new_name, before == after) {
                (true, true) => {}
                (true, false) if name == "metadata" => extent = Self::Metadata,
                _ => return Self::Anything,
            }
        }
        extent
    }
}

/// What comes of a configuration that is applied.
#[derive(Debug)]
pub struct Merged {
    /// The object, neither defaulted nor checked; nulls of the configuration are still in it.
    pub object: Value,
    /// Its managers, which are not in it.
    pub managers: Vec<ManagedFieldsEntry>,
    /// What of it is new.
    pub extent: Extent,
}

#[cfg(test)]
mod tests {
    use k8s_api::tree::Tree;
    use serde_json::{Value, json};

    use super::Extent;

    #[test]
    fn only_equal_parts_are_left_alone() {
        let object = json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {"n": 1}});
        let with = |change: fn(&mut Value)| {
            let mut object = object.clone();
            change(&mut object);
            object
        };
        for (new, expected) in [
            (object.clone(), Extent::Nothing),
            (with(|o| o["metadata"]["labels"] = json!({"a": null})), Extent::Metadata),
            (with(|o| o["spec"]["n"] = json!(2)), Extent::Anything),
            // The same number, but not for every field.
            (with(|o| o["spec"]["n"] = json!(1.0)), Extent::Anything),
            (with(|o| o["status"] = json!({})), Extent::Anything),
            (
                json!({"kind": "Pod", "metadata": {"name": "a"}, "status": {"n": 1}}),
                Extent::Anything,
            ),
        ] {
            let extent = Extent::of(Tree::from(&object).root(), Tree::from(&new).root());
            assert_eq!(extent, expected, "{new}");
        }
    }
}
