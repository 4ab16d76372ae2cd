//! What makes one kind different from another.
//!
//! A kind is written against its generated struct ([`Strategy`]); the generic [store](super::Store)
//! sees it through the object-safe [`ResourceStrategy`], which [`Typed`] adapts. A subresource that
//! changes the stored object (`status`, `resize`, …) is a second strategy over the same store.
//!
//! Upstream counterpart: `rest.RESTCreateStrategy`, `RESTUpdateStrategy`, `RESTDeleteStrategy`.

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use apimachinery::field::ErrorList;
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    HasMetadata,
    meta::v1::{DeleteOptions, ObjectMeta},
    pick::{Paths, Picked},
    tree::Tree,
};

use super::any::AnyObject;
use crate::request::UserInfo;

/// What a strategy may know of a request.
#[derive(Clone, Copy, Debug)]
pub struct StrategyContext<'a> {
    /// Who asks.
    pub user: &'a UserInfo,
    /// Which features are on.
    pub gates: &'a FeatureGates,
    /// The time of the request; strategies never look at a clock themselves.
    pub now: jiff::Timestamp,
    /// The API group of the request's path (a kind may be served by two groups).
    pub api_group: &'a str,
    /// The API version of the request's path.
    pub api_version: &'a str,
}

/// What happens to dependents when the request does not say (`metadata.ownerReferences`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GarbageCollectionPolicy {
    /// Dependents are deleted in the background; the default.
    #[default]
    DeleteDependents,
    /// Dependents are orphaned (`ReplicationController`).
    OrphanDependents,
    /// The garbage collector does not handle the kind (events).
    Unsupported,
}

/// A member that field selectors may name besides `metadata.name` and `metadata.namespace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectableField {
    /// The name in the selector (`spec.nodeName`).
    pub name: &'static str,
    /// Where the value lies in the object, member by member.
    pub path: &'static [&'static str],
    /// What absence means (`""`; `false` for booleans).
    pub default: &'static str,
    /// The selectable field whose value stands where this one is empty.
    pub instead: Option<&'static str>,
}

impl SelectableField {
    /// The field `name`, whose value lies at `path` and is empty where it is absent.
    #[must_use]
    pub const fn new(name: &'static str, path: &'static [&'static str]) -> Self {
        Self {
            name,
            path,
            default: "",
            instead: None,
        }
    }

    /// The same field with another meaning of absence.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// The same field, for which another stands in where it is empty.
    #[must_use]
    pub const fn instead(self, field: &'static str) -> Self {
        Self {
            instead: Some(field),
            ..self
        }
    }
}

/// The rules of one kind, or of one of its subresources.
///
/// The defaults are those of a plain object: nothing to prepare, updates without a
/// `resourceVersion` allowed, objects not created by an update, deletion at once.
pub trait Strategy: Send + Sync + Debug + 'static {
    /// The stored type.
    type Object: HasMetadata;

    /// Whether objects live in namespaces.
    fn namespaced(&self) -> bool;

