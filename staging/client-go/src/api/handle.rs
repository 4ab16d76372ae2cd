//! [`Api`]: the verbs on objects of one type.

use std::marker::PhantomData;

use http::Method;
use k8s_api::meta::v1::{ListMeta, Status};
use k8s_api::{Kind as _, List};
use serde_json::Value;

use super::options::{DeleteOptions, GetOptions, ListOptions, WatchOptions, WriteOptions};
use super::{ApiObject, Patch, Resource};
use crate::rest::watch::Watch;
use crate::rest::{Error, RawResponse, Request};

const JSON: &str = "application/json";

/// Objects of one type, in one namespace or across them.
#[derive(Debug)]
pub struct Api<T> {
    resource: Resource,
    marker: PhantomData<fn() -> T>,
}

impl<T> Clone for Api<T> {
    fn clone(&self) -> Self {
        Self {
            resource: self.resource.clone(),
            marker: PhantomData,
        }
    }
}

/// What became of a delete.
#[derive(Clone, Debug, PartialEq)]
pub enum Deleted<T> {
    /// The object is gone.
    Gone(Box<Status>),
    /// The object is on its way out: finalizers or a grace period hold it.
    Terminating(Box<T>),
}

impl<T: ApiObject> Api<T> {
    /// Objects of this resource.
    #[must_use]
    pub fn new(resource: Resource) -> Self {
        Self {
            resource,
            marker: PhantomData,
        }
    }

    /// The resource behind it.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    async fn object(&self, request: Request) -> Result<T, Error> {
        decode(&request.accept(T::ACCEPT).send().await?)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, name: &str) -> Result<T, Error> {
        self.get_with(name, &GetOptions::default()).await
    }

    /// Reads an object, perhaps from a cache.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_with(&self, name: &str, options: &GetOptions) -> Result<T, Error> {
        let request = self.resource.object(Method::GET, name, None)?;
        self.object(request.query_some("resourceVersion", super::options::non_empty(&options.resource_version)))
            .await
    }

    /// Reads an object that may not be there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_opt(&self, name: &str) -> Result<Option<T>, Error> {
        match self.get(name).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists objects; with a limit one page of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(&self, options: &ListOptions) -> Result<List<T>, Error> {
        let (metadata, items) = self.list_parts(options).await?;
        Ok(List { metadata, items })
    }

    pub(crate) async fn list_parts(&self, options: &ListOptions) -> Result<(ListMeta, Vec<T>), Error> {
        let request = options.add_to(self.resource.collection(Method::GET));
        let response = request.accept(T::LIST_ACCEPT).send().await?;
        T::decode_list(&response.body).map_err(|error| Error::Decode(error.to_string()))
    }

    /// Watches objects.
    ///
    /// # Errors
    /// The watch cannot begin; see [`Error`].
    pub async fn watch(&self, options: &WatchOptions) -> Result<Watch<T>, Error> {
        let request = options.add_to(self.resource.collection(Method::GET));
        request.accept(T::ACCEPT).stream().await.map(Watch::new)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(&self, object: &T) -> Result<T, Error> {
        self.create_with(object, &WriteOptions::default()).await
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_with(&self, object: &T, options: &WriteOptions) -> Result<T, Error> {
        self.object(self.creation(object, options)).await
    }

    /// Creates an object without reading what the server made of it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_unread(&self, object: &T) -> Result<(), Error> {
        self.creation(object, &WriteOptions::default()).send().await.map(drop)
    }

    fn creation(&self, object: &T, options: &WriteOptions) -> Request {
        let mut request = self.resource.collection(Method::POST);
        if !object.name().is_empty() {
            let names = self.resource.names();
            request = request.about(&names.group, &names.resource, object.name());
        }
        options.add_to(request).body(JSON, object.encode())
    }

    /// Replaces an object; a conflict if it has changed since its `resourceVersion`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update(&self, object: &T) -> Result<T, Error> {
        self.replace(object, None, &WriteOptions::default()).await
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update_status(&self, object: &T) -> Result<T, Error> {
        self.replace(object, Some("status"), &WriteOptions::default()).await
    }

    /// Replaces an object or one of its subresources.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replace(&self, object: &T, subresource: Option<&str>, options: &WriteOptions) -> Result<T, Error> {
        let request = self.resource.object(Method::PUT, object.name(), subresource)?;
        self.object(options.add_to(request).body(JSON, object.encode())).await
    }

    /// Changes an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn patch(&self, name: &str, patch: &Patch) -> Result<T, Error> {
        self.patch_with(name, None, patch, &WriteOptions::default()).await
    }

    /// Changes an object's status.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn patch_status(&self, name: &str, patch: &Patch) -> Result<T, Error> {
        self.patch_with(name, Some("status"), patch, &WriteOptions::default())
            .await
    }

    /// Changes an object or one of its subresources.
    ///
    /// # Errors
    /// See [`Error`]; an apply without a field manager is refused here.
    pub async fn patch_with(
        &self,
        name: &str,
        subresource: Option<&str>,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<T, Error> {
        if matches!(patch, Patch::Apply(_)) && options.field_manager.is_empty() {
            return Err(Error::Invalid("an apply needs a field manager".to_owned()));
        }
        let request = self.resource.object(Method::PATCH, name, subresource)?;
        self.object(options.add_to(request).body(patch.content_type(), patch.to_json()))
            .await
    }

    /// Server-side apply of an object: the fields that are set become `manager`'s.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn apply(&self, name: &str, fields: Value, options: &WriteOptions) -> Result<T, Error> {
        self.patch_with(name, None, &Patch::Apply(fields), options).await
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete(&self, name: &str, options: &DeleteOptions) -> Result<Deleted<T>, Error> {
        let request = self.resource.object(Method::DELETE, name, None)?;
        let response = request.accept(T::ACCEPT).body(JSON, options.to_json()).send().await?;
        if is_status(&response.body) {
            let status = Status::from_json(&response.body).map_err(|error| Error::Decode(error.to_string()))?;
            return Ok(Deleted::Gone(Box::new(status)));
        }
        decode(&response).map(|object| Deleted::Terminating(Box::new(object)))
    }

    /// Deletes every object that is selected.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_collection(&self, options: &DeleteOptions, selection: &ListOptions) -> Result<(), Error> {
        let request = selection.add_to(self.resource.collection(Method::DELETE));
        request.body(JSON, options.to_json()).send().await.map(drop)
    }
}

pub(super) fn decode<T: ApiObject>(response: &RawResponse) -> Result<T, Error> {
    T::decode(&response.body).map_err(|error| Error::Decode(error.to_string()))
}

/// Whether a body is a `Status`, by its first members.
fn is_status(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct TypeMeta<'a> {
        #[serde(default, borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<TypeMeta<'_>>(body).is_ok_and(|meta| meta.kind == "Status")
}
