//! Objects that are made when they are asked for, and never stored.

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use async_trait::async_trait;
use component_base::serving::Body;
use http::{Method, Response, StatusCode};

use super::{Call, Endpoint, Output, list, respond::stored_response};
use crate::{
    cacher::CachedObject,
    options::ListOptions,
    registry::{ObjectBox, Stored, VersionCodec},
};

/// Makes all objects of a resource that has no namespaces.
#[async_trait]
pub trait Lister: Send + Sync + Debug + 'static {
    /// The codec of their only version.
    fn codec(&self) -> Arc<dyn VersionCodec>;

    /// The objects as of now.
    async fn list(&self) -> Vec<ObjectBox>;
}

/// Answers GET and LIST; there is nothing else.
pub(super) async fn respond(
    call: &Call<'_>,
    endpoint: &Endpoint,
    lister: &dyn Lister,
) -> Result<Response<Body>, StatusError> {
    let info = &call.context.info;
    if call.method != Method::GET || info.verb == "watch" {
        return Err(super::dispatch::method_not_allowed());
    }
    let output = Output::negotiate(call, endpoint)?;
    let options = ListOptions::decode(&call.query)?;
    let objects = lister.list().await.into_iter().map(|object| {
        let labels = object.metadata().labels.iter();
        Arc::new(CachedObject::new(
            object.metadata().name.as_str().into(),
            0,
            endpoint.codec.encode_json(object.as_ref()).into(),
            labels
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            Box::default(),
        ))
    });
    if info.name.is_empty() {
        let predicate = list::predicate(call, endpoint, &options)?;
        let objects = objects.filter(|object| predicate.matches(object)).collect();
        return list::respond(call, endpoint, &output, &list::Page::computed(objects));
    }
    let mut objects = objects;
    let cached = objects
        .find(|object| *object.key == *info.name)
        .ok_or_else(|| StatusError::not_found(endpoint.group_resource(), &info.name))?;
    stored_response(call, endpoint, &output, StatusCode::OK, &Stored { cached })
}
