//! Creating and updating: prepare, validate, admit, encode once, compare and swap.

use std::sync::{Arc, Mutex, PoisonError};

use apimachinery::{
    field::{Error as FieldError, ErrorList, Path},
    status::StatusError,
    validation::{NameRule, validate_object_meta, validate_object_meta_update},
};
use apiserver_storage::{Error as StorageError, Precondition};
use async_trait::async_trait;
use bytes::Bytes;
use k8s_api::meta::v1::ObjectMeta;
use serde_json::Value;

use super::{
    AnyObject, ObjectBox, Store, Stored, ensure_namespace, fill_system_fields,
    store::{Encoded, OPTIMISTIC_LOCK},
};
use crate::{
    cacher::{CachedObject, DecodeError},
    counts::Operation,
    request::RequestContext,
};

/// How often a creation with a generated name is tried.
const GENERATE_NAME_ATTEMPTS: usize = 8;

/// The judgement of validating admission on a new object.
#[async_trait]
pub trait ValidateObject: Send + Sync {
    /// Judges the final object.
    ///
    /// # Errors
    /// The refusal.
    async fn validate(&self, object: &dyn AnyObject) -> Result<(), StatusError>;
}

/// The judgement of validating admission on an update.
#[async_trait]
pub trait ValidateUpdate: Send + Sync {
    /// Judges the final object.
    ///
    /// # Errors
    /// The refusal.
    async fn validate(&self, new: &dyn AnyObject, old: &dyn AnyObject) -> Result<(), StatusError>;
}

/// An object as an update finds it.
#[derive(Debug)]
pub struct Existing {
    /// Its bytes.
    pub stored: Stored,
    /// Its typed form, resource version included.
    pub object: ObjectBox,
    /// What [`UpdateSource::view`] made of it; `Null` where nothing asked.
    pub view: Mutex<Value>,
}

impl Existing {
    /// The view, which is there once.
    pub(crate) fn take_view(&self) -> Value {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *view)
    }
}

/// What must hold of the object that is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The object has this UID.
    pub uid: Option<String>,
    /// The object has this resource version.
    pub resource_version: Option<String>,
}

/// Where the new state of an updated object comes from.
#[async_trait]
pub trait UpdateSource: Send + Sync {
    /// What must hold of the existing object.
    fn preconditions(&self) -> Preconditions {
        Preconditions::default()
    }

    /// A form of the existing object that [`UpdateSource::updated`] needs beside the typed one. Changes to the object for
    /// the sake of making it are undone.
    fn view(&self, _existing: &mut dyn AnyObject) -> Value {
        Value::Null
    }

    /// The new state, made from the existing one (`None`: there is none). Called again when another write came between.
    ///
    /// # Errors
    /// Ends the update with this answer.
    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError>;
}

/// What came of an update.
#[derive(Debug)]
pub struct UpdateOutcome {
    /// The object afterwards.
    pub stored: Stored,
    /// Whether it was created.
    pub created: bool,
}

/// The knobs of an update.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpdateFlags {
    /// Nothing is stored.
    pub dry_run: bool,
    /// An absent object is created whatever the strategy says (server-side apply).
    pub force_allow_create: bool,
}

