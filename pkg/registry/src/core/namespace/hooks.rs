//! How a namespace goes: it is marked, its contents are deleted by a controller, which then takes the finalizers away.
//!
//! Upstream counterpart: the `Delete` of `pkg/registry/core/namespace/storage`.

use apiserver::registry::{AnyObject, Deletion, Hooks};
use k8s_api::{core::v1::Namespace, primitives::Time};

const OWN_KIND: &str = "the store of namespaces holds namespaces only";

/// The hooks of namespaces.
#[derive(Debug)]
pub(super) struct NamespaceHooks;

impl Hooks for NamespaceHooks {
    fn begin_delete(&self, object: &mut dyn AnyObject, now: jiff::Timestamp) -> Deletion {
        let namespace: &mut Namespace = object.downcast_mut().expect(OWN_KIND);
        if namespace.metadata.deletion_timestamp.is_none() {
            namespace.metadata.deletion_timestamp = Some(Time::from(now));
            "Terminating".clone_into(&mut namespace.status.phase);
            return Deletion::Stays;
        }
        if namespace.spec.finalizers.is_empty() {
            Deletion::Proceeds
        } else {
            Deletion::Stays
        }
    }

    fn deletes_during_update(&self, new: &dyn AnyObject, _old: &dyn AnyObject) -> bool {
        let namespace: &Namespace = new.downcast_ref().expect(OWN_KIND);
        namespace.spec.finalizers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use apiserver::registry::{Deletion, Hooks as _};
    use k8s_api::core::v1::Namespace;

    use super::NamespaceHooks;

    #[test]
    fn a_namespace_goes_in_two_steps() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut namespace = Namespace::default();
        namespace.spec.finalizers = vec!["kubernetes".to_owned()];
        assert_eq!(NamespaceHooks.begin_delete(&mut namespace, now), Deletion::Stays);
        assert_eq!(namespace.status.phase, "Terminating");
        assert!(namespace.metadata.deletion_timestamp.is_some());
        assert_eq!(NamespaceHooks.begin_delete(&mut namespace, now), Deletion::Stays);
        assert!(!NamespaceHooks.deletes_during_update(&namespace, &namespace));
        namespace.spec.finalizers.clear();
        assert_eq!(NamespaceHooks.begin_delete(&mut namespace, now), Deletion::Proceeds);
        assert!(NamespaceHooks.deletes_during_update(&namespace, &namespace));
    }
}
