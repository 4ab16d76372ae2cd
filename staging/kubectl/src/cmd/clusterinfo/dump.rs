//! `kubectl cluster-info dump`: objects and logs, for whoever has to find out what is wrong.

use std::fs;
use std::path::Path;

use async_trait::async_trait;
use client_go::rest::Client;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use http::Method;
use serde_json::{Value, json};

use cli_runtime::resource::{list, text_at};
use cli_runtime::{PrintFlags, Result, message};

use crate::frame::{Arguments, Command, Context, Run};

/// The command.
pub(super) static DUMP: Command = Command {
    name: "dump",
    usage: "[flags]",
    short: "Dump relevant information for debugging and diagnosis",
    long: "Dump cluster information out suitable for debugging and diagnosing cluster problems.\n\n Everything goes to standard output, or with --output-directory into a folder with a file for each kind of object. Without --namespaces or --all-namespaces only the current namespace and kube-system are dumped. The logs of all their pods are part of it.",
    examples: "# The state of the cluster to standard output
kubectl cluster-info dump

# The same into a folder
kubectl cluster-info dump --output-directory=/path/to/cluster-state

# Every namespace
kubectl cluster-info dump --all-namespaces

# Some namespaces into a folder
kubectl cluster-info dump --namespaces default,kube-system --output-directory=/path/to/cluster-state",
    options: Some(|| Box::new(Dump::default())),
    ..Command::EMPTY
};

/// The objects of a namespace, and the file they go to.
const KINDS: [(&str, &str); 7] = [
    ("events", "events"),
    ("replicationcontrollers", "replication-controllers"),
    ("services", "services"),
    ("daemonsets.apps", "daemonsets"),
    ("deployments.apps", "deployments"),
    ("replicasets.apps", "replicasets"),
    ("pods", "pods"),
];

struct Dump {
    print: PrintFlags,
    output_directory: String,
    namespaces: Vec<String>,
    all_namespaces: bool,
    pod_running_timeout: GoDuration,
}

impl Default for Dump {
    fn default() -> Self {
        let mut print = PrintFlags::new("");
        "json".clone_into(&mut print.output);
        Self {
            print,
            output_directory: String::new(),
            namespaces: Vec::new(),
            all_namespaces: false,
            pod_running_timeout: GoDuration::from(std::time::Duration::from_secs(20)),
        }
    }
}

impl Flags for Dump {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        flags.add("output-directory", &mut self.output_directory, "Where to output the files.  If empty or '-' uses stdout, otherwise creates a directory hierarchy in that directory");
        flags.add(
            "namespaces",
            &mut self.namespaces,
            "A comma separated list of namespaces to dump.",
        );
        flags
            .add(
                "all-namespaces",
                &mut self.all_namespaces,
                "If true, dump all namespaces.  If true, --namespaces is ignored.",
            )
            .shorthand('A');
        flags.add(
            "pod-running-timeout",
            &mut self.pod_running_timeout,
            "The length of time (like 5s, 2m, or 3h, higher than zero) to wait until at least one pod is running",
        );
    }
}

impl Dump {
    fn write(&self, context: &Context, name: &str, extension: &str, content: &[u8]) -> Result<()> {
        if matches!(self.output_directory.as_str(), "" | "-") {
            return Ok(context.streams.out.print(content)?);
        }
        let path = Path::new(&self.output_directory).join(format!("{name}{extension}"));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, content)?)
    }

    /// Lists objects, writes them as one list, and gives them back.
    async fn objects(&self, context: &Context, resource: &str, namespace: &str, file: &str) -> Result<Vec<Value>> {
        let client = context.factory.client()?;
        let mapping = context.factory.resource(resource).await?;
        let mut items = Vec::new();
        let mut version = String::new();
        for mut page in list(&client, &mapping, namespace, "", "").await? {
            text_at(&page, &["metadata", "resourceVersion"]).clone_into(&mut version);
            if let Some(found) = page.get_mut("items").and_then(Value::as_array_mut) {
                items.append(found);
            }
        }
        let object = json!({
            "apiVersion": mapping.group_version_resource().group_version(),
            "kind": format!("{}List", mapping.kind),
            "metadata": {"resourceVersion": version},
            "items": items,
        });
        let mut text = Vec::new();
        self.print.to_printer()?.print(&object, &mut text)?;
        let extension = match self.print.output.as_str() {
            "json" => ".json",
            "yaml" => ".yaml",
            _ => ".txt",
        };
        self.write(context, file, extension, &text)?;
        Ok(items)
    }

    async fn logs(&self, context: &Context, namespace: &str, pod: &Value) -> Result<()> {
        let client = context.factory.client()?;
        let name = text_at(pod, &["metadata", "name"]);
        let mut text = Vec::new();
        for member in ["initContainers", "containers"] {
            for container in pod["spec"][member].as_array().into_iter().flatten() {
                let container = text_at(container, &["name"]);
                let place = format!("logs for container {container} of pod {namespace}/{name} ====\n");
                text.extend_from_slice(format!("==== START {place}").as_bytes());
                match container_logs(&client, namespace, name, container).await {
                    Ok(log) => text.extend(log),
                    Err(error) => text.extend_from_slice(format!("Request log error: {error}\n").as_bytes()),
                }
                text.extend_from_slice(format!("==== END {place}").as_bytes());
            }
        }
        self.write(context, &format!("{namespace}/{name}/logs"), ".txt", &text)
    }
}

async fn container_logs(client: &Client, namespace: &str, pod: &str, container: &str) -> Result<Vec<u8>> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log");
    let request = client
        .request(Method::GET, path)
        .query("container", container)
        .accept("*/*");
    Ok(request.send().await?.body.to_vec())
}

#[async_trait(?Send)]
impl Run for Dump {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        self.print.to_printer()?;
        if self.pod_running_timeout <= GoDuration::ZERO {
            return Err(message!("--pod-running-timeout must be higher than zero"));
        }
        self.objects(context, "nodes", "", "nodes").await?;
        let mut namespaces = self.namespaces.clone();
        if self.all_namespaces {
            let client = context.factory.client()?;
            let mapping = context.factory.resource("namespaces").await?;
            let pages = list(&client, &mapping, "", "", "").await?;
            let items = pages
                .iter()
                .flat_map(|page| page["items"].as_array().into_iter().flatten());
            namespaces = items
                .map(|item| text_at(item, &["metadata", "name"]).to_owned())
                .collect();
        } else if namespaces.is_empty() {
            namespaces = vec!["kube-system".to_owned(), context.factory.namespace()?.0];
        }
        for namespace in &namespaces {
            let mut objects = Vec::new();
            for (resource, file) in KINDS {
                // The last ones are the pods.
                objects = self
                    .objects(context, resource, namespace, &format!("{namespace}/{file}"))
                    .await?;
            }
            for pod in &objects {
                self.logs(context, namespace, pod).await?;
            }
        }
        if !matches!(self.output_directory.as_str(), "" | "-") {
            context
                .streams
                .out
                .print(format!("Cluster info dumped to {}\n", self.output_directory))?;
        }
        Ok(())
    }
}
