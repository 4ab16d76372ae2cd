//! The rules of namespaces. Their spec is finalizers only, and only `finalize` changes it.

use apimachinery::field::ErrorList;
use apis_core::core::namespace::{self, ACTIVE, KUBERNETES_FINALIZER};
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::core::v1::{Namespace, NamespaceStatus};

const FIELDS: &[SelectableField] = &[
    SelectableField::new("status.phase", &["status", "phase"]),
    // The name without its path is an accident that clients rely on.
    SelectableField::new("name", &["metadata", "name"]),
];

/// The rules of namespaces.
#[derive(Clone, Copy, Debug)]
pub struct NamespaceStrategy;

impl Strategy for NamespaceStrategy {
    type Object = Namespace;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, namespace: &mut Namespace) {
        namespace.status = NamespaceStatus {
            phase: ACTIVE.to_owned(),
            ..NamespaceStatus::default()
        };
        let finalizers = &mut namespace.spec.finalizers;
        if !finalizers.iter().any(|finalizer| finalizer == KUBERNETES_FINALIZER) {
            finalizers.push(KUBERNETES_FINALIZER.to_owned());
        }
    }

    fn validate(&self, _context: &StrategyContext<'_>, namespace: &Namespace) -> ErrorList {
        namespace::validate(namespace)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Namespace, old: &Namespace) {
        new.spec.clone_from(&old.spec);
        new.status.clone_from(&old.status);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Namespace, old: &Namespace) -> ErrorList {
        namespace::validate_update(new, old)
    }

    fn canonicalize(&self, namespace: &mut Namespace) {
        namespace::set_name_label(namespace);
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a namespace's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = Namespace;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, namespace: &Namespace) -> ErrorList {
        namespace::validate(namespace)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Namespace, old: &Namespace) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Namespace, old: &Namespace) -> ErrorList {
        namespace::validate_status_update(new, old)
    }

    fn canonicalize(&self, namespace: &mut Namespace) {
        namespace::set_name_label(namespace);
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}

/// The rules of removing spec finalizers from a namespace that is being deleted.
#[derive(Clone, Copy, Debug)]
pub struct FinalizeStrategy;

impl Strategy for FinalizeStrategy {
    type Object = Namespace;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, namespace: &Namespace) -> ErrorList {
        namespace::validate(namespace)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Namespace, old: &Namespace) {
        new.status.clone_from(&old.status);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Namespace, old: &Namespace) -> ErrorList {
        namespace::validate_finalize_update(new, old)
    }

    fn canonicalize(&self, namespace: &mut Namespace) {
        namespace::set_name_label(namespace);
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}
