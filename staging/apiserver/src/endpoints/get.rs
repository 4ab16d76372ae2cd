//! GET of one object.

use apimachinery::status::StatusError;
use component_base::serving::Body;
use http::{Response, StatusCode};

use super::{Call, Endpoint, Output, respond::stored_response};
use crate::options::ListOptions;

/// Answers with one object: as of now, or from the cache where the client names a revision.
pub(super) async fn get(call: &Call<'_>, endpoint: &Endpoint) -> Result<Response<Body>, StatusError> {
    let store = endpoint.store("get")?;
    let output = Output::negotiate(call, endpoint)?;
    let info = &call.context.info;
    let options = ListOptions {
        resource_version: call.query.text("resourceVersion"),
        ..ListOptions::default()
    };
    let stored = match options.resource_version.as_str() {
        "0" if store.config().fresh_reads => store.get(&info.namespace, &info.name).await?,
        "" => store.get(&info.namespace, &info.name).await?,
        _ => {
            store
                .get_not_older_than(&info.namespace, &info.name, options.revision()?)
                .await?
        }
    };
    stored_response(call, endpoint, &output, StatusCode::OK, &stored)
}
