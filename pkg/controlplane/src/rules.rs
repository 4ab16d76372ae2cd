//! A strategy made of data: what most kinds need beyond storing.
//!
//! A kind names its functions; the adapter calls them in the store's order. Kinds with rules that do
//! not fit here implement [`Strategy`] themselves.

use apimachinery::field::{ErrorList, Path};
use apis_pod::meta::{NameRule, validate_object_meta, validate_object_meta_update};
use apiserver::registry::{GarbageCollectionPolicy, SelectableField, Strategy, StrategyContext};
use component_base::feature_gates::FeatureGates;
use k8s_api::Object;

/// The rules of one kind.
pub(crate) struct Rules<T> {
    /// What a version's decoder sets.
    pub(crate) defaults: fn(&mut T),
    /// Clears and sets what the server decides on creation.
    pub(crate) prepare_create: fn(&mut T),
    /// Takes over from the old object what this endpoint may not change.
    pub(crate) prepare_update: fn(&mut T, &T),
    /// Every fault of a new object.
    pub(crate) validate: fn(&T, &FeatureGates) -> ErrorList,
    /// Every fault of an update: the new object and the old one.
    pub(crate) validate_update: fn(&T, &T, &FeatureGates) -> ErrorList,
    /// The fields that selectors may name.
    pub(crate) fields: &'static [SelectableField],
    /// Whether a PUT to an absent name creates the object.
    pub(crate) create_on_update: bool,
    /// Whether updates without a resource version are taken.
    pub(crate) unconditional_update: bool,
    /// What happens to dependents by default.
    pub(crate) garbage_collection: GarbageCollectionPolicy,
}

impl<T> Clone for Rules<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rules<T> {}

impl<T: Object> Rules<T> {
    /// Rules of a kind of which only the metadata is judged.
    pub(crate) const fn new() -> Self {
        Self {
            defaults: |_| {},
            prepare_create: |_| {},
            prepare_update: |_, _| {},
            validate: |object, _| {
                let path = Path::new("metadata");
                validate_object_meta(object.metadata(), T::NAMESPACED, NameRule::Dns1123Subdomain, &path)
            },
            validate_update: |new, old, _| {
                validate_object_meta_update(new.metadata(), old.metadata(), &Path::new("metadata"))
            },
            fields: &[],
            create_on_update: false,
            unconditional_update: true,
            garbage_collection: GarbageCollectionPolicy::DeleteDependents,
        }
    }
}

impl<T: Object> std::fmt::Debug for Rules<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Rules")
            .field("kind", &T::KIND)
            .finish_non_exhaustive()
    }
}

impl<T: Object> Strategy for Rules<T> {
    type Object = T;

    fn namespaced(&self) -> bool {
        T::NAMESPACED
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut T) {
        (self.prepare_create)(object);
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &T) -> ErrorList {
        (self.validate)(object, context.gates)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut T, old: &T) {
        (self.prepare_update)(new, old);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &T, old: &T) -> ErrorList {
        (self.validate_update)(new, old, context.gates)
    }

    fn allow_create_on_update(&self) -> bool {
        self.create_on_update
    }

    fn allow_unconditional_update(&self) -> bool {
        self.unconditional_update
    }

    fn default_garbage_collection_policy(&self, _context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        self.garbage_collection
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        self.fields
    }
}

/// The rules of `status`: everything but the status stays as it was.
pub(crate) struct StatusRules<T> {
    /// The rules of the object itself.
    pub(crate) object: Rules<T>,
    /// Makes `new` the old object with the new status.
    pub(crate) keep_all_but_status: fn(&mut T, &T),
}

impl<T: Object> std::fmt::Debug for StatusRules<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StatusRules")
            .field("kind", &T::KIND)
            .finish_non_exhaustive()
    }
}

impl<T: Object> Strategy for StatusRules<T> {
    type Object = T;

    fn namespaced(&self) -> bool {
        T::NAMESPACED
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &T) -> ErrorList {
        self.object.validate(context, object)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut T, old: &T) {
        (self.keep_all_but_status)(new, old);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &T, old: &T) -> ErrorList {
        validate_object_meta_update(new.metadata(), old.metadata(), &Path::new("metadata"))
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        self.object.fields
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