impl Store {
    /// Stores a new object. `object` is decoded, defaulted and admitted.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid`, the refusal of `validation`, or what the store says.
    pub async fn create(
        &self,
        request: &RequestContext,
        namespace: &str,
        object: ObjectBox,
        validation: &dyn ValidateObject,
        dry_run: bool,
    ) -> Result<Stored, StatusError> {
        let generated = object.metadata().name.is_empty() && !object.metadata().generate_name.is_empty();
        if !generated {
            return self.create_once(request, namespace, object, validation, dry_run).await;
        }
        let mut attempt = 1;
        loop {
            let copy = object.clone_boxed();
            match self.create_once(request, namespace, copy, validation, dry_run).await {
                Err(status) if status.is_already_exists() && attempt < GENERATE_NAME_ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    async fn create_once(
        &self,
        request: &RequestContext,
        namespace: &str,
        mut object: ObjectBox,
        validation: &dyn ValidateObject,
        dry_run: bool,
    ) -> Result<Stored, StatusError> {
        let generated = self.init_new(request, namespace, object.as_mut())?;
        let effects = self
            .config
            .hooks
            .begin_create(request, object.as_mut(), dry_run)
            .await?;
        let result = self
            .finish_creation(request, object.as_mut(), validation, dry_run)
            .await;
        if let Some(effects) = effects {
            effects.finish(result.is_ok()).await;
        }
        result.map_err(|status| {
            if generated && status.is_already_exists() {
                StatusError::generate_name_conflict(self.group_resource(), &object.metadata().name, 1)
            } else {
                status
            }
        })
    }

    /// Gives a new object its identity and, if it asks for one, a name. Returns whether the name was generated.
    fn init_new(
        &self,
        request: &RequestContext,
        namespace: &str,
        object: &mut dyn AnyObject,
    ) -> Result<bool, StatusError> {
        let namespace = if self.config.strategy.namespaced() {
            namespace
        } else {
            ""
        };
        let metadata = object.metadata_mut();
        ensure_namespace(namespace, metadata)?;
        fill_system_fields(metadata, request.received);
        let generated = metadata.name.is_empty() && !metadata.generate_name.is_empty();
        if generated {
            metadata.name = apimachinery::names::generate_name(&metadata.generate_name);
        }
        Ok(generated)
    }

    async fn finish_creation(
        &self,
        request: &RequestContext,
        object: &mut dyn AnyObject,
        validation: &dyn ValidateObject,
        dry_run: bool,
    ) -> Result<Stored, StatusError> {
        self.before_create(request, object)?;
        validation.validate(object).await?;
        let key = self.key(&object.metadata().namespace.clone(), &object.metadata().name.clone())?;
        let encoded = self.encode(object);
        if dry_run {
            if self.read(&key).await?.is_some() {
                return Err(self.already_exists(&object.metadata().name));
            }
            return self.as_of(&key, encoded, 0).map(without_revision);
        }
        match self.put(&key, encoded, Precondition::Absent).await {
            Ok(written) => self.stored(&key, written),
            Err(StorageError::Conflict(conflict)) => {
                let status = self.already_exists(&object.metadata().name);
                let current = conflict
                    .current
                    .map(|item| self.decode(&key, &item.value, item.mod_revision));
                let leaving = match current {
                    Some(stored) => self.typed(&stored?)?.metadata().deletion_timestamp.is_some(),
                    None => false,
                };
                Err(if leaving { being_deleted(&status) } else { status })
            }
            Err(error) => Err(self.storage_status(&error, &key)),
        }
    }

    /// Writes an object; returns it as of the revision it got.
    async fn put(
        &self,
        key: &str,
        Encoded { value, selected }: Encoded,
        precondition: Precondition,
    ) -> Result<Result<Arc<CachedObject>, DecodeError>, StorageError> {
        let announced = self.cacher.announce(key, value.clone(), selected);
        let full = self.cacher.storage_key(key);
        let operation = match precondition {
            Precondition::Absent => Operation::Create,
            _ => Operation::Update,
        };
        let put = self.storage.put(full, value, precondition, self.config.ttl);
        let revision = self.counts.timed(operation, put).await?;
        Ok(announced.written(revision))
    }

    fn already_exists(&self, name: &str) -> StatusError {
        StatusError::already_exists(self.group_resource(), name)
    }

    /// Prepares and validates a new object.
    fn before_create(&self, request: &RequestContext, object: &mut dyn AnyObject) -> Result<(), StatusError> {
        let context = self.strategy_context(request);
        let strategy = &self.config.strategy;
        object.metadata_mut().deletion_timestamp = None;
        object.metadata_mut().deletion_grace_period_seconds = None;
        strategy.prepare_for_create(&context, object);
        let mut errors = strategy.validate(&context, object);
        if errors.is_empty() {
            // What the kind's own rules say is more precise; only what they let through is judged in general.
            errors = common_validation(strategy.as_ref(), object.metadata());
        }
        if !errors.is_empty() {
            return Err(self.invalid(&object.metadata().name, errors));
        }
        for warning in strategy.warnings_on_create(&context, object) {
            request.warn(warning);
        }
        strategy.canonicalize(object);
        Ok(())
    }

    pub(super) fn invalid(&self, name: &str, errors: ErrorList) -> StatusError {
        StatusError::invalid(self.group_kind(), name, &errors)
    }

    /// Replaces an object by what `source` makes of it, again and again until no other write comes between.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid`, the refusal of admission, or what the store says.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a different part of the request, and all differ from call to call"
    )]
    pub async fn update(
        &self,
        request: &RequestContext,
        namespace: &str,
        name: &str,
        source: &dyn UpdateSource,
        create_validation: &dyn ValidateObject,
        update_validation: &dyn ValidateUpdate,
        flags: UpdateFlags,
    ) -> Result<UpdateOutcome, StatusError> {
        self.update_with(
            &*self.config.strategy.clone(),
            request,
            namespace,
            name,
            source,
            create_validation,
            update_validation,
            flags,
        )
        .await
    }

    /// [`Store::update`] under another strategy: that of a subresource.
    ///
    /// # Errors
    /// As [`Store::update`].
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a different part of the request, and all differ from call to call"
    )]
    pub async fn update_with(
        &self,
        strategy: &dyn super::ResourceStrategy,
        request: &RequestContext,
        namespace: &str,
        name: &str,
        source: &dyn UpdateSource,
        create_validation: &dyn ValidateObject,
        update_validation: &dyn ValidateUpdate,
        flags: UpdateFlags,
    ) -> Result<UpdateOutcome, StatusError> {
        let key = self.key(namespace, name)?;
        let may_create = strategy.allow_create_on_update() || flags.force_allow_create;
        // The cached state is right most of the time; the write's own precondition finds out.
        let mut current = self.cacher.get(&key).map(|cached| Stored { cached });
        let mut fresh = false;
        loop {
            let Some(stored) = current else {
                if !fresh {
                    (current, fresh) = (self.read(&key).await?, true);
                    continue;
                }
                if !may_create {
                    return Err(self.not_found(name));
                }
                self.check_preconditions(&source.preconditions(), None, name)?;
                let object = source.updated(None).await?;
                match self
                    .create_once(request, namespace, object, create_validation, flags.dry_run)
                    .await
                {
                    Err(status) if status.is_already_exists() => {
                        (current, fresh) = (self.read(&key).await?, true);
                        continue;
                    }
                    created => return created.map(|stored| UpdateOutcome { stored, created: true }),
                }
            };
            let mut object = self.typed(&stored)?;
            let view = Mutex::new(source.view(object.as_mut()));
            let existing = Existing { stored, object, view };
            let attempt = self
                .try_update(
                    strategy,
                    request,
                    namespace,
                    &key,
                    &existing,
                    source,
                    update_validation,
                    flags,
                )
                .await;
            match attempt {
                Ok(Attempt::Done(stored)) => return Ok(UpdateOutcome { stored, created: false }),
                Ok(Attempt::Delete(object)) => {
                    let stored = self
                        .delete_during_update(request, &key, &existing, object, flags.dry_run)
                        .await?;
                    return Ok(UpdateOutcome { stored, created: false });
                }
                Ok(Attempt::Raced) => (current, fresh) = (self.read(&key).await?, true),
                // What looks wrong against a stale cache may be right against the store.
                Err(status) if fresh => return Err(status),
                Err(status) => {
                    let latest = self.read(&key).await?;
                    let revision = latest.as_ref().map(|stored| stored.cached.resource_version);
                    if revision == Some(existing.stored.cached.resource_version) {
                        return Err(status);
                    }
                    (current, fresh) = (latest, true);
                }
            }
        }
    }

    /// Upstream shows clients its storage error, key and all.
    fn precondition_message(&self, name: &str, reason: &str, existing: Option<&Existing>) -> String {
        let relative = existing.map_or(name, |existing| existing.stored.cached.key.as_ref());
        let key = format!("{}{relative}", self.cacher.prefix());
        format!("StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {reason}")
    }

    fn check_preconditions(
        &self,
        preconditions: &Preconditions,
        existing: Option<&Existing>,
        name: &str,
    ) -> Result<(), StatusError> {
        let metadata = existing.map(|existing| existing.object.metadata());
        let uid = metadata.map_or("", |m| &m.uid);
        if let Some(wanted) = preconditions.uid.as_deref().filter(|wanted| *wanted != uid) {
            let reason = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}");
            let message = self.precondition_message(name, &reason, existing);
            return Err(StatusError::conflict(self.group_resource(), name, &message));
        }
        let version = metadata.map_or("", |m| &m.resource_version);
        if let Some(wanted) = preconditions
            .resource_version
            .as_deref()
            .filter(|wanted| *wanted != version)
        {
            let message = format!(
                "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {version}"
            );
            return Err(StatusError::conflict(self.group_resource(), name, &message));
        }
        Ok(())
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "each is a different part of the request, and all differ from call to call"
    )]
    async fn try_update(
        &self,
        strategy: &dyn super::ResourceStrategy,
        request: &RequestContext,
        namespace: &str,
        key: &str,
        existing: &Existing,
        source: &dyn UpdateSource,
        validation: &dyn ValidateUpdate,
        flags: UpdateFlags,
    ) -> Result<Attempt, StatusError> {
        let old = existing.object.as_ref();
        let name = &old.metadata().name;
        self.check_preconditions(&source.preconditions(), Some(existing), name)?;
        let mut object = source.updated(Some(existing)).await?;
        self.check_version(strategy, object.as_mut(), old)?;
        let effects = self
            .config
            .hooks
            .begin_update(request, object.as_mut(), old, flags.dry_run)
            .await?;
        let result = self
            .finish_update(
                strategy,
                request,
                namespace,
                key,
                existing,
                &mut object,
                validation,
                flags,
            )
            .await;
        if let Some(effects) = effects {
            effects.finish(matches!(result, Ok(Written::Stored(_)))).await;
        }
        Ok(match result? {
            Written::Stored(stored) => Attempt::Done(stored),
            Written::EmptiedFinalizers => Attempt::Delete(object),
            Written::Raced => Attempt::Raced,
        })
    }

    /// Optimistic concurrency: an update names the version it was made from, or none where that is allowed.
    fn check_version(
        &self,
        strategy: &dyn super::ResourceStrategy,
        object: &mut dyn AnyObject,
        old: &dyn AnyObject,
    ) -> Result<(), StatusError> {
        let current = &old.metadata().resource_version;
        let metadata = object.metadata_mut();
        let unset = matches!(metadata.resource_version.as_str(), "" | "0");
        if unset && strategy.allow_unconditional_update() {
            metadata.resource_version.clone_from(current);
            return Ok(());
        }
        if unset {
            let metadata_path = Path::new("metadata");
            let path = metadata_path.child("resourceVersion");
            let mut errors = ErrorList::default();
            errors.push(FieldError::invalid(&path, 0, "must be specified for an update"));
            // Upstream names the resource where the kind belongs.
            return Err(StatusError::invalid(self.group_resource(), &metadata.name, &errors));
        }
        if metadata.resource_version != *current {
            let name = &old.metadata().name;
            return Err(StatusError::conflict(self.group_resource(), name, OPTIMISTIC_LOCK));
        }
        Ok(())
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "each is a different part of the request, and all differ from call to call"
    )]
    async fn finish_update(
        &self,
        strategy: &dyn super::ResourceStrategy,
        request: &RequestContext,
        namespace: &str,
        key: &str,
        existing: &Existing,
        object: &mut ObjectBox,
        validation: &dyn ValidateUpdate,
        flags: UpdateFlags,
    ) -> Result<Written, StatusError> {
        let old = existing.object.as_ref();
        self.before_update(strategy, request, namespace, object.as_mut(), old)?;
        keep_timestamps_of_equal_managers(object.as_mut(), old);
        validation.validate(object.as_ref(), old).await?;
        if should_delete_during_update(object.as_ref(), old)
            && self.config.hooks.deletes_during_update(object.as_ref(), old)
        {
            return Ok(Written::EmptiedFinalizers);
        }
        let revision = existing.stored.cached.resource_version;
        let version = object.metadata().resource_version.clone();
        let encoded = self.encode(object.as_mut());
        object.metadata_mut().resource_version = version;
        if self.config.ttl.is_none() && self.changes_nothing(existing, &encoded) {
            // No write, no event, the same resource version. But was it still the latest?
            let stale = self.storage.is_stale(&self.cacher.storage_key(key)).await;
            if !stale.map_err(|error| self.storage_status(&error, key))? {
                return Ok(Written::Stored(existing.stored.clone()));
            }
        }
        if flags.dry_run {
            return self.as_of(key, encoded, revision).map(Written::Stored);
        }
        self.swap(key, encoded, revision).await
    }

    /// Whether an object is stored as it is already.
    pub(super) fn changes_nothing(&self, existing: &Existing, encoded: &Encoded) -> bool {
        let codec = self.cacher.codec();
        codec.is_value_of(&existing.stored.cached, &encoded.value)
    }

    pub(super) async fn swap(&self, key: &str, encoded: Encoded, revision: u64) -> Result<Written, StatusError> {
        match self.put(key, encoded, Precondition::ModRevision(revision)).await {
            Ok(written) => self.stored(key, written).map(Written::Stored),
            Err(StorageError::Conflict(_)) => Ok(Written::Raced),
            Err(error) => Err(self.storage_status(&error, key)),
        }
    }

    /// Prepares and validates an update.
    fn before_update(
        &self,
        strategy: &dyn super::ResourceStrategy,
        request: &RequestContext,
        namespace: &str,
        object: &mut dyn AnyObject,
        old: &dyn AnyObject,
    ) -> Result<(), StatusError> {
        let context = self.strategy_context(request);
        let namespace = if strategy.namespaced() { namespace } else { "" };
        ensure_namespace(namespace, object.metadata_mut())?;
        object.metadata_mut().generation = old.metadata().generation;
        strategy.prepare_for_update(&context, object, old);
        let (metadata, before) = (object.metadata_mut(), old.metadata());
        if metadata.uid.is_empty() {
            metadata.uid.clone_from(&before.uid);
        }
        if before.creation_timestamp.is_some() {
            metadata.creation_timestamp = before.creation_timestamp;
        }
        if before.deletion_timestamp.is_some() {
            metadata.deletion_timestamp = before.deletion_timestamp;
        }
        if before.deletion_grace_period_seconds.is_some() && metadata.deletion_grace_period_seconds.is_none() {
            metadata.deletion_grace_period_seconds = before.deletion_grace_period_seconds;
        }
        let mut errors = common_validation(strategy, object.metadata());
        errors.append(validate_object_meta_update(
            object.metadata(),
            old.metadata(),
            &Path::new("metadata"),
        ));
        errors.append(strategy.validate_update(&context, object, old));
        if !errors.is_empty() {
            return Err(self.invalid(&old.metadata().name, errors));
        }
        for warning in strategy.warnings_on_update(&context, object, old) {
            request.warn(warning);
        }
        strategy.canonicalize(object);
        Ok(())
    }
}

