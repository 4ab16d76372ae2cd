//! PUT: replacing objects.

use apimachinery::status::StatusError;
use async_trait::async_trait;
use component_base::serving::Body;
use http::{Response, StatusCode};

use super::{
    Call, Endpoint, Output, ScaleMapping,
    body::{decode_object, read_body},
    create::{CreateValidation, dedup_owner_references},
    field_management::{Given, Tracker},
    respond::stored_response,
};
use crate::{
    admission::{Attributes, Operation, Reinvocation, WriteOptions},
    options::{FieldValidation, write_options},
    registry::{
        AnyObject, Existing, ObjectBox, Preconditions, ResourceStrategy, UpdateFlags, UpdateSource, ValidateUpdate,
        ensure_namespace,
    },
};

/// What every kind of update shares: admission and field management around the new object.
pub(super) struct Update<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) strategy: &'a dyn ResourceStrategy,
    pub(super) subresource: &'a str,
    pub(super) options: &'a WriteOptions,
    /// How the kind of the endpoint is a view of the stored one.
    pub(super) scale: Option<&'a ScaleMapping>,
}

/// Under which rules an endpoint changes the stored object.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) strategy: &'a dyn ResourceStrategy,
    /// Empty for the object itself.
    pub(super) subresource: &'a str,
    /// See [`Update::scale`].
    pub(super) scale: Option<&'a ScaleMapping>,
}

impl<'a> Target<'a> {
    /// The object, or a subresource of the same kind.
    pub(super) fn of(strategy: &'a dyn ResourceStrategy, subresource: &'a str) -> Self {
        Self {
            strategy,
            subresource,
            scale: None,
        }
    }
}

impl Update<'_> {
    fn attributes<'s>(&'s self, operation: Operation, old: Option<&'s dyn AnyObject>) -> Attributes<'s> {
        let info = &self.call.context.info;
        Attributes {
            request: self.call.context,
            kind: &self.endpoint.kind,
            resource: &self.endpoint.resource,
            subresource: self.subresource,
            namespace: &info.namespace,
            name: &info.name,
            operation,
            options: self.options,
            old,
            codec: Some(self.endpoint.codec.as_ref()),
            reinvocation: Reinvocation::default(),
        }
    }

    /// Lets mutating admission have its say.
    pub(super) async fn admit(&self, object: &mut ObjectBox, existing: Option<&Existing>) -> Result<(), StatusError> {
        let operation = if existing.is_some() {
            Operation::Update
        } else {
            Operation::Create
        };
        let attributes = self.attributes(operation, existing.map(|existing| existing.object.as_ref()));
        self.endpoint.admission.admit(&attributes, Some(object)).await?;
        dedup_owner_references(self.call, object.as_mut(), true);
        Ok(())
    }

    pub(super) fn create_validation(&self) -> CreateValidation<'_> {
        CreateValidation {
            chain: &self.endpoint.admission,
            call: self.call,
            kind: &self.endpoint.kind,
            resource: &self.endpoint.resource,
            subresource: self.subresource,
            namespace: &self.call.context.info.namespace,
            options: self.options,
            codec: self.endpoint.codec.as_ref(),
        }
    }

    /// Runs the update and answers.
    pub(super) async fn run(
        &self,
        source: &dyn UpdateSource,
        force_allow_create: bool,
        output: &Output,
    ) -> Result<Response<Body>, StatusError> {
        if let Some(mapping) = self.scale {
            return super::scale::run(self, mapping, source, output).await;
        }
        let store = self.endpoint.store("update")?;
        let info = &self.call.context.info;
        let flags = UpdateFlags {
            dry_run: self.options.dry_run,
            force_allow_create,
        };
        let outcome = store
            .update_with(
                self.strategy,
                self.call.context,
                &info.namespace,
                &info.name,
                source,
                &self.create_validation(),
                self,
                flags,
            )
            .await?;
        let status = if outcome.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        stored_response(self.call, self.endpoint, output, status, &outcome.stored)
    }
}

#[async_trait]
impl ValidateUpdate for Update<'_> {
    async fn validate(&self, new: &dyn AnyObject, old: &dyn AnyObject) -> Result<(), StatusError> {
        self.endpoint
            .admission
            .validate(&self.attributes(Operation::Update, Some(old)), Some(new))
            .await
    }
}

/// The body of a PUT as the source of an update.
struct Replacement<'a> {
    update: &'a Update<'a>,
    object: ObjectBox,
    given: Given,
}

#[async_trait]
impl UpdateSource for Replacement<'_> {
    fn preconditions(&self) -> Preconditions {
        let uid = &self.object.metadata().uid;
        Preconditions {
            uid: (!uid.is_empty()).then(|| uid.clone()),
            resource_version: None,
        }
    }

    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let mut object = self.object.clone_boxed();
        let endpoint = self.update.endpoint;
        Tracker::new(endpoint.codec.as_ref(), self.update.subresource, self.update.strategy).update(
            self.update.call,
            self.update.options,
            existing,
            &mut object,
            self.given.clone(),
        );
        self.update.admit(&mut object, existing).await?;
        Ok(object)
    }
}

/// Answers a PUT to an object, or to a subresource with `strategy`.
pub(super) async fn update(
    call: &Call<'_>,
    endpoint: &Endpoint,
    target: Target<'_>,
    body: Body,
) -> Result<Response<Body>, StatusError> {
    let output = Output::negotiate(call, endpoint)?;
    let bytes = read_body(body).await?;
    let options = write_options(&call.query, "UpdateOptions", None)?;
    let (mut object, given) = decode_object(
        call,
        &bytes,
        endpoint.codec.as_ref(),
        &[],
        FieldValidation::of(&options.field_validation),
    )?;
    call.context
        .audit
        .request(object.metadata(), || endpoint.codec.encode_json(object.as_ref()));
    check_name(call, endpoint, object.as_mut())?;
    dedup_owner_references(call, object.as_mut(), false);
    let update = Update {
        call,
        endpoint,
        strategy: target.strategy,
        subresource: target.subresource,
        scale: target.scale,
        options: &options,
    };
    let source = Replacement {
        update: &update,
        object,
        given,
    };
    update.run(&source, false, &output).await
}

/// The object must be the one that the path names.
pub(super) fn check_name(call: &Call<'_>, endpoint: &Endpoint, object: &mut dyn AnyObject) -> Result<(), StatusError> {
    let info = &call.context.info;
    let namespace = if endpoint.namespaced {
        info.namespace.as_str()
    } else {
        ""
    };
    ensure_namespace(namespace, object.metadata_mut())?;
    let name = &object.metadata().name;
    if name.is_empty() {
        return Err(StatusError::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            info.name
        )));
    }
    if *name != info.name {
        return Err(StatusError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            info.name
        )));
    }
    Ok(())
}
