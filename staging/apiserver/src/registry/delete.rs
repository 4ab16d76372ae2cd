//! Deleting: grace periods, finalizers, and the garbage collector's propagation policies.

use std::sync::Mutex;

use apimachinery::status::StatusError;
use apiserver_storage::{Error as StorageError, Precondition};
use k8s_api::{meta::v1::DeleteOptions, primitives::Time};

use super::{
    AnyObject, Deletion, Existing, GarbageCollectionPolicy, ObjectBox, Store, Stored, ValidateObject, write::Written,
};
use crate::{counts::Operation, request::RequestContext};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What came of a deletion.
#[derive(Debug)]
pub struct DeleteOutcome {
    /// The object: as it was when it went, or as it stays until its grace period and finalizers are over.
    pub stored: Stored,
    /// Whether it is gone.
    pub deleted: bool,
}

/// How a deletion goes on after the grace period was looked at.
enum Grace {
    /// No grace period: at once.
    None,
    /// The object was given a grace period.
    Graceful,
    /// A graceful deletion is under way and is not cut short.
    Pending,
}

impl Store {
    /// Deletes an object, or begins to.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` with a precondition, the refusal of `validation`, or what the store says.
    pub async fn delete(
        &self,
        request: &RequestContext,
        namespace: &str,
        name: &str,
        validation: &dyn ValidateObject,
        options: &DeleteOptions,
    ) -> Result<DeleteOutcome, StatusError> {
        let key = self.key(namespace, name)?;
        let dry_run = !options.dry_run.is_empty();
        // The cached state is right most of the time; the write's own precondition finds out.
        let mut current = self.cacher.get(&key).map(|cached| Stored { cached });
        loop {
            let (stored, fresh) = match current.take() {
                Some(stored) => (stored, false),
                None => (self.read(&key).await?.ok_or_else(|| self.not_found(name))?, true),
            };
            let existing = Existing {
                object: self.typed(&stored)?,
                stored,
                view: Mutex::default(),
            };
            let revision = existing.stored.cached.resource_version;
            // Strategies complete the options; each attempt begins with what the client sent.
            let mut options = options.clone();
            let attempt = self
                .try_delete(request, &key, &existing, validation, &mut options, dry_run)
                .await;
            let is_written = |outcome: &DeleteOutcome| outcome.stored.cached.resource_version != revision;
            match attempt {
                Ok(Some(outcome)) if fresh || is_written(&outcome) => return Ok(outcome),
                Err(status) if fresh => return Err(status),
                Ok(None) => tokio::task::yield_now().await,
                // No write has found out whether this is the latest state.
                unproven => {
                    current = self.read(&key).await?;
                    if current.as_ref().map(|stored| stored.cached.resource_version) != Some(revision) {
                        continue;
                    }
                    return unproven.map(|outcome| outcome.expect("what raced was tried again"));
                }
            }
        }
    }

    /// One attempt; `None` if another write came between.
    async fn try_delete(
        &self,
        request: &RequestContext,
        key: &str,
        existing: &Existing,
        validation: &dyn ValidateObject,
        options: &mut DeleteOptions,
        dry_run: bool,
    ) -> Result<Option<DeleteOutcome>, StatusError> {
        let mut object = existing.object.clone_boxed();
        let revision = existing.stored.cached.resource_version;
        let deletion = self.config.hooks.begin_delete(object.as_mut(), request.received);
        if let Deletion::Forbidden(reason) = deletion {
            let name = object.metadata().name.clone();
            return Err(StatusError::forbidden(self.group_resource(), &name, reason));
        }
        if deletion == Deletion::Stays {
            self.check_delete_preconditions(object.as_ref(), options)?;
            validation.validate(existing.object.as_ref()).await?;
            object.metadata_mut().finalizers = self.finalizers_for(request, object.as_ref(), options);
            return self.write_staying(key, object, existing, dry_run).await;
        }
        let grace = self.before_delete(request, object.as_mut(), options)?;
        if matches!(grace, Grace::Pending) {
            return Ok(Some(DeleteOutcome {
                stored: existing.stored.clone(),
                deleted: false,
            }));
        }
        validation.validate(existing.object.as_ref()).await?;
        let finalizers = self.finalizers_for(request, object.as_ref(), options);
        let graceful = matches!(grace, Grace::Graceful);
        let pending = !finalizers.is_empty();
        object.metadata_mut().finalizers = finalizers;
        if pending && !graceful {
            mark_as_deleting(object.as_mut(), request.received);
        }
        let stays = pending || (graceful && options.grace_period_seconds.is_some_and(|seconds| seconds > 0));
        if stays {
            return self.write_staying(key, object, existing, dry_run).await;
        }
        if !graceful {
            return self.remove(request, key, existing, revision, dry_run).await;
        }
        // A grace period of zero is seen by watchers too: the object is marked before it goes.
        let encoded = self.encode(object.as_mut());
        if dry_run {
            let stored = self.as_of(key, encoded, revision)?;
            self.config.hooks.after_delete(object.as_ref(), true).await;
            return Ok(Some(DeleteOutcome { stored, deleted: true }));
        }
        let Written::Stored(stored) = self.swap(key, encoded, revision).await? else {
            return Ok(None);
        };
        let revision = stored.cached.resource_version;
        object.metadata_mut().resource_version = revision.to_string();
        let marked = Existing {
            object,
            stored,
            view: Mutex::default(),
        };
        if let Some(outcome) = self.remove(request, key, &marked, revision, false).await? {
            return Ok(Some(outcome));
        }
        // Whoever saw the mark may have been faster: a kubelet that has nothing left to do. The object went as asked.
        let now = self.read(key).await?.map(|stored| self.typed(&stored)).transpose()?;
        let gone = now.is_none_or(|now| now.metadata().uid != marked.object.metadata().uid);
        Ok(gone.then_some(DeleteOutcome {
            stored: marked.stored,
            deleted: true,
        }))
    }