/// What holds of the metadata of all kinds.
fn common_validation(strategy: &dyn super::ResourceStrategy, metadata: &ObjectMeta) -> ErrorList {
    validate_object_meta(
        metadata,
        strategy.namespaced(),
        NameRule::PathSegment,
        &Path::new("metadata"),
    )
}

/// The name is taken by an object that is on its way out.
fn being_deleted(status: &StatusError) -> StatusError {
    let mut status = status.clone().into_status();
    status.message = format!("object is being deleted: {}", status.message);
    status.into()
}

enum Attempt {
    Done(Stored),
    Delete(ObjectBox),
    Raced,
}

/// What came of a conditional write.
pub(super) enum Written {
    Stored(Stored),
    EmptiedFinalizers,
    Raced,
}

/// An object being deleted goes with its last finalizer, if its grace period is over or it has none.
fn should_delete_during_update(new: &dyn AnyObject, old: &dyn AnyObject) -> bool {
    let (new, old) = (new.metadata(), old.metadata());
    // A namespace's spec finalizers are judged by its hooks.
    let grace_is_over = |seconds: Option<i64>| seconds.is_none_or(|seconds| seconds == 0);
    new.finalizers.is_empty()
        && new.deletion_timestamp.is_some()
        && grace_is_over(new.deletion_grace_period_seconds)
        && grace_is_over(old.deletion_grace_period_seconds)
}

