//! The rules that every kind of this group shares: webhook configurations, policies and their bindings.

use std::marker::PhantomData;

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::{static_suffix_fault, static_suffix_warnings};
use apiserver::registry::{Strategy, StrategyContext};
use component_base::feature_gates::Feature;
use k8s_api::HasMetadata;

/// With this on, names of a certain ending belong to configurations in files.
const MANIFESTS: Feature = Feature::ManifestBasedAdmissionControlConfig;

/// What one kind adds to the shared rules.
pub trait AdmissionKind: HasMetadata + 'static {
    /// Every fault of the object alone.
    fn validate(&self) -> ErrorList;

    /// Every fault of an update; by default those of the new object.
    fn validate_update(&self, _old: &Self) -> ErrorList {
        self.validate()
    }

    /// Whether the part that `metadata.generation` counts is another than in `old`.
    fn differs(&self, old: &Self) -> bool;

    /// Clears what a client may not set: the status on creation, where the kind has one.
    fn clear_status(&mut self) {}

    /// Takes the status over from `old`, where the kind has one.
    fn keep_status(&mut self, _old: &Self) {}

    /// See [`Strategy::reset_fields`].
    const RESET: &'static [&'static [&'static str]] = &[];
}

/// The rules of an object of kind `K`.
#[derive(Debug)]
pub struct AdmissionStrategy<K>(PhantomData<fn() -> K>);

impl<K> Default for AdmissionStrategy<K> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: AdmissionKind> Strategy for AdmissionStrategy<K> {
    type Object = K;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut K) {
        object.clear_status();
        object.metadata_mut().generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &K) -> ErrorList {
        validate(context, object)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut K, old: &K) {
        new.keep_status(old);
        if new.differs(old) {
            new.metadata_mut().generation = old.metadata().generation + 1;
        }
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &K, old: &K) -> ErrorList {
        new.validate_update(old)
    }

    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &K) -> Vec<String> {
        if context.gates.enabled(MANIFESTS) {
            return Vec::new();
        }
        static_suffix_warnings(object.name())
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &K, _old: &K) -> Vec<String> {
        static_suffix_warnings(new.name())
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        K::RESET
    }
}

/// The faults of an object, and of its name where names of a certain ending are reserved.
pub fn validate<K: AdmissionKind>(context: &StrategyContext<'_>, object: &K) -> ErrorList {
    let mut errors = object.validate();
    if context.gates.enabled(MANIFESTS) {
        errors.extend(static_suffix_fault(object.name()));
    }
    errors
}
