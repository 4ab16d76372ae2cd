//! Subresources with types of their own: scale, eviction, binding, tokens, logs.

use http::Method;
use k8s_api::HasMetadata;
use k8s_api::authentication::v1::TokenRequest;
use k8s_api::autoscaling::v1::Scale;
use k8s_api::core::v1::{Binding, Pod, ServiceAccount};
use k8s_api::policy::v1::Eviction;
use serde_json::Value;

use super::handle::decode;
use super::options::WriteOptions;
use super::{Api, ApiObject, Patch};
use crate::rest::{ByteStream, Error};

const JSON: &str = "application/json";

/// What of a container's log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The container; empty for the only one.
    pub container: String,
    /// Goes on as the log grows.
    pub follow: bool,
    /// Of the container that ran before.
    pub previous: bool,
    /// Only what is younger than this many seconds.
    pub since_seconds: Option<i64>,
    /// Only what is younger than this moment, RFC 3339.
    pub since_time: String,
    /// A time before every line.
    pub timestamps: bool,
    /// Only so many lines from the end.
    pub tail_lines: Option<i64>,
    /// Only so many bytes.
    pub limit_bytes: Option<i64>,
    /// Takes any certificate of the kubelet's.
    pub insecure_skip_tls_verify_backend: bool,
    /// `All`, `Stdout` or `Stderr`; empty for all.
    pub stream: String,
}

impl<T: ApiObject> Api<T> {
    /// Posts to an object's subresource and reads what comes back as another type.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_subresource<B: ApiObject, R: ApiObject>(
        &self,
        name: &str,
        subresource: &str,
        body: &B,
        options: &WriteOptions,
    ) -> Result<R, Error> {
        let request = self.resource().object(Method::POST, name, Some(subresource))?;
        let request = options.add_to(request).accept(R::ACCEPT).body(JSON, body.encode());
        decode(&request.send().await?)
    }

    /// Posts to an object's subresource whose answer does not matter beyond its success.
    async fn post(&self, name: &str, subresource: &str, body: Vec<u8>, options: &WriteOptions) -> Result<(), Error> {
        let request = self.resource().object(Method::POST, name, Some(subresource))?;
        options.add_to(request).body(JSON, body).send().await.map(drop)
    }

    /// Reads an object's scale.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_scale(&self, name: &str) -> Result<Scale, Error> {
        let request = self.resource().object(Method::GET, name, Some("scale"))?;
        decode(&request.accept(Scale::ACCEPT).send().await?)
    }

    /// Replaces an object's scale.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update_scale(&self, scale: &Scale, options: &WriteOptions) -> Result<Scale, Error> {
        let request = self
            .resource()
            .object(Method::PUT, &scale.metadata().name, Some("scale"))?;
        decode(
            &options
                .add_to(request)
                .accept(Scale::ACCEPT)
                .body(JSON, scale.encode())
                .send()
                .await?,
        )
    }

    /// Changes an object's scale.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn patch_scale(&self, name: &str, patch: &Patch, options: &WriteOptions) -> Result<Scale, Error> {
        let request = self.resource().object(Method::PATCH, name, Some("scale"))?;
        let request = options
            .add_to(request)
            .accept(Scale::ACCEPT)
            .body(patch.content_type(), patch.to_json());
        decode(&request.send().await?)
    }

    /// Reads a subresource of any kind.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_subresource(&self, name: &str, subresource: &str) -> Result<Value, Error> {
        let response = self
            .resource()
            .object(Method::GET, name, Some(subresource))?
            .send()
            .await?;
        serde_json::from_slice(&response.body).map_err(|error| Error::Decode(error.to_string()))
    }
}

impl Api<Pod> {
    /// Asks for a pod's eviction; 429 while a disruption budget forbids it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn evict(&self, eviction: &Eviction) -> Result<(), Error> {
        self.post(
            &eviction.metadata().name,
            "eviction",
            eviction.encode(),
            &WriteOptions::default(),
        )
        .await
    }

    /// Binds a pod to the node that `binding` names.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn bind(&self, binding: &Binding) -> Result<(), Error> {
        self.post(
            &binding.metadata().name,
            "binding",
            binding.encode(),
            &WriteOptions::default(),
        )
        .await
    }

    /// A container's log as it comes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn logs(&self, name: &str, options: &LogOptions) -> Result<ByteStream, Error> {
        let number = |value: Option<i64>| value.map(|value| value.to_string());
        let text = super::options::non_empty;
        let flag = |value: bool| value.then_some("true");
        self.resource()
            .object(Method::GET, name, Some("log"))?
            .query_some("container", text(&options.container))
            .query_some("follow", flag(options.follow))
            .query_some("previous", flag(options.previous))
            .query_some("sinceSeconds", number(options.since_seconds).as_deref())
            .query_some("sinceTime", text(&options.since_time))
            .query_some("timestamps", flag(options.timestamps))
            .query_some("tailLines", number(options.tail_lines).as_deref())
            .query_some("limitBytes", number(options.limit_bytes).as_deref())
            .query_some(
                "insecureSkipTLSVerifyBackend",
                flag(options.insecure_skip_tls_verify_backend),
            )
            .query_some("stream", text(&options.stream))
            .accept("text/plain, application/json, */*")
            .stream()
            .await
    }
}

impl Api<ServiceAccount> {
    /// A token for a service account.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_token(&self, name: &str, request: &TokenRequest) -> Result<TokenRequest, Error> {
        self.create_subresource(name, "token", request, &WriteOptions::default())
            .await
    }
}
