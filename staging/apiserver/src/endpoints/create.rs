//! POST: creating objects.

use apimachinery::status::StatusError;
use async_trait::async_trait;
use component_base::serving::Body;
use http::{Response, StatusCode};

use super::{
    Backing, Call, Created, Creater, Endpoint, Output,
    body::{decode_object, read_body},
    field_management::Tracker,
    kind_of,
    respond::{object_response, status_response, stored_response},
};
use crate::{
    admission::{Attributes, Chain, GroupVersionName, Operation, Reinvocation, WriteOptions},
    options::{FieldValidation, write_options},
    registry::{AnyObject, ValidateObject, VersionCodec, ensure_namespace, wipe_system_fields},
};

/// Validating admission of a new object.
pub(super) struct CreateValidation<'a> {
    pub(super) chain: &'a Chain,
    pub(super) call: &'a Call<'a>,
    pub(super) kind: &'a GroupVersionName,
    pub(super) resource: &'a GroupVersionName,
    pub(super) subresource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) options: &'a WriteOptions,
    pub(super) codec: &'a dyn VersionCodec,
}

impl CreateValidation<'_> {
    pub(super) fn attributes<'s>(&'s self, name: &'s str) -> Attributes<'s> {
        Attributes {
            request: self.call.context,
            kind: self.kind,
            resource: self.resource,
            subresource: self.subresource,
            namespace: self.namespace,
            name,
            operation: Operation::Create,
            options: self.options,
            old: None,
            codec: Some(self.codec),
            reinvocation: Reinvocation::default(),
        }
    }
}

#[async_trait]
impl ValidateObject for CreateValidation<'_> {
    async fn validate(&self, object: &dyn AnyObject) -> Result<(), StatusError> {
        let name = object.metadata().name.clone();
        self.chain.validate(&self.attributes(&name), Some(object)).await
    }
}

/// Answers a POST to a collection.
pub(super) async fn create(call: &Call<'_>, endpoint: &Endpoint, body: Body) -> Result<Response<Body>, StatusError> {
    let output = Output::negotiate(call, endpoint)?;
    let bytes = read_body(body).await?;
    let options = write_options(&call.query, "CreateOptions", None)?;
    let store = match &endpoint.backing {
        Backing::Create(creater) => {
            return create_with(call, endpoint, creater.as_ref(), &output, &bytes, &options).await;
        }
        Backing::Computed(_) => return Err(super::dispatch::method_not_allowed()),
        Backing::Store(store) => store,
    };
    let (mut object, given) = decode_object(
        call,
        &bytes,
        endpoint.codec.as_ref(),
        &[],
        FieldValidation::of(&options.field_validation),
    )?;
    let namespace = request_namespace(call, endpoint, object.as_ref());
    call.context
        .audit
        .request(object.metadata(), || endpoint.codec.encode_json(object.as_ref()));
    wipe_system_fields(object.metadata_mut());
    ensure_namespace(if endpoint.namespaced { &namespace } else { "" }, object.metadata_mut())?;
    dedup_owner_references(call, object.as_mut(), false);
    Tracker::new(endpoint.codec.as_ref(), "", store.config().strategy.as_ref()).update(
        call,
        &options,
        None,
        &mut object,
        given,
    );
    let validation = CreateValidation {
        chain: &endpoint.admission,
        call,
        kind: &endpoint.kind,
        resource: &endpoint.resource,
        subresource: "",
        namespace: &namespace,
        options: &options,
        codec: endpoint.codec.as_ref(),
    };
    let name = object.metadata().name.clone();
    endpoint
        .admission
        .admit(&validation.attributes(&name), Some(&mut object))
        .await?;
    dedup_owner_references(call, object.as_mut(), true);
    let stored = store
        .create(call.context, &namespace, object, &validation, options.dry_run)
        .await?;
    stored_response(call, endpoint, &output, StatusCode::CREATED, &stored)
}

/// A namespace is created inside itself.
fn request_namespace(call: &Call<'_>, endpoint: &Endpoint, object: &dyn AnyObject) -> String {
    if endpoint.resource.group.is_empty() && endpoint.resource.name == "namespaces" {
        return object.metadata().name.clone();
    }
    call.context.info.namespace.clone()
}

/// An owner that is named twice is kept once, and the client is told.
pub(super) fn dedup_owner_references(call: &Call<'_>, object: &mut dyn AnyObject, after_admission: bool) {
    let references = &mut object.metadata_mut().owner_references;
    let mut duplicates: Vec<String> = Vec::new();
    let mut kept: Vec<k8s_api::meta::v1::OwnerReference> = Vec::with_capacity(references.len());
    for reference in references.drain(..) {
        if kept.contains(&reference) {
            if !duplicates.contains(&reference.uid) {
                duplicates.push(reference.uid);
            }
        } else {
            kept.push(reference);
        }
    }
    *references = kept;
    if duplicates.is_empty() {
        return;
    }
    let uids = duplicates.join(",");
    call.context.warn(if after_admission {
        format!(
            ".metadata.ownerReferences contains duplicate entries after mutating admission happens; API server dedups \
             owner references in 1.20+, please fix your requests; UID(s) observed: {uids}"
        )
    } else {
        format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, please \
             fix your requests; UID(s) observed: {uids}"
        )
    });
}

/// Creates something that is not stored.
pub(super) async fn create_with(
    call: &Call<'_>,
    endpoint: &Endpoint,
    creater: &dyn Creater,
    output: &Output,
    bytes: &[u8],
    options: &WriteOptions,
) -> Result<Response<Body>, StatusError> {
    let codec = creater.codec();
    let (mut object, given) = decode_object(
        call,
        bytes,
        codec.as_ref(),
        creater.also_accepts(),
        FieldValidation::of(&options.field_validation),
    )?;
    let info = &call.context.info;
    call.context
        .audit
        .request(object.metadata(), || codec.encode_json(object.as_ref()));
    let uid = std::mem::take(&mut object.metadata_mut().uid);
    wipe_system_fields(object.metadata_mut());
    if creater.keeps_uid() && !info.subresource.is_empty() {
        object.metadata_mut().uid = uid;
    }
    ensure_namespace(&info.namespace, object.metadata_mut())?;
    Tracker::unstored(codec.as_ref(), &info.subresource).update(call, options, None, &mut object, given);
    let kind = kind_of(codec.as_ref());
    let validation = CreateValidation {
        chain: &endpoint.admission,
        call,
        kind: &kind,
        resource: &endpoint.resource,
        subresource: &info.subresource,
        namespace: &info.namespace,
        options,
        codec: codec.as_ref(),
    };
    endpoint
        .admission
        .admit(&validation.attributes(&info.name), Some(&mut object))
        .await?;
    match creater
        .create(call, &info.name, object, &validation, options.dry_run)
        .await?
    {
        Created::Object(object) => object_response(call, endpoint, output, StatusCode::CREATED, object.as_ref()),
        Created::Success => Ok(status_response(call, &success(StatusCode::CREATED))),
        Created::Status(status) => Ok(status_response(call, &status)),
    }
}

/// A bare success.
pub(super) fn success(code: StatusCode) -> k8s_api::meta::v1::Status {
    k8s_api::meta::v1::Status {
        status: "Success".to_owned(),
        code: i32::from(code.as_u16()),
        ..k8s_api::meta::v1::Status::default()
    }
}
