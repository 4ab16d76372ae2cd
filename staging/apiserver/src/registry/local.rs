//! The server's own reading and writing of one resource: typed, past authorization and admission.
//!
//! Upstream counterpart: the loopback client configuration. What the server keeps itself (its Service, its
//! lease, the bootstrap policy, …) goes through the very rules of the kind, with the server's identity and field
//! manager, but neither over a connection nor past admission.

use std::{marker::PhantomData, sync::Arc};

use apimachinery::{field::ErrorList, status::StatusError};
use async_trait::async_trait;
use k8s_api::{Object, meta::v1};

use super::{
    AnyObject, DeleteOutcome, Existing, ObjectBox, ResourceStrategy, Store, Stored, Strategy, StrategyContext, Typed,
    UpdateFlags, UpdateSource, ValidateObject, ValidateUpdate,
};
use crate::{
    endpoints::field_management::{Given, Tracker},
    request::{RequestContext, RequestInfo, UserInfo},
};

/// Owner of what the server writes itself (`metadata.managedFields`), and its user agent.
const FIELD_MANAGER: &str = "kube-apiserver";

/// Judges nothing: the server's own writes pass no admission.
#[derive(Clone, Copy, Debug)]
pub struct Unjudged;

#[async_trait]
impl ValidateObject for Unjudged {
    async fn validate(&self, _object: &dyn AnyObject) -> Result<(), StatusError> {
        Ok(())
    }
}

#[async_trait]
impl ValidateUpdate for Unjudged {
    async fn validate(&self, _new: &dyn AnyObject, _old: &dyn AnyObject) -> Result<(), StatusError> {
        Ok(())
    }
}

/// The rules of an action that is the server's own and not bound by those of the kind (a pod is bound to a node).
#[derive(Clone, Copy, Debug)]
pub struct Unruled<T>(PhantomData<fn() -> T>);

impl<T: Object> Unruled<T> {
    /// No rules for objects of the kind.
    pub fn erased() -> Arc<dyn ResourceStrategy> {
        Typed::erase(Self(PhantomData))
    }
}

impl<T: Object> Strategy for Unruled<T> {
    type Object = T;

    fn namespaced(&self) -> bool {
        T::NAMESPACED
    }

    fn validate(&self, _context: &StrategyContext<'_>, _object: &T) -> ErrorList {
        ErrorList::default()
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, _new: &T, _old: &T) -> ErrorList {
        ErrorList::default()
    }
}

/// The objects of kind `T` as the server itself reads and writes them. `T` is the stored version.
#[derive(Clone, Debug)]
pub struct Local<T> {
    store: Arc<Store>,
    user: Arc<UserInfo>,
    manager: &'static str,
    kind: PhantomData<fn() -> T>,
}

