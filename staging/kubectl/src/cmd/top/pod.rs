//! `kubectl top pod`.

use std::io::Write as _;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use jiff::Timestamp;
use serde_json::Value;

use apimachinery::selectors::{FieldSelector, Selector};
use cli_runtime::gotext::TabWriter;
use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};
use client_go::rest::Client;

use super::print::{Layout, PodColumns, pods};
use super::usage::User;
use super::{Wanted, fetch_metrics, fetch_objects, only_name, require_metrics, sort_by};
use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "pod",
    aliases: &["pods", "po"],
    usage: "[NAME | -l label]",
    short: "Display resource (CPU/memory) usage of pods",
    long: "Display resource (CPU/memory) usage of pods.\n\n The metrics of a pod come a few minutes after the pod.",
    examples: "# What the pods of the current namespace use
kubectl top pod

# Those of another namespace
kubectl top pod --namespace=NAMESPACE

# One pod, container by container
kubectl top pod POD_NAME --containers

# The pods with a label
kubectl top pod -l name=myLabel",
    options: Some(|| Box::new(TopPodOptions::default())),
    completion: Completion::OneName("pod"),
    ..Command::EMPTY
};

/// How long a pod may be without metrics before that is a mistake.
const METRICS_DELAY: GoDuration = GoDuration::from_mins(2);

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct TopPodOptions {
    selector: String,
    field_selector: String,
    sort_by: String,
    all_namespaces: bool,
    containers: bool,
    no_headers: bool,
    use_protocol_buffers: bool,
    sum: bool,
    show_swap: bool,
}

impl Default for TopPodOptions {
    fn default() -> Self {
        Self {
            selector: String::new(),
            field_selector: String::new(),
            sort_by: String::new(),
            all_namespaces: false,
            containers: false,
            no_headers: false,
            use_protocol_buffers: true,
            sum: false,
            show_swap: false,
        }
    }
}

impl Flags for TopPodOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        shared::add_selector_flag(flags, &mut self.selector);
        shared::add_field_selector_flag(flags, &mut self.field_selector);
        flags.add(
            "sort-by",
            &mut self.sort_by,
            "If non-empty, sort pods list using specified field. The field can be either 'cpu' or 'memory'.",
        );
        flags.add(
            "containers",
            &mut self.containers,
            "If present, print usage of containers within a pod.",
        );
        flags.add("all-namespaces", &mut self.all_namespaces, "If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.").shorthand('A');
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "If present, print output without headers.",
        );
        // Taken and not heeded: JSON says the same, and every metrics server speaks it.
        flags.add(
            "use-protocol-buffers",
            &mut self.use_protocol_buffers,
            "Enables using protocol-buffers to access Metrics API.",
        );
        flags.add("sum", &mut self.sum, "Print the sum of the resource usage");
        flags.add(
            "show-swap",
            &mut self.show_swap,
            "Print pod resources related to swap memory.",
        );
    }
}

#[async_trait(?Send)]
impl Run for TopPodOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let name = only_name(context, arguments, "pod [NAME | -l label]")?;
        let (own, _) = context.factory.namespace()?;
        let layout = Layout {
            no_headers: self.no_headers,
            show_swap: self.show_swap,
            sort_by: sort_by(&self.sort_by)?,
        };
        let selects = !self.selector.is_empty() || !self.field_selector.is_empty();
        if selects && !name.is_empty() {
            return Err(message!("only one of NAME or selector can be provided"));
        }
        let labels: Selector = self.selector.parse().map_err(|error| message!("{error}"))?;
        let fields: FieldSelector = self.field_selector.parse().map_err(|error| message!("{error}"))?;
        let (labels, fields) = (labels.to_string(), fields.to_string());
        let client = context.factory.client()?;
        require_metrics(&client).await?;
        // Pods without metrics are looked for in the own namespace, even if metrics are not.
        let own = Wanted {
            namespace: &own,
            name,
            labels: &labels,
            fields: &fields,
        };
        let wanted = Wanted {
            namespace: if self.all_namespaces { "" } else { own.namespace },
            ..own
        };
        let metrics = fetch_metrics(&client, "pods", &wanted).await?;
        if metrics.is_empty() {
            require_no_pods(&client, &own).await?;
            if self.all_namespaces {
                writeln!(&context.streams.err, "No resources found")?;
            } else {
                writeln!(
                    &context.streams.err,
                    "No resources found in {} namespace.",
                    own.namespace
                )?;
            }
            return Ok(());
        }
        let users = metrics
            .iter()
            .map(|metrics| User::of_pod(metrics, self.all_namespaces))
            .collect::<Result<Vec<_>>>()?;
        let shown = PodColumns {
            namespace: self.all_namespaces,
            containers: self.containers,
            sum: self.sum,
        };
        let mut table = TabWriter::table();
        table.write_all(pods(users, shown, layout).as_bytes())?;
        Ok(table.flush_to(&mut &context.streams.out)?)
    }
}

/// Fails if there are pods that should have metrics, or will have them.
async fn require_no_pods(client: &Client, wanted: &Wanted<'_>) -> Result<()> {
    let pods = fetch_objects(client, "pods", wanted).await?;
    for pod in &pods {
        check_age(pod, Timestamp::now())?;
    }
    if pods.is_empty() {
        return Ok(());
    }
    Err(message!("metrics not available yet"))
}

fn check_age(pod: &Value, now: Timestamp) -> Result<()> {
    let created: Timestamp = text_at(pod, &["metadata", "creationTimestamp"])
        .parse()
        .map_err(|error| message!("{error}"))?;
    let age = i64::try_from(now.duration_since(created).as_nanos()).unwrap_or(i64::MAX);
    let age = GoDuration::from_nanos(age);
    if age > METRICS_DELAY {
        return Err(message!(
            "Metrics not available for pod {}/{}, age: {age}",
            text_at(pod, &["metadata", "namespace"]),
            text_at(pod, &["metadata", "name"])
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_new_pods_may_lack_metrics() {
        let now: Timestamp = "2024-01-01T00:10:00Z".parse().expect("a time");
        for (created, expected) in [
            ("2024-01-01T00:08:00Z", Ok(())),
            (
                "2024-01-01T00:07:59Z",
                Err("Metrics not available for pod ns/web, age: 2m1s"),
            ),
        ] {
            let pod = json!({"metadata": {"namespace": "ns", "name": "web", "creationTimestamp": created}});
            let found = check_age(&pod, now).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{created}");
        }
    }
}
