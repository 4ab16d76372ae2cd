//! DELETE of objects and collections.

use apimachinery::{codec::negotiation::Encoding, json, status::StatusError};
use async_trait::async_trait;
use component_base::serving::Body;
use futures::{StreamExt as _, stream};
use http::{Response, StatusCode};
use k8s_api::{
    Kind as _,
    meta::v1::{DeleteOptions, StatusDetails},
};

use super::{
    Call, Endpoint, Output,
    body::{input_encoding, read_body},
    create::success,
    list,
    respond::{status_response, stored_response},
};
use crate::{
    admission::{Attributes, Operation, Reinvocation, WriteOptions},
    options::{ListOptions, decode_delete_options, validate_delete_options},
    registry::{AnyObject, ValidateObject},
};

/// Objects of a collection that are deleted at the same time.
const WORKERS: usize = 8;

/// Admission of a deletion.
struct DeleteValidation<'a> {
    call: &'a Call<'a>,
    endpoint: &'a Endpoint,
    options: &'a WriteOptions,
    namespace: &'a str,
}

#[async_trait]
impl ValidateObject for DeleteValidation<'_> {
    async fn validate(&self, object: &dyn AnyObject) -> Result<(), StatusError> {
        let attributes = Attributes {
            request: self.call.context,
            kind: &self.endpoint.kind,
            resource: &self.endpoint.resource,
            subresource: "",
            namespace: self.namespace,
            name: &object.metadata().name,
            operation: Operation::Delete,
            options: self.options,
            old: Some(object),
            codec: Some(self.endpoint.codec.as_ref()),
            reinvocation: Reinvocation::default(),
        };
        self.endpoint.admission.admit(&attributes, None).await?;
        self.endpoint.admission.validate(&attributes, None).await
    }
}

/// The options of a deletion, from its body or, without one, from its query.
async fn delete_options(call: &Call<'_>, body: Body) -> Result<DeleteOptions, StatusError> {
    let bytes = read_body(body).await?;
    let options = if bytes.is_empty() {
        decode_delete_options(&call.query)?
    } else {
        let bad = |error: &dyn std::fmt::Display| StatusError::bad_request(error.to_string());
        let value = match input_encoding(call)? {
            Encoding::Protobuf => {
                let envelope = apimachinery::codec::protobuf::Envelope::decode(&bytes).map_err(|error| bad(&error))?;
                apimachinery::codec::protobuf::ProtobufCodec::builtin()
                    .decode(DeleteOptions::type_id(), &envelope)
                    .map_err(|error| bad(&error))?
            }
            Encoding::Yaml => {
                let text = std::str::from_utf8(&bytes).map_err(|error| bad(&error))?;
                json::yaml_to_json(text).map_err(|error| bad(&error))?
            }
            _ => json::parse(&bytes)
                .map_err(|error| bad(&format_args!("couldn't get version/kind; json parse error: {error}")))?,
        };
        let kind = value
            .get("kind")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("DeleteOptions");
        if kind != "DeleteOptions" {
            return Err(StatusError::bad_request(
                "decoded object cannot be converted to DeleteOptions",
            ));
        }
        DeleteOptions::from_value(value).map_err(|error| bad(&error))?
    };
    call.context.audit.request_body(|| options.to_json());
    validate_delete_options(&options)?;
    Ok(options)
}

/// Answers a DELETE of one object.
pub(super) async fn delete(call: &Call<'_>, endpoint: &Endpoint, body: Body) -> Result<Response<Body>, StatusError> {
    let store = endpoint.store("delete")?;
    let output = Output::negotiate(call, endpoint)?;
    let options = delete_options(call, body).await?;
    let write = WriteOptions {
        dry_run: !options.dry_run.is_empty(),
        delete: Some(options.clone()),
        ..WriteOptions::default()
    };
    let info = &call.context.info;
    let validation = DeleteValidation {
        call,
        endpoint,
        options: &write,
        namespace: &info.namespace,
    };
    let outcome = store
        .delete(call.context, &info.namespace, &info.name, &validation, &options)
        .await?;
    // What stays for its finalizers although the client did not want orphans is only accepted.
    let accepted = !outcome.deleted && options.orphan_dependents == Some(false);
    let status = if accepted { StatusCode::ACCEPTED } else { StatusCode::OK };
    if outcome.deleted && !store.config().returns_deleted_object {
        let mut answer = success(status);
        answer.code = 0;
        answer.details = Some(Box::new(StatusDetails {
            name: info.name.clone(),
            group: endpoint.resource.group.clone(),
            kind: endpoint.resource.name.clone(),
            uid: store.typed(&outcome.stored)?.metadata().uid.clone(),
            ..StatusDetails::default()
        }));
        return Ok(status_response(call, &answer));
    }
    stored_response(call, endpoint, &output, status, &outcome.stored)
}

/// Answers a DELETE of a collection: with the list of what was deleted.
pub(super) async fn delete_collection(
    call: &Call<'_>,
    endpoint: &Endpoint,
    body: Body,
) -> Result<Response<Body>, StatusError> {
    let store = endpoint.store("deletecollection")?;
    let output = Output::negotiate(call, endpoint)?;
    let list_options = ListOptions::decode(&call.query)?;
    let predicate = list::predicate(call, endpoint, &list_options)?;
    let options = delete_options(call, body).await?;
    let write = WriteOptions {
        dry_run: !options.dry_run.is_empty(),
        delete: Some(options.clone()),
        ..WriteOptions::default()
    };
    let page = list::page(store, &predicate, &list_options).await?;
    let results: Vec<Result<(), StatusError>> = stream::iter(page.objects.clone())
        .map(|object| {
            let (options, write) = (&options, &write);
            async move {
                let validation = DeleteValidation {
                    call,
                    endpoint,
                    options: write,
                    namespace: object.namespace(),
                };
                let deleted = store
                    .delete(call.context, object.namespace(), object.name(), &validation, options)
                    .await;
                match deleted {
                    Err(status) if status.is_not_found() => Ok(()),
                    other => other.map(|_| ()),
                }
            }
        })
        .buffer_unordered(WORKERS)
        .collect()
        .await;
    results.into_iter().collect::<Result<(), StatusError>>()?;
    list::respond(call, endpoint, &output, &page)
}