/// If the field managers own what they owned before, a mere new timestamp is no change.
fn keep_timestamps_of_equal_managers(new: &mut dyn AnyObject, old: &dyn AnyObject) {
    let before = &old.metadata().managed_fields;
    let same = {
        let after = &new.metadata().managed_fields;
        after.len() == before.len()
            && after.iter().zip(before).all(|(a, b)| {
                a.manager == b.manager
                    && a.operation == b.operation
                    && a.api_version == b.api_version
                    && a.subresource == b.subresource
                    && a.fields_v1 == b.fields_v1
            })
    };
    if !same || new.metadata().managed_fields == *before {
        return;
    }
    let changed = std::mem::replace(&mut new.metadata_mut().managed_fields, before.clone());
    if !new.equals(old) {
        new.metadata_mut().managed_fields = changed;
    }
}

/// A dry run has no revision to show.
fn without_revision(stored: Stored) -> Stored {
    let cached = &stored.cached;
    let json = String::from_utf8_lossy(&cached.json).replacen("\"resourceVersion\":\"0\",", "", 1);
    let copy = CachedObject::new(
        cached.key.clone(),
        0,
        Bytes::from(json.into_bytes()),
        cached.labels.clone(),
        cached.fields.clone(),
    );
    Stored { cached: Arc::new(copy) }
}
