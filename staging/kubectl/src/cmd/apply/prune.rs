//! `--prune`: deletes what was applied once and is not in the files any more.

use std::sync::Arc;

use kubectl_objects::last_applied;

use cli_runtime::resource::{list, text_at};
use cli_runtime::{RestMapping, Result, message};

use super::{ApplyOptions, Visited};
use crate::frame::Context;

/// What is pruned unless `--prune-allowlist` says otherwise: those with a namespace, then those without.
const ALLOWLIST: [(&str, &str); 16] = [
    ("v1", "ConfigMap"),
    ("v1", "Endpoints"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Pod"),
    ("v1", "ReplicationController"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolume"),
];

/// The resources of the allowlist.
///
/// # Errors
/// An entry is not `group/version/kind`, or not served.
pub(super) async fn parse(context: &Context, texts: &[String]) -> Result<Vec<Arc<RestMapping>>> {
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        let parts: Vec<&str> = text.split('/').collect();
        let [group, version, kind] = parts[..] else {
            return Err(message!(
                "invalid GroupVersionKind format: {text}, please follow <group/version/kind>"
            ));
        };
        let api_version = match group {
            "core" | "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        found.push(context.factory.mapping(&api_version, kind).await?);
    }
    Ok(found)
}

async fn default_resources(context: &Context) -> Result<Vec<Arc<RestMapping>>> {
    let mut found = Vec::with_capacity(ALLOWLIST.len());
    for (api_version, kind) in ALLOWLIST {
        let mapping = context.factory.mapping(api_version, kind).await;
        found.push(mapping.map_err(|error| {
            message!("error retrieving RESTMappings to prune: invalid resource {api_version}, Kind={kind}: {error}")
        })?);
    }
    Ok(found)
}

/// Deletes what is not in the files any more.
///
/// # Errors
/// The server refuses.
pub(super) async fn prune_all(
    options: &ApplyOptions,
    context: &Context,
    resources: &[Arc<RestMapping>],
    visited: &Visited,
) -> Result<()> {
    let resources = if resources.is_empty() {
        default_resources(context).await?
    } else {
        resources.to_vec()
    };
    let (namespaced, others): (Vec<_>, Vec<_>) = resources.into_iter().partition(|resource| resource.namespaced);
    for namespace in &visited.namespaces {
        for resource in &namespaced {
            prune(options, context, resource, namespace, visited)
                .await
                .map_err(|error| message!("error pruning namespaced object {}: {error}", kind_of(resource)))?;
        }
    }
    for resource in &others {
        prune(options, context, resource, "", visited)
            .await
            .map_err(|error| message!("error pruning nonNamespaced object {}: {error}", kind_of(resource)))?;
    }
    Ok(())
}

fn kind_of(resource: &RestMapping) -> String {
    format!("{}/{}, Kind={}", resource.group, resource.version, resource.kind)
}

async fn prune(
    options: &ApplyOptions,
    context: &Context,
    resource: &RestMapping,
    namespace: &str,
    visited: &Visited,
) -> Result<()> {
    let client = context.factory.client()?;
    let pages = list(&client, resource, namespace, &options.selector, "").await?;
    let api = context.factory.dynamic(resource, namespace)?;
    for object in pages.iter().filter_map(|page| page["items"].as_array()).flatten() {
        // Nobody applied it, or it was applied just now.
        if last_applied::original(object).is_none() || visited.uids.contains(text_at(object, &["metadata", "uid"])) {
            continue;
        }
        if !options.writing.dry_run.is_client() {
            let name = text_at(object, &["metadata", "name"]);
            api.delete(name, &options.deletion().options()).await?;
        }
        options.writing.print_as(context, "pruned", object)?;
    }
    Ok(())
}
