//! The `scale` subresource: one number of an object, seen as `autoscaling/v1` Scale.

use std::sync::Arc;

use apimachinery::status::StatusError;
use component_base::serving::Body;
use http::{Response, StatusCode};
use k8s_api::autoscaling::v1::Scale;

use super::{Call, Endpoint, Output, respond::object_response};
use crate::registry::{AnyObject, ResourceStrategy};

/// How an object shows as a Scale and takes a new number of replicas.
#[derive(Clone, Debug)]
pub struct ScaleMapping {
    /// The Scale of an object.
    pub to_scale: fn(&dyn AnyObject) -> Scale,
    /// Sets `spec.replicas`.
    pub set_replicas: fn(&mut dyn AnyObject, i32),
    /// The rules under which the object is changed.
    pub strategy: Arc<dyn ResourceStrategy>,
}

/// Answers a GET of a scale.
pub(super) async fn get(
    call: &Call<'_>,
    endpoint: &Endpoint,
    mapping: &ScaleMapping,
) -> Result<Response<Body>, StatusError> {
    let store = endpoint.store("get")?;
    let output = Output::negotiate(call, endpoint)?;
    let info = &call.context.info;
    let stored = store.get(&info.namespace, &info.name).await?;
    let scale = (mapping.to_scale)(store.typed(&stored)?.as_ref());
    object_response(call, endpoint, &output, StatusCode::OK, &scale)
}
