//! `kubectl drain`.

mod evict;
mod filters;

use std::time::Duration;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use serde_json::Value;

use apimachinery::selectors::Selector;
use cli_runtime::resource::{list_chunked, text_at};
use cli_runtime::{CommandError, Info, Result, message};

use crate::cmd::cordon::Nodes;
use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

use filters::{Rules, Verdict, by_text, daemon_set, verdict};

/// The command.
pub static COMMAND: Command = Command {
    name: "drain",
    usage: "NODE",
    short: "Drain node in preparation for maintenance",
    long: "Drain node in preparation for maintenance.\n\n The node is marked unschedulable, so that no new pods come. Its pods are evicted (see https://kubernetes.io/docs/concepts/workloads/pods/disruptions/), or deleted where the API server knows no evictions.\n\n Mirror pods stay: the API server cannot delete them. Pods of a daemon set stay as well, as the daemon set would replace them at once whatever the node is marked; while there are any, nothing is drained without --ignore-daemonsets. Pods that are neither mirror pods nor managed by a replication controller, replica set, daemon set, stateful set or job would not come back: nothing is drained without --force, which also lets pods go whose managing resource is missing.\n\n The command waits until the pods have ended in good order. Leave the machine alone until it completes.\n\n To put the node back into service, use kubectl uncordon.\n\n![Workflow](https://kubernetes.io/images/docs/kubectl_drain.svg)",
    examples: "# Even if there are pods that nobody would replace
kubectl drain foo --force

# Not if there are, and with 15 minutes for each pod to end
kubectl drain foo --grace-period=900",
    group: Group::ClusterManagement,
    options: Some(|| Box::new(DrainOptions::default())),
    completion: Completion::Names("nodes"),
    ..Command::EMPTY
};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct DrainOptions {
    nodes: Nodes,
    force: bool,
    ignore_daemon_sets: bool,
    delete_empty_dir_data: bool,
    grace_period: i32,
    timeout: GoDuration,
    pod_selector: String,
    disable_eviction: bool,
    skip_wait_for_delete_timeout: i32,
    chunk_size: i64,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self {
            nodes: Nodes::default(),
            force: false,
            ignore_daemon_sets: false,
            delete_empty_dir_data: false,
            grace_period: -1,
            timeout: GoDuration::from_secs(0),
            pod_selector: String::new(),
            disable_eviction: false,
            skip_wait_for_delete_timeout: 0,
            chunk_size: 500,
        }
    }
}

impl Flags for DrainOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "force",
            &mut self.force,
            "Continue even if there are pods that do not declare a controller.",
        );
        flags.add(
            "ignore-daemonsets",
            &mut self.ignore_daemon_sets,
            "Ignore DaemonSet-managed pods.",
        );
        flags.add("delete-emptydir-data", &mut self.delete_empty_dir_data, "Continue even if there are pods using emptyDir (local data that will be deleted when the node is drained).");
        flags.add("grace-period", &mut self.grace_period, "Period of time in seconds given to each pod to terminate gracefully. If negative, the default value specified in the pod will be used.");
        flags.add(
            "timeout",
            &mut self.timeout,
            "The length of time to wait before giving up, zero means infinite",
        );
        flags.add(
            "pod-selector",
            &mut self.pod_selector,
            "Label selector to filter pods on the node",
        );
        flags.add("disable-eviction", &mut self.disable_eviction, "Force drain to use delete, even if eviction is supported. This will bypass checking PodDisruptionBudgets, use with caution.");
        flags.add("skip-wait-for-delete-timeout", &mut self.skip_wait_for_delete_timeout, "If pod DeletionTimestamp older than N seconds, skip waiting for the pod.  Seconds must be greater than 0 to skip.");
        shared::add_chunk_size_flag(flags, &mut self.chunk_size);
        self.nodes.add_flags(flags);
    }
}

/// Why a node is not drained: one error, or several that are told together.
enum Failure {
    One(CommandError),
    Several(Vec<CommandError>),
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::One(error) => error.to_string(),
            Self::Several(errors) => CommandError::Many(errors.clone()).to_string(),
        }
    }
}

#[async_trait(?Send)]
impl Run for DrainOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.nodes.check(context, arguments)?;
        if Selector::parse(&self.pod_selector, &apimachinery::field::Path::NIL).is_err() {
            return Err(message!("--pod-selector=<pod_selector> must be a valid label selector"));
        }
        let infos = self.nodes.find(context, arguments, self.chunk_size).await?;
        self.nodes.mark(context, &infos, true).await?;
        let mut pending = Vec::new();
        for info in &infos {
            match self.drain(context, info).await {
                Ok(()) => self.nodes.print(context, "drained", info.object())?,
                Err(failure) => {
                    context.streams.err.print(format!(
                        "error: unable to drain node {:?} due to error: {}, continuing command...\n",
                        info.name,
                        failure.text()
                    ))?;
                    pending.push((info, failure));
                }
            }
        }
        if pending.is_empty() {
            return Ok(());
        }
        let names: String = pending.iter().map(|(info, _)| format!(" {}\n", info.name)).collect();
        context
            .streams
            .err
            .print(format!("There are pending nodes to be drained:\n{names}"))?;
        let mut failures: Vec<Failure> = pending.into_iter().map(|(_, failure)| failure).collect();
        Err(match (failures.len(), failures.pop()) {
            (1, Some(Failure::One(error))) => error,
            // Errors that were told together have no word before them, even if it is only one.
            (1, Some(Failure::Several(errors))) => {
                CommandError::Verbatim(lines(errors.iter().map(ToString::to_string)))
            }
            (_, last) => CommandError::Verbatim(lines(failures.iter().chain(&last).map(Failure::text))),
        })
    }
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.map(|text| format!("{text}\n")).collect()
}