    /// Clears what a client may not set on creation and sets what the server decides.
    fn prepare_for_create(&self, _context: &StrategyContext<'_>, _object: &mut Self::Object) {}

    /// Every fault of a new object, after [`Strategy::prepare_for_create`]. Object metadata included.
    fn validate(&self, context: &StrategyContext<'_>, object: &Self::Object) -> ErrorList;

    /// Warnings for the client about a new, valid object.
    fn warnings_on_create(&self, _context: &StrategyContext<'_>, _object: &Self::Object) -> Vec<String> {
        Vec::new()
    }

    /// Takes over from `old` what this update may not change, and bumps `metadata.generation`.
    fn prepare_for_update(&self, _context: &StrategyContext<'_>, _new: &mut Self::Object, _old: &Self::Object) {}

    /// Every fault of an update, after [`Strategy::prepare_for_update`]. Object metadata included.
    fn validate_update(&self, context: &StrategyContext<'_>, new: &Self::Object, old: &Self::Object) -> ErrorList;

    /// Warnings for the client about a valid update.
    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        _new: &Self::Object,
        _old: &Self::Object,
    ) -> Vec<String> {
        Vec::new()
    }

    /// Brings a valid object into its canonical form before it is stored.
    fn canonicalize(&self, _object: &mut Self::Object) {}

    /// Whether a PUT to an absent name creates the object.
    fn allow_create_on_update(&self) -> bool {
        false
    }

    /// Whether an update without `metadata.resourceVersion` replaces whatever is there.
    fn allow_unconditional_update(&self) -> bool {
        true
    }

    /// Decides a graceful deletion: returns the grace period in seconds the object is given, or
    /// `None` where the kind is deleted at once. May change the object (marks a pod terminating).
    fn check_graceful_delete(
        &self,
        _context: &StrategyContext<'_>,
        _object: &mut Self::Object,
        _options: &DeleteOptions,
    ) -> Option<i64> {
        None
    }

    /// What happens to dependents by default.
    fn default_garbage_collection_policy(&self, _context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        GarbageCollectionPolicy::DeleteDependents
    }

    /// The fields that selectors may name, besides name and namespace.
    fn selectable_fields(&self) -> &'static [SelectableField] {
        &[]
    }

    /// The members that this endpoint resets and server-side apply must therefore not own, as
    /// paths from the object's root (`["status"]`).
    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[]
    }
}

/// [`Strategy`] without its type.
pub trait ResourceStrategy: Send + Sync + Debug + 'static {
    /// See [`Strategy::namespaced`].
    fn namespaced(&self) -> bool;
    /// See [`Strategy::prepare_for_create`].
    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut dyn AnyObject);
    /// See [`Strategy::validate`].
    fn validate(&self, context: &StrategyContext<'_>, object: &dyn AnyObject) -> ErrorList;
    /// See [`Strategy::warnings_on_create`].
    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &dyn AnyObject) -> Vec<String>;
    /// See [`Strategy::prepare_for_update`].
    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut dyn AnyObject, old: &dyn AnyObject);
    /// See [`Strategy::validate_update`].
    fn validate_update(&self, context: &StrategyContext<'_>, new: &dyn AnyObject, old: &dyn AnyObject) -> ErrorList;
    /// See [`Strategy::warnings_on_update`].
    fn warnings_on_update(
        &self,
        context: &StrategyContext<'_>,
        new: &dyn AnyObject,
        old: &dyn AnyObject,
    ) -> Vec<String>;
    /// See [`Strategy::canonicalize`].
    fn canonicalize(&self, object: &mut dyn AnyObject);
    /// See [`Strategy::allow_create_on_update`].
    fn allow_create_on_update(&self) -> bool;
    /// See [`Strategy::allow_unconditional_update`].
    fn allow_unconditional_update(&self) -> bool;
    /// See [`Strategy::check_graceful_delete`].
    fn check_graceful_delete(
        &self,
        context: &StrategyContext<'_>,
        object: &mut dyn AnyObject,
        options: &DeleteOptions,
    ) -> Option<i64>;
    /// See [`Strategy::default_garbage_collection_policy`].
    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy;
    /// See [`Strategy::selectable_fields`].
    fn selectable_fields(&self) -> Vec<SelectableField>;
    /// See [`Strategy::reset_fields`].
    fn reset_fields(&self) -> &'static [&'static [&'static str]];
}

/// Adapts a [`Strategy`] to [`ResourceStrategy`].
#[derive(Debug)]
pub struct Typed<S>(S);

impl<S: Strategy> Typed<S> {
    /// Hides the type of `strategy`.
    pub fn erase(strategy: S) -> Arc<dyn ResourceStrategy> {
        Arc::new(Self(strategy))
    }
}

const SAME_KIND: &str = "a store holds objects of its strategy's kind only";

fn typed<T: HasMetadata>(object: &dyn AnyObject) -> &T {
    object.downcast_ref().expect(SAME_KIND)
}

fn typed_mut<T: HasMetadata>(object: &mut dyn AnyObject) -> &mut T {
    object.downcast_mut().expect(SAME_KIND)
}

impl<S: Strategy> ResourceStrategy for Typed<S> {
    fn namespaced(&self) -> bool {
        self.0.namespaced()
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut dyn AnyObject) {
        self.0.prepare_for_create(context, typed_mut(object));
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &dyn AnyObject) -> ErrorList {
        self.0.validate(context, typed(object))
    }

    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &dyn AnyObject) -> Vec<String> {
        self.0.warnings_on_create(context, typed(object))
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut dyn AnyObject, old: &dyn AnyObject) {
        self.0.prepare_for_update(context, typed_mut(new), typed(old));
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &dyn AnyObject, old: &dyn AnyObject) -> ErrorList {
        self.0.validate_update(context, typed(new), typed(old))
    }

    fn warnings_on_update(
        &self,
        context: &StrategyContext<'_>,
        new: &dyn AnyObject,
        old: &dyn AnyObject,
    ) -> Vec<String> {
        self.0.warnings_on_update(context, typed(new), typed(old))
    }

    fn canonicalize(&self, object: &mut dyn AnyObject) {
        self.0.canonicalize(typed_mut(object));
    }

    fn allow_create_on_update(&self) -> bool {
        self.0.allow_create_on_update()
    }

    fn allow_unconditional_update(&self) -> bool {
        self.0.allow_unconditional_update()
    }

    fn check_graceful_delete(
        &self,
        context: &StrategyContext<'_>,
        object: &mut dyn AnyObject,
        options: &DeleteOptions,
    ) -> Option<i64> {
        self.0.check_graceful_delete(context, typed_mut(object), options)
    }

    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        self.0.default_garbage_collection_policy(context)
    }

    fn selectable_fields(&self) -> Vec<SelectableField> {
        self.0.selectable_fields().to_vec()
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        self.0.reset_fields()
    }
}