    /// Stores an object that a deletion has marked and that stays.
    async fn write_staying(
        &self,
        key: &str,
        mut object: ObjectBox,
        existing: &Existing,
        dry_run: bool,
    ) -> Result<Option<DeleteOutcome>, StatusError> {
        let revision = existing.stored.cached.resource_version;
        let encoded = self.encode(object.as_mut());
        if dry_run || self.changes_nothing(existing, &encoded) {
            let stored = self.as_of(key, encoded, revision)?;
            return Ok(Some(DeleteOutcome { stored, deleted: false }));
        }
        match self.swap(key, encoded, revision).await? {
            Written::Stored(stored) => Ok(Some(DeleteOutcome { stored, deleted: false })),
            Written::Raced | Written::EmptiedFinalizers => Ok(None),
        }
    }

    async fn remove(
        &self,
        _request: &RequestContext,
        key: &str,
        existing: &Existing,
        revision: u64,
        dry_run: bool,
    ) -> Result<Option<DeleteOutcome>, StatusError> {
        if dry_run {
            self.config.hooks.after_delete(existing.object.as_ref(), true).await;
            return Ok(Some(DeleteOutcome {
                stored: existing.stored.clone(),
                deleted: true,
            }));
        }
        let full = self.cacher.storage_key(key);
        let delete = self.storage.delete(full, Precondition::ModRevision(revision));
        match self.counts.timed(Operation::Delete, delete).await {
            Ok(response) => {
                self.cacher.note_written(response.revision);
                self.config.hooks.after_delete(existing.object.as_ref(), false).await;
                let cached = crate::cacher::StoredCodec::with_revision(&existing.stored.cached, response.revision);
                Ok(Some(DeleteOutcome {
                    stored: Stored { cached },
                    deleted: true,
                }))
            }
            Err(StorageError::Conflict(_)) => Ok(None),
            Err(error) => Err(self.storage_status(&error, key)),
        }
    }

    /// An update took the last finalizer of an object that is being deleted, or came between the mark of a deletion without
    /// grace and its end: the object goes. Where another was faster it went as this update wants it, which is no conflict.
    pub(super) async fn delete_during_update(
        &self,
        request: &RequestContext,
        key: &str,
        existing: &Existing,
        mut object: ObjectBox,
        dry_run: bool,
    ) -> Result<Stored, StatusError> {
        let encoded = self.encode(object.as_mut());
        let mut revision = existing.stored.cached.resource_version;
        loop {
            if let Some(outcome) = self.remove(request, key, existing, revision, dry_run).await? {
                return self.as_of(key, encoded, outcome.stored.cached.resource_version);
            }
            let latest = self
                .read(key)
                .await?
                .map(|stored| (stored.cached.resource_version, stored));
            let Some((latest, stored)) = latest else {
                return self.as_of(key, encoded, revision);
            };
            if self.typed(&stored)?.metadata().uid != existing.object.metadata().uid {
                return self.as_of(key, encoded, revision);
            }
            revision = latest;
        }
    }

    /// Checks preconditions and gives the object its grace period.
    fn before_delete(
        &self,
        request: &RequestContext,
        object: &mut dyn AnyObject,
        options: &mut DeleteOptions,
    ) -> Result<Grace, StatusError> {
        self.check_delete_preconditions(object, options)?;
        // Upstream treats a negative grace period as one second.
        if options.grace_period_seconds.is_some_and(|seconds| seconds < 0) {
            options.grace_period_seconds = Some(1);
        }
        let metadata = object.metadata_mut();
        if metadata
            .deletion_grace_period_seconds
            .is_some_and(|seconds| seconds < 0)
        {
            metadata.deletion_grace_period_seconds = Some(1);
        }
        let context = self.strategy_context(request);
        if object.metadata().deletion_timestamp.is_some() {
            return Ok(shorten_grace(object, options, request.received));
        }
        let Some(seconds) = self.config.strategy.check_graceful_delete(&context, object, options) else {
            return Ok(Grace::None);
        };
        options.grace_period_seconds = Some(seconds);
        let metadata = object.metadata_mut();
        metadata.deletion_timestamp = Some(later(request.received, seconds));
        metadata.deletion_grace_period_seconds = Some(seconds);
        if metadata.generation > 0 {
            metadata.generation += 1;
        }
        Ok(Grace::Graceful)
    }