impl DrainOptions {
    fn rules(&self) -> Rules {
        Rules {
            force: self.force,
            ignore_daemon_sets: self.ignore_daemon_sets,
            delete_empty_dir_data: self.delete_empty_dir_data,
            skip_terminating: self.skip_terminating(),
        }
    }

    fn skip_terminating(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.skip_wait_for_delete_timeout).unwrap_or(0))
    }

    async fn drain(&self, context: &Context, info: &Info) -> Result<(), Failure> {
        let (pods, errors) = self
            .pods(context, &info.name)
            .await
            .map_err(|error| Failure::Several(vec![error]))?;
        if !errors.is_empty() {
            return Err(Failure::Several(errors));
        }
        let warnings = by_text(pods.iter().filter_map(|(pod, verdict)| match verdict {
            Verdict::DeleteWarning(text) | Verdict::SkipWarning(text) => Some((text.as_str(), pod)),
            _ => None,
        }));
        let said = |outcome: std::io::Result<()>| outcome.map_err(|error| Failure::One(error.into()));
        if !warnings.is_empty() {
            said(context.streams.err.print(format!("Warning: {}\n", warnings.join("; "))))?;
        }
        let going: Vec<Value> = going(pods);
        if self.nodes.dry_run.is_client() {
            let line = |pod: &Value| format!("evicting pod {} (dry run)\n", evict::full_name(pod));
            return said(context.streams.out.print(going.iter().map(line).collect::<String>()));
        }
        let Err(failure) = self.delete_or_evict(context, &going).await else {
            return Ok(());
        };
        self.report_pending(context, &info.name, &failure)
            .await
            .map_err(Failure::One)?;
        Err(failure)
    }

    async fn report_pending(&self, context: &Context, node: &str, failure: &Failure) -> Result<()> {
        let (pods, errors) = match self.pods(context, node).await {
            Ok(found) => found,
            Err(error) => (Vec::new(), vec![error]),
        };
        let mut text = String::new();
        let going = going(pods);
        if !going.is_empty() {
            text = format!(
                "There are pending pods in node {node:?} when an error occurred: {}\n",
                failure.text()
            );
            for pod in &going {
                text.push_str(&format!("pod/{}\n", text_at(pod, &["metadata", "name"])));
            }
        }
        if !errors.is_empty() {
            text.push_str(&format!(
                "Following errors occurred while getting the list of pods to delete:\n{}",
                CommandError::Many(errors)
            ));
        }
        Ok(context.streams.err.print(text)?)
    }

    /// The node's pods and what becomes of them, and what keeps the node from being drained.
    async fn pods(&self, context: &Context, node: &str) -> Result<(Vec<(Value, Verdict)>, Vec<CommandError>)> {
        let client = context.factory.client()?;
        let mapping = context.factory.resource("pods").await?;
        let fields = format!("spec.nodeName={node}");
        let pages = list_chunked(&client, &mapping, "", &self.pod_selector, &fields, self.chunk_size).await?;
        let mut pods = Vec::new();
        for mut page in pages {
            let Value::Array(items) = page["items"].take() else {
                continue;
            };
            for pod in items {
                let asked = match daemon_set(&pod) {
                    Some(name) => Some(ask_for_daemon_set(context, &pod, name).await?),
                    None => None,
                };
                let verdict = verdict(&pod, self.rules(), asked);
                pods.push((pod, verdict));
            }
        }
        let refused = by_text(pods.iter().filter_map(|(pod, verdict)| match verdict {
            Verdict::Refuse(text) => Some((text.as_str(), pod)),
            _ => None,
        }));
        let errors = refused.iter().map(|text| message!("cannot delete {text}")).collect();
        Ok((pods, errors))
    }
}

fn going(pods: Vec<(Value, Verdict)>) -> Vec<Value> {
    let going = pods.into_iter().filter(|(_, verdict)| verdict.deletes());
    going.map(|(pod, _)| pod).collect()
}

/// Whether there is the daemon set; if not, why, and whether that is because it does not exist.
async fn ask_for_daemon_set(context: &Context, pod: &Value, name: &str) -> Result<Result<(), (String, bool)>> {
    let mapping = context.factory.mapping("apps/v1", "DaemonSet").await?;
    let namespace = text_at(pod, &["metadata", "namespace"]);
    let asked = context.factory.dynamic(&mapping, namespace)?.get(name).await;
    Ok(asked
        .map(drop)
        .map_err(|error| (error.to_string(), error.is_not_found())))
}
