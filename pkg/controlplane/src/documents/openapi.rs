//! `/openapi/v2` and `/openapi/v3`: the documents, each built when it is first asked for.

use apimachinery::codec::negotiation::accepts_gzip;
use component_base::serving::Body;
use http::{HeaderMap, Response, StatusCode, header};
use kube_openapi::{
    negotiation::{Representation, openapi_content_type, openapi_v2, openapi_v3},
    openapi::{Artifact, Form, OpenApi, ServerRelativePath},
};

use super::{ApiDocuments, empty, set, text};

impl ApiDocuments {
    /// Building a document takes long enough to leave the thread of other requests alone.
    async fn artifact<T: Send + 'static>(&self, build: impl FnOnce(&OpenApi) -> T + Send + 'static) -> Option<T> {
        let openapi = self.openapi.clone();
        tokio::task::spawn_blocking(move || build(&openapi)).await.ok()
    }

    pub(super) async fn openapi(&self, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Response<Body>> {
        let accept = text(headers, header::ACCEPT);
        if path == "/openapi/v2" {
            let Some(representation) = openapi_v2(accept) else {
                return Some(empty(StatusCode::NOT_ACCEPTABLE));
            };
            let artifact = self.artifact(move |openapi| openapi.v2(representation)).await?;
            return Some(send(&artifact, Form::V2, representation, headers));
        }
        if matches!(path, "/openapi/v3" | "/openapi/v3/") {
            let index = self.artifact(OpenApi::v3_index).await?;
            let mut response = send(&index, Form::V3, Representation::Json, headers);
            // Upstream names no type here, and Go's guess is what clients see.
            set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
            return Some(response);
        }
        let name = path.strip_prefix("/openapi/v3/")?.to_owned();
        let Some(representation) = openapi_v3(accept) else {
            return Some(empty(StatusCode::NOT_ACCEPTABLE));
        };
        let hash = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("hash=")));
        let hash = hash.unwrap_or_default().to_owned();
        match self
            .artifact(move |openapi| openapi.v3(&name, &hash, representation))
            .await?
        {
            ServerRelativePath::NotFound => None,
            ServerRelativePath::Moved(url) => {
                let mut response = empty(StatusCode::MOVED_PERMANENTLY);
                set(&mut response, header::LOCATION, &url);
                Some(response)
            }
            ServerRelativePath::Document { artifact, immutable } => {
                let mut response = send(&artifact, Form::V3, representation, headers);
                if immutable {
                    set(&mut response, header::CACHE_CONTROL, "public, immutable");
                }
                Some(response)
            }
        }
    }
}

fn send(artifact: &Artifact, form: Form, representation: Representation, headers: &HeaderMap) -> Response<Body> {
    let tag = format!("\"{}\"", artifact.etag);
    if text(headers, header::IF_NONE_MATCH) == tag {
        return empty(StatusCode::NOT_MODIFIED);
    }
    let gzip = accepts_gzip(text(headers, header::ACCEPT_ENCODING));
    let mut response = Response::new(if gzip {
        Body::from(artifact.gzip.clone())
    } else {
        Body::from(artifact.identity())
    });
    if gzip {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    set(
        &mut response,
        header::CONTENT_TYPE,
        openapi_content_type(form, representation),
    );
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::VARY, "Accept-Encoding, Accept");
    response
}