    fn check_delete_preconditions(&self, object: &dyn AnyObject, options: &DeleteOptions) -> Result<(), StatusError> {
        let Some(preconditions) = &options.preconditions else {
            return Ok(());
        };
        let metadata = object.metadata();
        let message = match (&preconditions.uid, &preconditions.resource_version) {
            (Some(uid), _) if *uid != metadata.uid => format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been \
                 deleted and then recreated",
                metadata.uid
            ),
            (_, Some(version)) if *version != metadata.resource_version => format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). \
                 The object might have been modified",
                metadata.resource_version
            ),
            _ => return Ok(()),
        };
        // Upstream names the kind where the resource belongs.
        Err(StatusError::conflict(self.group_kind(), &metadata.name, &message))
    }

    /// The object's finalizers with those of the garbage collector as the propagation policy wants them.
    fn finalizers_for(&self, request: &RequestContext, object: &dyn AnyObject, options: &DeleteOptions) -> Vec<String> {
        let current = &object.metadata().finalizers;
        if !self.config.garbage_collection {
            return current.clone();
        }
        let policy = self
            .config
            .strategy
            .default_garbage_collection_policy(&self.strategy_context(request));
        let has = |finalizer: &str| current.iter().any(|f| f == finalizer);
        let explicit = options.propagation_policy.as_deref();
        let (orphan, foreground) = match (policy, options.orphan_dependents, explicit) {
            (GarbageCollectionPolicy::Unsupported, ..) => (false, false),
            (_, Some(orphan), _) => (orphan, false),
            (_, None, Some("Orphan")) => (true, false),
            (_, None, Some("Foreground")) => (false, true),
            (_, None, Some(_)) => (false, false),
            (_, None, None) if has(ORPHAN) => (true, false),
            (_, None, None) if has(FOREGROUND) => (false, true),
            (policy, None, None) => (policy == GarbageCollectionPolicy::OrphanDependents, false),
        };
        if has(ORPHAN) == orphan && has(FOREGROUND) == foreground {
            return current.clone();
        }
        let others = current.iter().filter(|f| *f != ORPHAN && *f != FOREGROUND).cloned();
        others
            .chain(orphan.then(|| ORPHAN.to_owned()))
            .chain(foreground.then(|| FOREGROUND.to_owned()))
            .collect()
    }
}

fn later(now: jiff::Timestamp, seconds: i64) -> Time {
    Time::from(
        now.saturating_add(jiff::SignedDuration::from_secs(seconds))
            .unwrap_or(now),
    )
}

/// A deletion under way may only be made shorter.
fn shorten_grace(object: &mut dyn AnyObject, options: &mut DeleteOptions, now: jiff::Timestamp) -> Grace {
    let metadata = object.metadata_mut();
    let Some(current) = metadata.deletion_grace_period_seconds.filter(|seconds| *seconds != 0) else {
        // An earlier deletion set the timestamp but did not come to its end.
        return Grace::None;
    };
    let Some(wanted) = options.grace_period_seconds else {
        options.grace_period_seconds = Some(current);
        return Grace::Pending;
    };
    if wanted >= current {
        return Grace::Pending;
    }
    let deadline = metadata.deletion_timestamp.map_or(now, jiff::Timestamp::from);
    let moved = deadline
        .saturating_add(jiff::SignedDuration::from_secs(wanted - current))
        .unwrap_or(now);
    // The past is no deadline; a period that has run out is still a graceful one.
    let (moved, period) = if moved < now {
        (now, if wanted == 0 { 0 } else { 1 })
    } else {
        (moved, wanted)
    };
    metadata.deletion_timestamp = Some(Time::from(moved));
    metadata.deletion_grace_period_seconds = Some(period);
    Grace::Graceful
}

/// Finalizers are pending: the object is marked, and stays until they are gone.
fn mark_as_deleting(object: &mut dyn AnyObject, now: jiff::Timestamp) {
    let metadata = object.metadata_mut();
    if metadata.deletion_timestamp.is_none() && metadata.generation > 0 {
        metadata.generation += 1;
    }
    if metadata
        .deletion_timestamp
        .is_none_or(|deadline| jiff::Timestamp::from(deadline) > now)
    {
        metadata.deletion_timestamp = Some(Time::from(now));
    }
    metadata.deletion_grace_period_seconds = Some(0);
}
