//! `run --attach`: the wait for the pod, its streams or its log, its end, and its removal.

use std::time::Duration;

use component_base::GoDuration;
use http::Method;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{Instant, timeout};

use cli_runtime::resource::{Found, text_at};
use cli_runtime::{CommandError, Info, Result, message};

use super::place_of;
use crate::cmd::attach::attach_to;
use crate::cmd::delete::{Deletion, DeletionFlags};
use crate::cmd::wait::until;
use crate::flags::DryRun;
use crate::frame::Context;
use crate::pods::{SessionFlags, containers};

/// How long to wait for what was written before the streams were there.
const EARLY_LOG: Duration = Duration::from_secs(5);

/// A session with the pod that was created.
pub(super) struct Session {
    pub(super) stdin: bool,
    pub(super) tty: bool,
    pub(super) quiet: bool,
    /// How long to wait for the pod to run, and for it to end.
    pub(super) timeout: GoDuration,
    /// Whether the process's exit code is wanted.
    pub(super) exit_code: bool,
}

fn phase(pod: &Value) -> &str {
    text_at(pod, &["status", "phase"])
}

fn has_ended(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    phase(pod) == "Running"
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

impl Session {
    /// Attaches, and waits for the end if that tells an exit code.
    ///
    /// # Errors
    /// The pod does not run or end in time; the process failed.
    pub(super) async fn run(&self, context: &Context, pod: &Value, restart_policy: &str) -> Result<()> {
        let mut info = Info::of(pod.clone());
        info.mapping = Some(context.factory.mapping("v1", "Pod").await?);
        let pod = self.wait(context, &info, |pod| has_ended(pod) || is_ready(pod)).await?;
        self.attach(context, &pod).await?;
        let pod = match restart_policy {
            "Never" if self.exit_code => self.wait(context, &info, has_ended).await?,
            "OnFailure" if self.exit_code => self.wait(context, &info, |pod| phase(pod) == "Succeeded").await?,
            _ => return Ok(()),
        };
        outcome(&pod)
    }

    async fn wait(&self, context: &Context, info: &Info, is_met: impl Fn(&Value) -> bool) -> Result<Value> {
        let limit = self.timeout.to_std();
        let looking = until::met(context, info, limit, Instant::now() + limit, |pod| Ok(is_met(pod)));
        looking.await.map_err(|error| match error {
            CommandError::Message(text) if text.starts_with("timed out waiting for the condition") => {
                message!("timed out waiting for the condition")
            }
            other => other,
        })
    }

    /// The streams; where they cannot be had, the log.
    async fn attach(&self, context: &Context, pod: &Value) -> Result<()> {
        if has_ended(pod) {
            return self.log(context, pod).await;
        }
        let err = &context.streams.err;
        if self.container(context, pod).is_ok() {
            let log = timeout(EARLY_LOG, self.log(context, pod));
            let failure = match log.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("context deadline exceeded".to_owned()),
            };
            if let Some(error) = failure {
                err.print(format!("warning: couldn't fetch pre-attach logs: {error}\n"))?;
            }
        }
        let session = SessionFlags {
            stdin: self.stdin,
            tty: self.tty,
            quiet: self.quiet,
            ..SessionFlags::default()
        };
        let command = format!("{} attach", context.root().name);
        let Err(error) = attach_to(context, pod, &session, &command).await else {
            return Ok(());
        };
        let (_, name) = place_of(pod);
        err.print(format!(
            "warning: couldn't attach to pod/{name}, falling back to streaming logs: {error}\n"
        ))?;
        self.log(context, pod).await
    }

    fn container<'p>(&self, context: &Context, pod: &'p Value) -> Result<&'p str> {
        let container = containers::find_or_default(pod, "", self.quiet, &context.streams)?;
        Ok(text_at(container, &["name"]))
    }

    async fn log(&self, context: &Context, pod: &Value) -> Result<()> {
        let (namespace, name) = place_of(pod);
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/log");
        let request = context.factory.client()?.request(Method::GET, path);
        let request = request.query("container", self.container(context, pod)?).accept("*/*");
        let mut reader = BufReader::new(request.timeout(None).stream().await?.into_reader());
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).await? > 0 {
            context.streams.out.print(&line)?;
            line.clear();
        }
        Ok(())
    }
}

/// What the end of a pod means for the command.
fn outcome(pod: &Value) -> Result<()> {
    let (namespace, name) = place_of(pod);
    match phase(pod) {
        "Succeeded" => Ok(()),
        "Failed" => {
            let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
            let code = ended["exitCode"].as_i64().unwrap_or(0);
            match u8::try_from(code & 0xff) {
                Ok(status) if code != 0 => Err(CommandError::ExitWith {
                    message: format!(
                        "pod {namespace}/{name} terminated ({})\n{}",
                        text_at(ended, &["reason"]),
                        text_at(ended, &["message"])
                    ),
                    code: status,
                }),
                _ => Err(message!("pod {namespace}/{name} failed with unknown exit code")),
            }
        }
        phase => Err(message!("pod {namespace}/{name} left in phase {phase}")),
    }
}

/// Deletes what was created.
///
/// # Errors
/// The server refuses.
pub(super) async fn remove(
    context: &Context,
    flags: DeletionFlags,
    quiet: bool,
    objects: [Option<Value>; 2],
) -> Result<()> {
    let mut infos = Vec::new();
    for object in objects.into_iter().flatten() {
        let mapping = context.factory.mapping("v1", text_at(&object, &["kind"])).await?;
        let mut info = Info::of(object);
        info.mapping = Some(mapping);
        infos.push(info);
    }
    let deletion = Deletion {
        grace_period: -1,
        ignore_not_found: true,
        wait: false,
        quiet,
        ..flags.deletion(DryRun::None)
    };
    let found = Found {
        infos,
        ..Found::default()
    };
    deletion.run(context, found).await.map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_a_pod_is_that_of_the_command() {
        let pod = |phase: &str, state: Value| json!({"metadata": {"namespace": "n", "name": "p"}, "status": {"phase": phase, "containerStatuses": [{"state": state}]}});
        for (pod, code, expected) in [
            (pod("Succeeded", json!({})), 0, ""),
            (
                pod(
                    "Failed",
                    json!({"terminated": {"exitCode": 3, "reason": "Error", "message": "no"}}),
                ),
                3,
                "pod n/p terminated (Error)\nno\n",
            ),
            (
                pod("Failed", json!({"waiting": {}})),
                1,
                "error: pod n/p failed with unknown exit code\n",
            ),
            (pod("Running", json!({})), 1, "error: pod n/p left in phase Running\n"),
        ] {
            let found = outcome(&pod).err();
            assert_eq!(found.as_ref().map_or(0, CommandError::exit_code), code);
            assert_eq!(found.map(|error| error.report()).unwrap_or_default(), expected);
        }
    }
}