impl<T: Object> Local<T> {
    /// Access to the objects in `store`.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            user: Arc::new(UserInfo::api_server()),
            manager: FIELD_MANAGER,
            kind: PhantomData,
        }
    }

    /// The same under the name of another field manager.
    #[must_use]
    pub fn managed_by(self, manager: &'static str) -> Self {
        Self { manager, ..self }
    }

    /// The store of the resource.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Reads an object as of now.
    ///
    /// # Errors
    /// What the store says; absence is `None`.
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Option<T>, StatusError> {
        match self.store.get(namespace, name).await {
            Ok(stored) => self.typed(&stored).map(Some),
            Err(status) if status.is_not_found() => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// An object as the cache has it, which may lag behind.
    ///
    /// # Errors
    /// If what is cached cannot be decoded; absence is `None`.
    pub fn cached(&self, namespace: &str, name: &str) -> Result<Option<T>, StatusError> {
        let key = self.store.key(namespace, name)?;
        let cached = self.store.cacher().get(&key);
        cached.map(|cached| self.typed(&Stored { cached })).transpose()
    }

    /// The objects of a namespace (an empty one: of all) as of now.
    ///
    /// # Errors
    /// If the cache does not catch up with the store, or what is cached cannot be decoded.
    pub async fn list(&self, namespace: &str) -> Result<Vec<T>, StatusError> {
        let cacher = self.store.cacher();
        let current = self.store.storage().current_revision().await;
        let current = current.map_err(|error| super::storage_status(&error, self.store.group_resource(), ""))?;
        let snapshot = cacher.snapshot_not_older_than(current).await;
        drop(snapshot.map_err(|error| crate::endpoints::cache_status(&error))?);
        self.list_cached(namespace)
    }

    /// The objects of a namespace (an empty one: of all) as the cache has them, which may lag behind.
    ///
    /// # Errors
    /// If what is cached cannot be decoded.
    pub fn list_cached(&self, namespace: &str) -> Result<Vec<T>, StatusError> {
        let snapshot = self.store.cacher().snapshot();
        let objects = snapshot.below(namespace);
        objects
            .map(|cached| self.typed(&Stored { cached: cached.clone() }))
            .collect()
    }

    /// Creates an object, with its defaults.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid`, or what the store says.
    pub async fn create(&self, object: &T) -> Result<T, StatusError> {
        let metadata = object.metadata();
        let request = self.request("create", &metadata.namespace, &metadata.name, "");
        let hub = &self.store.config().hub;
        let mut object = hub.decode(object.to_value()).map_err(StatusError::internal_error)?;
        let strategy = self.store.config().strategy.clone();
        Tracker::new(hub.as_ref(), "", strategy.as_ref()).record(
            self.manager,
            request.received,
            None,
            &mut object,
            Given::default(),
        );
        let namespace = request.info.namespace.clone();
        let stored = self
            .store
            .create(&request, &namespace, object, &Unjudged, false)
            .await?;
        self.typed(&stored)
    }

    /// Creates an object unless there is one of its name. Returns whether it was created.
    ///
    /// # Errors
    /// As [`Local::create`], but for `AlreadyExists`.
    pub async fn ensure(&self, object: &T) -> Result<bool, StatusError> {
        let metadata = object.metadata();
        let key = self.store.key(&metadata.namespace, &metadata.name)?;
        if self.store.cacher().get(&key).is_some() {
            return Ok(false);
        }
        match self.create(object).await {
            Ok(_) => Ok(true),
            Err(status) if status.is_already_exists() => Ok(false),
            Err(status) => Err(status),
        }
    }

    /// Replaces an object, at its resource version if it names one.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Invalid`, or what the store says.
    pub async fn update(&self, object: &T) -> Result<T, StatusError> {
        let strategy = self.store.config().strategy.clone();
        self.update_with(strategy.as_ref(), "", object).await
    }

    /// [`Local::update`] of a subresource, under its strategy.
    ///
    /// # Errors
    /// As [`Local::update`].
    pub async fn update_with(
        &self,
        strategy: &dyn ResourceStrategy,
        subresource: &str,
        object: &T,
    ) -> Result<T, StatusError> {
        let metadata = object.metadata();
        let request = self.request("update", &metadata.namespace, &metadata.name, subresource);
        let source = Replacement {
            local: self,
            request: &request,
            strategy,
            object: Box::new(object.clone()),
        };
        let outcome = self
            .store
            .update_with(
                strategy,
                &request,
                &metadata.namespace,
                &metadata.name,
                &source,
                &Unjudged,
                &Unjudged,
                UpdateFlags::default(),
            )
            .await?;
        self.typed(&outcome.stored)
    }

    /// Deletes an object, or begins to.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` with a precondition, or what the store says.
    pub async fn delete(
        &self,
        namespace: &str,
        name: &str,
        options: &v1::DeleteOptions,
    ) -> Result<DeleteOutcome, StatusError> {
        let request = self.request("delete", namespace, name, "");
        self.store.delete(&request, namespace, name, &Unjudged, options).await
    }

    /// A request of the server itself.
    fn request(&self, verb: &str, namespace: &str, name: &str, subresource: &str) -> RequestContext {
        let info = RequestInfo {
            is_resource_request: true,
            verb: verb.to_owned(),
            api_group: T::GROUP.to_owned(),
            api_version: T::VERSION.to_owned(),
            namespace: namespace.to_owned(),
            resource: T::PLURAL.to_owned(),
            subresource: subresource.to_owned(),
            name: name.to_owned(),
            ..RequestInfo::default()
        };
        RequestContext::new(
            self.user.clone(),
            info,
            jiff::Timestamp::now(),
            FIELD_MANAGER.to_owned(),
        )
    }

    fn typed(&self, stored: &Stored) -> Result<T, StatusError> {
        let object = self.store.typed(stored)?;
        let object = object.into_any().downcast::<T>();
        Ok(*object.expect("a store holds objects of its own kind only"))
    }
}

struct Replacement<'a, T> {
    local: &'a Local<T>,
    request: &'a RequestContext,
    strategy: &'a dyn ResourceStrategy,
    object: ObjectBox,
}

#[async_trait]
impl<T: Object> UpdateSource for Replacement<'_, T> {
    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let hub = &self.local.store.config().hub;
        let mut object = self.object.clone_boxed();
        Tracker::new(hub.as_ref(), &self.request.info.subresource, self.strategy).record(
            self.local.manager,
            self.request.received,
            existing,
            &mut object,
            Given::default(),
        );
        Ok(object)
    }
}
