//! The `scale` subresource: one number of an object, seen and changed as `autoscaling/v1` Scale.
//!
//! The object's field managers are carried to its scale and back: of them a scale knows those that own the replicas.
//!
//! Upstream counterpart: the `ScaleREST` and `scaleUpdatedObjectInfo` of each kind that scales.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
};

use apimachinery::{
    apply::{
        fieldset::{Path as FieldPath, PathElement},
        manager::ScaleHandler,
    },
    field::{Error as FieldError, ErrorList, Path},
    status::{GroupResource, StatusError},
};
use async_trait::async_trait;
use component_base::serving::Body;
use http::{Response, StatusCode};
use k8s_api::autoscaling::v1::Scale;
use serde_json::{Value, json};

use super::{
    Call, Endpoint, Output,
    respond::object_response,
    update::{Target, Update},
};
use crate::{
    admission::GroupVersionName,
    registry::{
        AnyObject, Existing, HubCodec, ObjectBox, Preconditions, ResourceStrategy, UpdateFlags, UpdateSource,
        ValidateUpdate, VersionCodec,
    },
};

/// Versions in which older servers recorded who owns the replicas of apps.
const OLDER_VERSIONS: [&str; 3] = ["apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"];

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

/// The codec of scales.
pub(crate) fn codec() -> Arc<dyn VersionCodec> {
    static CODEC: LazyLock<Arc<dyn VersionCodec>> = LazyLock::new(|| Arc::new(HubCodec::<Scale>::new(|_| {})));
    CODEC.clone()
}

/// The endpoint as it is for scales: of another kind, over the same objects.
pub(super) fn endpoint(parent: &Endpoint) -> Endpoint {
    Endpoint {
        resource: parent.resource.clone(),
        kind: GroupVersionName {
            group: "autoscaling".to_owned(),
            version: "v1".to_owned(),
            name: "Scale".to_owned(),
        },
        namespaced: parent.namespaced,
        verbs: parent.verbs,
        codec: codec(),
        is_hub: true,
        version_number: 0,
        backing: parent.backing.clone(),
        table: None,
        subresources: BTreeMap::new(),
        admission: parent.admission.clone(),
        fields: Vec::new(),
        indexed_fields: Vec::new(),
        deprecation: "",
        field_annotations: &[],
    }
}

/// Under which rules a scale is changed.
pub(super) fn target<'a>(mapping: &'a ScaleMapping, subresource: &'a str) -> Target<'a> {
    Target {
        strategy: mapping.strategy.as_ref(),
        subresource,
        scale: Some(mapping),
    }
}

/// Changes the object by the change of its scale, and answers with the scale.
pub(super) async fn run(
    update: &Update<'_>,
    mapping: &ScaleMapping,
    source: &dyn UpdateSource,
    output: &Output,
) -> Result<Response<Body>, StatusError> {
    let store = update.endpoint.store("update")?;
    let info = &update.call.context.info;
    let rescaled = Rescaled {
        update,
        mapping,
        source,
    };
    let flags = UpdateFlags {
        dry_run: update.options.dry_run,
        // Nothing that scales is created by an update.
        force_allow_create: false,
    };
    let outcome = store
        .update_with(
            mapping.strategy.as_ref(),
            update.call.context,
            &info.namespace,
            &info.name,
            &rescaled,
            &update.create_validation(),
            &rescaled,
            flags,
        )
        .await
        .map_err(|status| {
            if status.is_not_found() {
                rescaled.not_found()
            } else {
                status
            }
        })?;
    let scale = (mapping.to_scale)(store.typed(&outcome.stored)?.as_ref());
    object_response(update.call, update.endpoint, output, StatusCode::OK, &scale)
}

/// The change of an object that follows from the change of its scale.
struct Rescaled<'a> {
    update: &'a Update<'a>,
    mapping: &'a ScaleMapping,
    source: &'a dyn UpdateSource,
}

