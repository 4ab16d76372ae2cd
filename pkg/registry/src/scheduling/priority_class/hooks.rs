//! The classes of the system stay.
//!
//! Upstream counterpart: the `Delete` of `pkg/registry/scheduling/priorityclass/storage`.

use apiserver::registry::{AnyObject, Deletion, Hooks};

const SYSTEM: [&str; 2] = ["system-node-critical", "system-cluster-critical"];

/// The hooks of priority classes.
#[derive(Debug)]
pub(super) struct PriorityClassHooks;

impl Hooks for PriorityClassHooks {
    fn begin_delete(&self, object: &mut dyn AnyObject, _now: jiff::Timestamp) -> Deletion {
        if SYSTEM.contains(&object.metadata().name.as_str()) {
            Deletion::Forbidden("this is a system priority class and cannot be deleted")
        } else {
            Deletion::Proceeds
        }
    }
}

#[cfg(test)]
mod tests {
    use apiserver::registry::{Deletion, Hooks as _};
    use k8s_api::scheduling::v1::PriorityClass;

    use super::PriorityClassHooks;

    #[test]
    fn classes_of_the_system_stay() {
        let mut class = PriorityClass::default();
        "mine".clone_into(&mut class.metadata.name);
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert_eq!(PriorityClassHooks.begin_delete(&mut class, now), Deletion::Proceeds);
        "system-node-critical".clone_into(&mut class.metadata.name);
        assert!(matches!(
            PriorityClassHooks.begin_delete(&mut class, now),
            Deletion::Forbidden(_)
        ));
    }
}
