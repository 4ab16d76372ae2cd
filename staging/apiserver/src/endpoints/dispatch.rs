//! From a request's verb to its handler.

use std::sync::Arc;

use apimachinery::{
    codec::negotiation::{self, Encoding},
    status::StatusError,
};
use component_base::serving::Body;
use http::{HeaderValue, Method, Response, header};

use super::{
    Backing, Call, Endpoint, Output, Subresource,
    body::read_body,
    computed, create, delete, error_response, get, list, patch, scale,
    update::{self, Target},
    watch,
};
use crate::{
    admission::{Attributes, ConnectOptions, GroupVersionName, Operation, Reinvocation, WriteOptions},
    options::write_options,
    registry::ObjectBox,
    request::RequestContext,
};

/// The media types of patches.
const PATCH_TYPES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// Answers a request for a resource.
pub async fn handle(
    call: &Call<'_>,
    endpoint: &Arc<Endpoint>,
    context: Arc<RequestContext>,
    body: Body,
) -> Response<Body> {
    call.context.warn(endpoint.deprecation);
    let result = route(call, endpoint, context, body).await;
    result.unwrap_or_else(|error| error_response(call, &error))
}

/// Tells the client what the request was warned of.
pub(crate) fn add_warnings(context: &RequestContext, response: &mut Response<Body>) {
    for warning in context.warnings() {
        let text = format!("299 - {}", quote_warning(&warning));
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// A warning as an HTTP quoted string, without line breaks.
fn quote_warning(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' | '\r' | '\t' => quoted.push(' '),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn not_allowed(endpoint: &Endpoint, call: &Call<'_>) -> StatusError {
    let _ = (endpoint, call);
    method_not_allowed()
}

/// What the router says of a method that no route has.
pub(super) fn method_not_allowed() -> StatusError {
    let mut status =
        StatusError::method_not_supported(apimachinery::status::GroupResource::default(), "").into_status();
    "the server does not allow this method on the requested resource".clone_into(&mut status.message);
    status.details = Some(Box::default());
    status.into()
}

/// The router's own look at media types, before any handler's.
fn route_media_types(call: &Call<'_>) -> Result<(), StatusError> {
    let info = &call.context.info;
    if matches!(
        info.subresource.as_str(),
        "exec" | "attach" | "portforward" | "proxy" | "log"
    ) {
        return Ok(());
    }
    let mut produces = negotiation::media_types(Encoding::DEFAULT);
    if matches!(info.verb.as_str(), "list" | "watch") {
        produces.extend(negotiation::stream_media_types(Encoding::DEFAULT));
    }
    if !negotiation::route::accepts(call.header(header::ACCEPT), &produces) {
        let mut status = StatusError::not_acceptable(&produces).into_status();
        status.message = negotiation::route::not_acceptable(&produces);
        status.details = Some(Box::default());
        return Err(status.into());
    }
    let content_type = call.header(header::CONTENT_TYPE);
    if call.method == Method::PATCH && !negotiation::route::consumes("PATCH", content_type, &PATCH_TYPES) {
        let mut status = StatusError::unsupported_media_type(&PATCH_TYPES).into_status();
        negotiation::route::UNSUPPORTED_MEDIA_TYPE.clone_into(&mut status.message);
        status.details = Some(Box::default());
        return Err(status.into());
    }
    Ok(())
}

async fn route(
    call: &Call<'_>,
    endpoint: &Arc<Endpoint>,
    context: Arc<RequestContext>,
    body: Body,
) -> Result<Response<Body>, StatusError> {
    let info = &call.context.info;
    let object_path = info.parts.len() > 1;
    route_media_types(call)?;
    if endpoint.namespaced && info.namespace.is_empty() && (object_path || call.method == Method::POST) {
        return Err(if object_path {
            StatusError::resource_not_found()
        } else {
            method_not_allowed()
        });
    }
    if !endpoint.namespaced && !info.namespace.is_empty() && endpoint.resource.name != "namespaces" {
        return Err(StatusError::resource_not_found());
    }
    if !info.subresource.is_empty() {
        return subresource(call, endpoint, body).await;
    }
    if info.parts.get(1).is_some_and(|name| name.contains('/')) {
        return Err(StatusError::resource_not_found());
    }
    if let Backing::Create(_) = endpoint.backing {
        if object_path || call.method != Method::POST {
            return Err(not_allowed(endpoint, call));
        }
        return create::create(call, endpoint, body).await;
    }
    if let Backing::Computed(lister) = &endpoint.backing {
        return computed::respond(call, endpoint, lister.as_ref()).await;
    }
    let strategy = endpoint.store("update")?.config().strategy.clone();
    match (info.verb.as_str(), object_path) {
        ("get", true) => get::get(call, endpoint).await,
        ("list", false) => list::list(call, endpoint).await,
        ("watch", _) => watch::watch(call, endpoint, context).await,
        ("create", false) => create::create(call, endpoint, body).await,
        ("update", true) => update::update(call, endpoint, Target::of(strategy.as_ref(), ""), body).await,
        ("patch", true) => patch::patch(call, endpoint, Target::of(strategy.as_ref(), ""), body).await,
        ("delete", true) => delete::delete(call, endpoint, body).await,
        ("deletecollection", false) if endpoint.verbs.contains(&"deletecollection") => {
            delete::delete_collection(call, endpoint, body).await
        }
        _ => Err(not_allowed(endpoint, call)),
    }
}

async fn subresource(call: &Call<'_>, endpoint: &Arc<Endpoint>, body: Body) -> Result<Response<Body>, StatusError> {
    let info = &call.context.info;
    let Some(subresource) = endpoint.subresources.get(&info.subresource) else {
        return Err(StatusError::resource_not_found());
    };
    if info.parts.len() > 3 && !matches!(subresource, Subresource::Connect(_)) {
        return Err(StatusError::resource_not_found());
    }
    match (subresource, &call.method) {
        (Subresource::Update(_), &Method::GET) => get::get(call, endpoint).await,
        (Subresource::Update(strategy), &Method::PUT) => {
            update::update(call, endpoint, Target::of(strategy.as_ref(), &info.subresource), body).await
        }
        (Subresource::Update(strategy), &Method::PATCH) => {
            patch::patch(call, endpoint, Target::of(strategy.as_ref(), &info.subresource), body).await
        }
        (Subresource::Scale(mapping), &Method::GET) => scale::get(call, endpoint, mapping).await,
        (Subresource::Scale(mapping), &Method::PUT) => {
            let target = scale::target(mapping, &info.subresource);
            update::update(call, &scale::endpoint(endpoint), target, body).await
        }
        (Subresource::Scale(mapping), &Method::PATCH) => {
            let target = scale::target(mapping, &info.subresource);
            patch::patch(call, &scale::endpoint(endpoint), target, body).await
        }
        (Subresource::Create(creater), &Method::POST) => {
            let output = Output::negotiate_created(call)?;
            let bytes = read_body(body).await?;
            let options = write_options(&call.query, "CreateOptions", None)?;
            create::create_with(call, endpoint, creater.as_ref(), &output, &bytes, &options).await
        }
        (Subresource::Connect(connecter), method) if connecter.methods().contains(&method.as_str()) => {
            if let Some(options) = connecter.admission_options(call) {
                admit_connect(call, endpoint, options).await?;
            }
            connecter.connect(call, &info.name, body).await
        }
        _ => Err(not_allowed(endpoint, call)),
    }
}

/// Asks admission about a stream or proxied request.
async fn admit_connect(call: &Call<'_>, endpoint: &Endpoint, options: ConnectOptions) -> Result<(), StatusError> {
    let info = &call.context.info;
    let kind = GroupVersionName {
        group: String::new(),
        version: "v1".to_owned(),
        name: options.kind().to_owned(),
    };
    let attributes = Attributes {
        request: call.context,
        kind: &kind,
        resource: &endpoint.resource,
        subresource: &info.subresource,
        namespace: &info.namespace,
        name: &info.name,
        operation: Operation::Connect,
        options: &WriteOptions::default(),
        old: None,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    let mut object: ObjectBox = Box::new(options);
    endpoint.admission.admit(&attributes, Some(&mut object)).await?;
    endpoint.admission.validate(&attributes, Some(object.as_ref())).await
}