impl Rescaled<'_> {
    /// `deployments/scale` and the like, as errors name it.
    fn resource(&self) -> String {
        format!("{}/scale", self.update.endpoint.resource.name)
    }

    fn not_found(&self) -> StatusError {
        let resource = self.resource();
        let group = &self.update.endpoint.resource.group;
        StatusError::not_found(
            GroupResource::new(group, &resource),
            &self.update.call.context.info.name,
        )
    }

    /// Where each version of the object has its replicas.
    fn replicas(&self, api_version: &str) -> BTreeMap<String, Option<FieldPath>> {
        let path = || Some(vec![PathElement::field("spec"), PathElement::field("replicas")]);
        let older = OLDER_VERSIONS.iter().filter(|_| api_version.starts_with("apps/"));
        older
            .copied()
            .chain([api_version])
            .map(|version| (version.to_owned(), path()))
            .collect()
    }
}

fn malformed(error: impl std::fmt::Display) -> StatusError {
    StatusError::internal_error(error)
}

fn managers(object: &dyn AnyObject) -> Result<Value, StatusError> {
    serde_json::to_value(&object.metadata().managed_fields).map_err(malformed)
}

fn set_managers(object: &mut dyn AnyObject, entries: Option<Value>) {
    let from = json!({"metadata": {"managedFields": entries.unwrap_or_default()}});
    super::field_management::set_managed_fields_of(object, from);
}

/// Every fault of a scale.
fn validate(scale: &Scale, name: &str) -> Result<(), StatusError> {
    if scale.spec.replicas >= 0 {
        return Ok(());
    }
    let spec = Path::new("spec");
    let mut errors = ErrorList::default();
    errors.push(FieldError::invalid(
        &spec.child("replicas"),
        scale.spec.replicas,
        "must be greater than or equal to 0",
    ));
    Err(StatusError::invalid(
        GroupResource::new("autoscaling", "Scale"),
        name,
        &errors,
    ))
}

#[async_trait]
impl UpdateSource for Rescaled<'_> {
    fn preconditions(&self) -> Preconditions {
        self.source.preconditions()
    }

    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let existing = existing.ok_or_else(|| self.not_found())?;
        let mut parent = existing.object.clone_boxed();
        let info = &self.update.call.context.info;
        let api_version = match info.api_group.as_str() {
            "" => info.api_version.clone(),
            group => format!("{group}/{}", info.api_version),
        };
        let replicas = self.replicas(&api_version);
        let entries = managers(parent.as_ref())?;
        let handler = ScaleHandler::new(&entries, &api_version, &replicas);
        let mut old: ObjectBox = Box::new((self.mapping.to_scale)(parent.as_ref()));
        set_managers(old.as_mut(), handler.to_subresource().map_err(malformed)?);
        let view = self.source.view(old.as_mut());
        let old = Existing {
            stored: existing.stored.clone(),
            object: old,
            view: Mutex::new(view),
        };
        let new = self.source.updated(Some(&old)).await?;
        let name = &existing.object.metadata().name;
        let scale: &Scale = new.downcast_ref().expect("the codec of scales makes scales");
        validate(scale, name)?;
        let uid = &existing.object.metadata().uid;
        if !scale.metadata.uid.is_empty() && scale.metadata.uid != *uid {
            let message = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {uid}",
                scale.metadata.uid
            );
            let resource = self.resource();
            let group = &self.update.endpoint.resource.group;
            return Err(StatusError::conflict(
                GroupResource::new(group, &resource),
                name,
                &message,
            ));
        }
        (self.mapping.set_replicas)(parent.as_mut(), scale.spec.replicas);
        parent
            .metadata_mut()
            .resource_version
            .clone_from(&scale.metadata.resource_version);
        let entries = managers(new.as_ref())?;
        set_managers(parent.as_mut(), handler.to_parent(&entries).map_err(malformed)?);
        Ok(parent)
    }
}

/// Validating admission judges scales, not their objects.
#[async_trait]
impl ValidateUpdate for Rescaled<'_> {
    async fn validate(&self, new: &dyn AnyObject, old: &dyn AnyObject) -> Result<(), StatusError> {
        let (new, old) = ((self.mapping.to_scale)(new), (self.mapping.to_scale)(old));
        ValidateUpdate::validate(self.update, &new, &old).await
    }
}