/// One served version of a kind: how its JSON becomes the stored type and back.
///
/// The stored type is the *hub*: strategies, admission and storage know only it. A version that is
/// not the hub converts on the way in and out.
pub trait VersionCodec: Send + Sync + Debug + 'static {
    /// `apiVersion` on the wire.
    fn api_version(&self) -> &str;
    /// The kind on the wire.
    fn kind(&self) -> &str;
    /// The reflection of this version's type.
    fn type_ref(&self) -> k8s_api::reflect::TypeRef<'_>;
    /// Decodes a checked value of this version, sets this version's defaults, converts to the hub.
    ///
    /// # Errors
    /// If a member has an impossible value.
    fn decode(&self, value: serde_json::Value) -> Result<super::ObjectBox, serde_json::Error>;
    /// [`VersionCodec::decode`] from the text of a request that needs no closer look; `None` for any other (see
    /// [`k8s_api::Kind::from_plain_json`]).
    fn decode_plain(&self, json: &[u8]) -> Option<super::ObjectBox>;
    /// Decodes JSON text of this version that the server itself wrote; no defaults.
    ///
    /// # Errors
    /// If the text is not an object of this version.
    fn decode_stored(&self, json: &[u8]) -> Result<super::ObjectBox, serde_json::Error>;
    /// Converts the hub to this version, in its dynamic form.
    fn encode(&self, object: &dyn AnyObject) -> serde_json::Value;
    /// Converts the hub to this version, in its dynamic form for reading.
    fn to_tree(&self, object: &dyn AnyObject) -> Tree;
    /// Converts the hub to this version's JSON text.
    fn encode_json(&self, object: &dyn AnyObject) -> Vec<u8>;
    /// The scalars at these paths of this version.
    fn pick(&self, object: &dyn AnyObject, paths: &Arc<Paths>) -> Picked;
    /// Whether this version is the hub: any other may keep in metadata what the hub has elsewhere.
    fn is_hub(&self) -> bool {
        false
    }
    /// The hub object with other metadata and the defaults that follow from it, and whether those left the rest of the object
    /// as it was; `None` if this version is not the hub.
    fn with_metadata(&self, _object: &dyn AnyObject, _metadata: ObjectMeta) -> Option<(super::ObjectBox, bool)> {
        None
    }
}

/// The [`VersionCodec`] of the hub version itself.
#[derive(Debug)]
pub struct HubCodec<T> {
    defaults: fn(&mut T),
    kind: PhantomData<fn() -> T>,
}

impl<T: HasMetadata> HubCodec<T> {
    /// A codec that sets `defaults` on what it decodes.
    #[must_use]
    pub fn new(defaults: fn(&mut T)) -> Self {
        Self {
            defaults,
            kind: PhantomData,
        }
    }
}

impl<T: HasMetadata> VersionCodec for HubCodec<T> {
    fn api_version(&self) -> &str {
        T::API_VERSION
    }

    fn kind(&self) -> &str {
        T::KIND
    }

