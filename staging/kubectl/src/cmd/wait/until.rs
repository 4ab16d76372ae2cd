//! Looking at one object until it is as it is waited for: a list, and a watch from there (upstream: `UntilWithSync`).

use serde_json::Value;
use tokio::time::{Duration, Instant, timeout_at};

use apimachinery::status::{GroupResource, StatusError};
use cli_runtime::resource::watch::{Event, WatchRequest, watch};
use cli_runtime::resource::{list, text_at};
use cli_runtime::{CommandError, Info, Result, message};

use crate::frame::Context;
use crate::write;

/// What a look at the object came to.
pub(crate) enum Look {
    /// It is as it was waited for; this is what it is.
    Done(Value),
    /// Not yet.
    Wait,
}

fn timed_out(info: &Info) -> CommandError {
    let resource = info.mapping.as_ref().map_or("", |mapping| mapping.name.as_str());
    message!("timed out waiting for the condition on {resource}/{}", info.name)
}

fn not_met(info: &Info) -> CommandError {
    message!("condition not met for {}", info.object_name())
}

/// Until the object is gone, or another one has taken its name (`uid` is that of the old one; empty for whatever is
/// there). Gives the last state that was seen.
///
/// # Errors
/// The time is over, or the server cannot be asked.
pub(crate) async fn deleted(
    context: &Context,
    info: &Info,
    uid: &str,
    timeout: Duration,
    deadline: Instant,
) -> Result<Value> {
    let current = match write::get(context, info).await {
        Err(error) if error.is_not_found() => return Ok(info.object().clone()),
        outcome => outcome?,
    };
    let is_other = |object: &Value| !uid.is_empty() && text_at(object, &["metadata", "uid"]) != uid;
    if is_other(&current) {
        return Ok(current);
    }
    if timeout.is_zero() {
        return Err(not_met(info));
    }
    let looking = observe(
        context,
        info,
        |objects| match objects.iter().find(|object| !is_other(object)) {
            Some(_) => Ok(Look::Wait),
            None => Ok(Look::Done(current.clone())),
        },
        |event| match event.kind.as_str() {
            "DELETED" => Ok(Look::Done(current.clone())),
            "ERROR" => {
                report(context, "the object to be deleted", &event.object)?;
                Ok(Look::Wait)
            }
            _ => Ok(Look::Wait),
        },
    );
    timeout_at(deadline, looking)
        .await
        .unwrap_or_else(|_| Err(timed_out(info)))
}

/// Until the object meets a condition; gives it as it was then.
///
/// # Errors
/// The time is over, there is no such object, or the condition cannot be told.
pub(crate) async fn met(
    context: &Context,
    info: &Info,
    timeout: Duration,
    deadline: Instant,
    is_met: impl Fn(&Value) -> Result<bool>,
) -> Result<Value> {
    if timeout.is_zero() {
        let object = write::get(context, info).await?;
        return if is_met(&object)? {
            Ok(object)
        } else {
            Err(not_met(info))
        };
    }
    let look = |object: &Value| {
        Ok(if is_met(object)? {
            Look::Done(object.clone())
        } else {
            Look::Wait
        })
    };
    let looking = observe(
        context,
        info,
        |objects| match objects.first() {
            Some(object) => look(object),
            None => {
                let names = info.mapping()?.group_version_resource();
                Err(StatusError::not_found(
                    GroupResource {
                        group: &names.group,
                        resource: &names.resource,
                    },
                    &info.name,
                )
                .into())
            }
        },
        |event| match event.kind.as_str() {
            "DELETED" => Ok(Look::Wait),
            "ERROR" => {
                report(context, "the condition to be satisfied", &event.object)?;
                Ok(Look::Wait)
            }
            _ => look(&event.object),
        },
    );
    timeout_at(deadline, looking)
        .await
        .unwrap_or_else(|_| Err(timed_out(info)))
}

fn report(context: &Context, what: &str, status: &Value) -> Result<()> {
    let text = text_at(status, &["message"]);
    Ok(context
        .streams
        .err
        .print(format!("error: An error occurred while waiting for {what}: {text}"))?)
}

/// Looks at every state of the object, the one it has to begin with (none if there is no such object) and each new one.
///
/// # Errors
/// A look failed, or the server cannot be asked.
pub(crate) async fn observe(
    context: &Context,
    info: &Info,
    mut listed: impl FnMut(&[Value]) -> Result<Look>,
    mut happened: impl FnMut(&Event) -> Result<Look>,
) -> Result<Value> {
    let (client, mapping) = (context.factory.client()?, info.mapping()?);
    let fields = format!("metadata.name={}", info.name);
    loop {
        let pages = list(&client, mapping, &info.namespace, "", &fields).await?;
        let objects: Vec<Value> = pages
            .iter()
            .filter_map(|page| page["items"].as_array())
            .flatten()
            .cloned()
            .collect();
        if let Look::Done(object) = listed(&objects)? {
            return Ok(object);
        }
        let version = pages
            .last()
            .map_or("", |page| text_at(page, &["metadata", "resourceVersion"]));
        let request = WatchRequest {
            namespace: &info.namespace,
            resource_version: version,
            fields: &fields,
            ..WatchRequest::default()
        };
        let mut events = watch(&client, mapping, &request).await?;
        // A watch ends now and then; the next list says what was missed.
        while let Some(Ok(event)) = events.next().await {
            if let Look::Done(object) = happened(&event)? {
                return Ok(object);
            }
            if event.kind == "ERROR" {
                break;
            }
        }
    }
}
