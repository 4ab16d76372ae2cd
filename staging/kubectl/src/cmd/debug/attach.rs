//! Waiting for the container, and the session in it; the log of one that has ended already.

use client_go::Api;
use client_go::api::LogOptions;
use futures::StreamExt as _;
use k8s_api::core::v1::Pod;
use serde_json::Value;
use std::cell::RefCell;
use std::io::Write as _;

use apimachinery::status::{GroupResource, StatusError};
use cli_runtime::resource::text_at;
use cli_runtime::{Info, Result};

use super::Plan;
use crate::cmd::attach::attach_to;
use crate::cmd::wait::until::{Look, observe};
use crate::frame::Context;
use crate::pods::SessionFlags;

/// The status of a container.
fn status<'p>(pod: &'p Value, container: &str) -> Option<&'p Value> {
    [
        "initContainerStatuses",
        "containerStatuses",
        "ephemeralContainerStatuses",
    ]
    .iter()
    .filter_map(|member| pod["status"][*member].as_array())
    .flatten()
    .find(|status| text_at(status, &["name"]) == container)
}

/// Waits until the container runs or has ended; gives the pod as it is then.
async fn started(context: &Context, pod: &Value, container: &str, quiet: bool) -> Result<Value> {
    let mut info = Info::of(pod.clone());
    info.mapping = Some(context.factory.resource("pods").await?);
    let said = RefCell::new(String::new());
    let look = |pod: &Value| {
        let Some(status) = status(pod, container) else {
            return Ok(Look::Wait);
        };
        let state = &status["state"];
        if state["running"].is_object() || state["terminated"].is_object() {
            return Ok(Look::Done(pod.clone()));
        }
        let why = text_at(state, &["waiting", "message"]);
        if !quiet && !why.is_empty() && *said.borrow() != why {
            why.clone_into(&mut said.borrow_mut());
            context
                .streams
                .err
                .print(format!("Warning: container {container}: {why}\n"))?;
        }
        Ok(Look::Wait)
    };
    observe(
        context,
        &info,
        |pods| pods.first().map_or(Ok(Look::Wait), look),
        |event| match event.kind.as_str() {
            "DELETED" => {
                let pods = GroupResource {
                    group: "",
                    resource: "pods",
                };
                Err(StatusError::not_found(pods, "").into())
            }
            "ERROR" => Ok(Look::Wait),
            _ => look(&event.object),
        },
    )
    .await
}

/// Attaches to the container, or writes its log.
pub(super) async fn attach(context: &Context, pod: &Value, container: &str, plan: &Plan) -> Result<()> {
    let pod = started(context, pod, container, plan.quiet).await?;
    let ended = status(&pod, container).is_some_and(|status| status["state"]["terminated"].is_object());
    if ended {
        return log(context, &pod, container).await;
    }
    let session = SessionFlags {
        container: container.to_owned(),
        stdin: plan.debugger.stdin,
        tty: plan.debugger.tty,
        quiet: plan.quiet,
        ..SessionFlags::default()
    };
    let Err(error) = attach_to(context, &pod, &session, "kubectl attach").await else {
        return Ok(());
    };
    let name = text_at(&pod, &["metadata", "name"]);
    context.streams.err.print(format!(
        "warning: couldn't attach to pod/{name}, falling back to streaming logs: {error}\n"
    ))?;
    log(context, &pod, container).await
}

async fn log(context: &Context, pod: &Value, container: &str) -> Result<()> {
    let namespace = text_at(pod, &["metadata", "namespace"]);
    let api: Api<Pod> = context.factory.client()?.namespaced(namespace);
    let options = LogOptions {
        container: container.to_owned(),
        ..LogOptions::default()
    };
    let mut stream = api.logs(text_at(pod, &["metadata", "name"]), &options).await?;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(client_go::Error::Body)?;
        (&context.streams.out).write_all(&chunk)?;
    }
    Ok(())
}