    fn type_ref(&self) -> k8s_api::reflect::TypeRef<'_> {
        k8s_api::builtin_schema().at(T::type_id())
    }

    fn decode(&self, value: serde_json::Value) -> Result<super::ObjectBox, serde_json::Error> {
        let mut object = T::from_value(value)?;
        (self.defaults)(&mut object);
        Ok(Box::new(object))
    }

    fn decode_plain(&self, json: &[u8]) -> Option<super::ObjectBox> {
        let mut object = T::from_plain_json(json)?;
        (self.defaults)(&mut object);
        Some(Box::new(object))
    }

    fn decode_stored(&self, json: &[u8]) -> Result<super::ObjectBox, serde_json::Error> {
        let mut object = T::from_json(json)?;
        // What an older server stored may lack the defaults of fields added since.
        (self.defaults)(&mut object);
        Ok(Box::new(object))
    }

    fn encode(&self, object: &dyn AnyObject) -> serde_json::Value {
        object.to_value()
    }

    fn to_tree(&self, object: &dyn AnyObject) -> Tree {
        object.to_tree()
    }

    fn encode_json(&self, object: &dyn AnyObject) -> Vec<u8> {
        object.to_json()
    }

    fn pick(&self, object: &dyn AnyObject, paths: &Arc<Paths>) -> Picked {
        object.pick(paths)
    }

    fn is_hub(&self) -> bool {
        true
    }

    fn with_metadata(&self, object: &dyn AnyObject, metadata: ObjectMeta) -> Option<(super::ObjectBox, bool)> {
        let before: &T = typed(object);
        let mut object = before.clone();
        let former = std::mem::replace(object.metadata_mut(), metadata);
        (self.defaults)(&mut object);
        let metadata = std::mem::replace(object.metadata_mut(), former);
        let same = object == *before;
        *object.metadata_mut() = metadata;
        Some((Box::new(object), same))
    }
}

/// The [`VersionCodec`] of a version `V` other than the hub `H`.
#[derive(Debug)]
pub struct ConvertingCodec<V, H> {
    defaults: fn(&mut V),
    to_hub: fn(V) -> H,
    from_hub: fn(&H) -> V,
}

impl<V: HasMetadata, H: HasMetadata> ConvertingCodec<V, H> {
    /// A codec from the version's defaults and its two conversions.
    #[must_use]
    pub fn new(defaults: fn(&mut V), to_hub: fn(V) -> H, from_hub: fn(&H) -> V) -> Self {
        Self {
            defaults,
            to_hub,
            from_hub,
        }
    }
}

impl<V: HasMetadata, H: HasMetadata> VersionCodec for ConvertingCodec<V, H> {
    fn api_version(&self) -> &str {
        V::API_VERSION
    }

    fn kind(&self) -> &str {
        V::KIND
    }

    fn type_ref(&self) -> k8s_api::reflect::TypeRef<'_> {
        k8s_api::builtin_schema().at(V::type_id())
    }

    fn decode(&self, value: serde_json::Value) -> Result<super::ObjectBox, serde_json::Error> {
        let mut object = V::from_value(value)?;
        (self.defaults)(&mut object);
        Ok(Box::new((self.to_hub)(object)))
    }

    fn decode_plain(&self, json: &[u8]) -> Option<super::ObjectBox> {
        let mut object = V::from_plain_json(json)?;
        (self.defaults)(&mut object);
        Some(Box::new((self.to_hub)(object)))
    }

    fn decode_stored(&self, json: &[u8]) -> Result<super::ObjectBox, serde_json::Error> {
        let mut object = V::from_json(json)?;
        (self.defaults)(&mut object);
        Ok(Box::new((self.to_hub)(object)))
    }

    fn encode(&self, object: &dyn AnyObject) -> serde_json::Value {
        k8s_api::Kind::to_value(&(self.from_hub)(typed(object)))
    }

    fn to_tree(&self, object: &dyn AnyObject) -> Tree {
        k8s_api::Kind::to_tree(&(self.from_hub)(typed(object)))
    }

    fn encode_json(&self, object: &dyn AnyObject) -> Vec<u8> {
        k8s_api::Kind::to_json(&(self.from_hub)(typed(object)))
    }

    fn pick(&self, object: &dyn AnyObject, paths: &Arc<Paths>) -> Picked {
        k8s_api::Kind::pick(&(self.from_hub)(typed(object)), paths)
    }
}
