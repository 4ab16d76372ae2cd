//! The revisions of an object, as the server has them.

use kubectl_objects::rollout::{Revision, Rollable, of_controller_revisions, of_replica_sets};
use serde_json::Value;

use cli_runtime::resource::{list, text_at};
use cli_runtime::{Result, message};

use crate::frame::Context;
use crate::pods::select::label_selector;
use crate::write::refused;

/// The revisions, oldest first.
///
/// # Errors
/// The server cannot be asked, or a revision does not fit the object.
pub(super) async fn revisions(context: &Context, kind: Rollable, object: &Value) -> Result<Vec<Revision>> {
    let name = text_at(object, &["metadata", "name"]);
    let (held_in, failed) = match kind {
        Rollable::Deployment => (
            "ReplicaSet",
            format!("failed to retrieve replica sets from deployment {name}"),
        ),
        _ => (
            "ControllerRevision",
            format!("unable to find history controlled by {} {name}", kind.kind()),
        ),
    };
    let holders = holders(context, object, held_in)
        .await
        .map_err(|error| message!("{failed}: {error}"))?;
    if kind != Rollable::Deployment {
        return of_controller_revisions(object, &holders).map_err(refused);
    }
    let (revisions, warnings) = of_replica_sets(object, &holders);
    for warning in warnings {
        context.streams.err.print(format!("Warning: {warning}\n"))?;
    }
    Ok(revisions)
}

/// The objects of a kind that the object's selector chooses.
async fn holders(context: &Context, object: &Value, kind: &str) -> Result<Vec<Value>> {
    let selector = label_selector(&object["spec"]["selector"])?;
    let mapping = context.factory.mapping("apps/v1", kind).await?;
    let namespace = text_at(object, &["metadata", "namespace"]);
    let pages = list(&context.factory.client()?, &mapping, namespace, &selector, "").await?;
    Ok(pages
        .into_iter()
        .flat_map(|mut page| match page["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        })
        .collect())
}
