//! Adoption and release: objects that match a selector belong to its owner, others do not (upstream:
//! `pkg/controller/controller_ref_manager.go`).

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::api::Patch;
use client_go::{Client, Error};
use k8s_api::{HasMetadata, Object};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::SyncError;
use super::owners::{controller_of, controller_reference, is_controlled_by};

/// Those that `owner` controls and its selector matches.
pub fn claimed<T: HasMetadata, O: HasMetadata>(owner: &O, selector: &Selector, objects: &[Arc<T>]) -> Vec<Arc<T>> {
    objects
        .iter()
        .filter(|object| {
            is_controlled_by(object.metadata(), owner.metadata()) && selector.matches(&object.metadata().labels)
        })
        .cloned()
        .collect()
}

/// One owner's claim to objects.
pub struct Claim<'a, O> {
    client: &'a Client,
    owner: &'a O,
    selector: &'a Selector,
    finalizers: &'a [&'a str],
    /// Whether the owner still wants objects, asked of the server at the first adoption.
    may_adopt: OnceCell<Result<(), String>>,
}

impl<'a, O: Object> Claim<'a, O> {
    /// The claim of `owner` to what `selector` matches.
    #[must_use]
    pub fn new(client: &'a Client, owner: &'a O, selector: &'a Selector) -> Self {
        Self {
            client,
            owner,
            selector,
            finalizers: &[],
            may_adopt: OnceCell::new(),
        }
    }

    /// Adopted objects get these finalizers, released ones lose them.
    #[must_use]
    pub fn with_finalizers(mut self, finalizers: &'a [&'a str]) -> Self {
        self.finalizers = finalizers;
        self
    }

    /// Adopts what matches and has no controller, releases what does not match, and returns what belongs to the owner.
    ///
    /// # Errors
    /// An adoption or release failed; the others were tried.
    pub async fn claim<T: Object>(
        &self,
        objects: Vec<Arc<T>>,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Vec<Arc<T>>, SyncError> {
        let mut mine = Vec::with_capacity(objects.len());
        let mut errors = Vec::new();
        for object in objects {
            match self.claim_one(&*object, &fits).await {
                Ok(true) => mine.push(object),
                Ok(false) => {}
                Err(error) => errors.push(error),
            }
        }
        SyncError::collect(errors).map(|()| mine)
    }

    async fn claim_one<T: Object>(&self, object: &T, fits: &impl Fn(&T) -> bool) -> Result<bool, SyncError> {
        let (metadata, owner) = (object.metadata(), self.owner.metadata());
        let matches = || self.selector.matches(&metadata.labels) && fits(object);
        let deleted = owner.deletion_timestamp.is_some();
        if let Some(controller) = controller_of(metadata) {
            if controller.uid != owner.uid {
                return Ok(false);
            }
            if matches() {
                return Ok(true);
            }
            if !deleted {
                self.release(object).await?;
            }
            return Ok(false);
        }
        if deleted || metadata.deletion_timestamp.is_some() || metadata.namespace != owner.namespace || !matches() {
            return Ok(false);
        }
        self.adopt(object).await
    }

    async fn adopt<T: Object>(&self, object: &T) -> Result<bool, SyncError> {
        let metadata = object.metadata();
        if let Err(reason) = self.may_adopt.get_or_init(|| self.recheck()).await {
            return Err(SyncError::Other(format!(
                "can't adopt {} {}/{} ({}): {reason}",
                T::KIND,
                metadata.namespace,
                metadata.name,
                metadata.uid
            )));
        }
        let mut patch = json!({
            "uid": metadata.uid,
            "ownerReferences": [controller_reference(self.owner)],
        });
        if !self.finalizers.is_empty() {
            patch["finalizers"] = json!(self.finalizers);
        }
        match self.patch(object, patch).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The owner may have been deleted since the cache saw it.
    async fn recheck(&self) -> Result<(), String> {
        let owner = self.owner.metadata();
        let fresh = self
            .client
            .namespaced::<O>(owner.namespace.clone())
            .get(&owner.name)
            .await
            .map_err(|error| error.to_string())?;
        let fresh = fresh.metadata();
        if fresh.uid != owner.uid {
            return Err(format!(
                "original {} {}/{} is gone: got uid {}, wanted {}",
                O::KIND,
                owner.namespace,
                owner.name,
                fresh.uid,
                owner.uid
            ));
        }
        match fresh.deletion_timestamp {
            Some(at) => Err(format!(
                "{}/{} has just been deleted at {at}",
                owner.namespace, owner.name
            )),
            None => Ok(()),
        }
    }

    /// Gives an object up.
    ///
    /// # Errors
    /// The request failed otherwise than because the object is gone or another's.
    pub async fn release<T: Object>(&self, object: &T) -> Result<(), SyncError> {
        let metadata = object.metadata();
        let mut patch = json!({
            "uid": metadata.uid,
            "ownerReferences": [{"$patch": "delete", "uid": self.owner.metadata().uid}],
        });
        if !self.finalizers.is_empty() {
            patch["$deleteFromPrimitiveList/finalizers"] = json!(self.finalizers);
        }
        match self.patch(object, patch).await {
            // The object is gone, has no owners, or another has taken its name.
            Err(error) if error.is_not_found() || error.is_invalid() => Ok(()),
            outcome => outcome.map_err(SyncError::from),
        }
    }

    async fn patch<T: Object>(&self, object: &T, metadata: Value) -> Result<(), Error> {
        let api = self.client.namespaced::<T>(object.metadata().namespace.clone());
        let patch = Patch::Strategic(json!({"metadata": metadata}));
        api.patch(&object.metadata().name, &patch).await.map(drop)
    }
}
