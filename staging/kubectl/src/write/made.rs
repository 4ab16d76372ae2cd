//! Objects of built-in kinds that a command makes up: sent without asking the server what it serves.

use client_go::Api;
use client_go::api::{DynamicObject, GroupVersionResource, Resource, WriteOptions};
use k8s_api::scheme::{self, ResourceInfo};
use kubectl_objects::json::{group_version, object_at};
use kubectl_objects::{last_applied, typed};
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};

use super::{Writing, refused};
use crate::frame::Context;

/// What serves the kind of an object.
///
/// # Errors
/// It is no built-in kind.
pub(super) fn resource_of(object: &Value) -> Result<&'static ResourceInfo> {
    let (group, version) = group_version(object);
    let kind = text_at(object, &["kind"]);
    scheme::resource_of_kind(group, version, kind).ok_or_else(|| {
        message!(
            "no kind {kind:?} is registered for version {:?} in scheme \"k8s.io/kubectl/pkg/scheme/scheme.go:28\"",
            text_at(object, &["apiVersion"])
        )
    })
}

/// Puts an object that a command made into the namespace of the command line, if one was named there.
///
/// # Errors
/// The configuration cannot be read.
pub(crate) fn place(context: &Context, object: &mut Value) -> Result<()> {
    let (namespace, enforced) = context.factory.namespace()?;
    if enforced && resource_of(object)?.namespaced {
        object_at(object, &["metadata"]).insert("namespace".to_owned(), namespace.into());
    }
    Ok(())
}

/// Creates what a command made, unless it only pretends; gives the object to print.
///
/// # Errors
/// The server refuses.
pub(crate) async fn create(
    context: &Context,
    mut object: Value,
    save_config: bool,
    writing: &Writing,
    options: &WriteOptions,
) -> Result<Value> {
    object = typed::typed(&object).map_err(refused)?;
    last_applied::create_or_update(save_config, true, &mut object);
    if writing.dry_run.is_client() {
        return Ok(object);
    }
    let resource = resource_of(&object)?;
    let namespace = match resource.namespaced {
        true => Some(context.factory.namespace()?.0),
        false => None,
    };
    let names = GroupVersionResource::new(resource.group, resource.version, resource.plural);
    let api: Api<DynamicObject> = Api::new(Resource::new(context.factory.client()?, names, namespace));
    let created = api.create_with(&DynamicObject(object), options).await?;
    typed::typed(&created.0).map_err(refused)
}
