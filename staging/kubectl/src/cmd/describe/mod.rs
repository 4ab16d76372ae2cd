//! `kubectl describe`.

use async_trait::async_trait;
use cli_runtime::resource::{self, Info};
use cli_runtime::{Builder, CommandError, Factory, FilenameOptions, RestMapping, Result, message};
use component_base::flags::{FlagSet, Flags};
use kubectl_describe::{Cluster, Named, Related, Subject};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;

use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "describe",
    usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
    short: "Show details of a specific resource or group of resources",
    long: "Show details of a specific resource or group of resources.\n\n A description gathers what is known of an object: its own fields, related objects such as events or controllers. You may name one object, or choose several by a label selector. If no object has the name given, all whose names begin with it are described.\n\nUse \"kubectl api-resources\" for a complete list of supported resources.",
    examples: "# One node
kubectl describe nodes worker-1

# One pod
kubectl describe pods/web

# The pod that a manifest names
kubectl describe -f pod.json

# All pods
kubectl describe pods

# The pods with a label
kubectl describe pods -l name=myLabel

# The pods whose names begin with 'frontend', such as those of a controller of that name
kubectl describe pods frontend",
    group: Group::Troubleshooting,
    suggest_for: &["inspect"],
    options: Some(|| Box::new(DescribeOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct DescribeOptions {
    files: FilenameOptions,
    selector: String,
    all_namespaces: bool,
    show_events: bool,
    chunk_size: i64,
}

impl Default for DescribeOptions {
    fn default() -> Self {
        Self {
            files: FilenameOptions::new("containing the resource to describe"),
            selector: String::new(),
            all_namespaces: false,
            show_events: true,
            chunk_size: 500,
        }
    }
}

impl Flags for DescribeOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.files.add_flags(flags);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add("all-namespaces", &mut self.all_namespaces, "If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.").shorthand('A');
        flags.add("show-events", &mut self.show_events, "If true, display events related to the described object. Defaults to true for a single object, false for multiple objects and prefix matching.");
        shared::add_chunk_size_flag(flags, &mut self.chunk_size);
    }
}

#[async_trait(?Send)]
impl Run for DescribeOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if arguments.is_empty() && self.files.is_empty() {
            return Err(message!(
                "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.\n"
            ));
        }
        let (namespace, enforced) = context.factory.namespace()?;
        let found = builder(context, &namespace)
            .continue_on_error()
            .all_namespaces(self.all_namespaces)
            .filenames(enforced && !self.all_namespaces, &self.files)
            .label_selector(&self.selector)
            .resource_type_or_name_args(true, arguments)
            .chunks_of(self.chunk_size)
            .find()
            .await?;
        let (infos, mut errors) = (found.infos, found.errors);
        if (!errors.is_empty() || infos.len() > 1) && !arguments.given("show-events") {
            self.show_events = false;
        }
        if let [error] = errors.as_slice()
            && error.is_not_found()
            && let [kind, prefix] = &arguments[..]
        {
            let error = errors.remove(0);
            return self.describe_matching(context, &namespace, kind, prefix, error).await;
        }
        let (mut seen, mut first) = (BTreeSet::new(), true);
        for info in &infos {
            match self.describe(context, info).await {
                Ok(description) => {
                    let gap = if first { "" } else { "\n\n" };
                    first = false;
                    context.streams.out.print(format!("{gap}{description}"))?;
                }
                Err(error) if seen.insert(error.to_string()) => errors.push(error),
                Err(_) => {}
            }
        }
        if infos.is_empty() && errors.is_empty() {
            if self.all_namespaces {
                writeln!(&context.streams.err, "No resources found")?;
            } else {
                writeln!(&context.streams.err, "No resources found in {namespace} namespace.")?;
            }
        }
        CommandError::collect(errors)
    }
}

fn builder<'c>(context: &'c Context, namespace: &str) -> Builder<'c> {
    context.builder().namespace(namespace).default_namespace().flatten()
}

impl DescribeOptions {
    /// Describes the objects whose names begin with what names none.
    async fn describe_matching(
        &self,
        context: &Context,
        namespace: &str,
        kind: &str,
        prefix: &str,
        not_found: CommandError,
    ) -> Result<()> {
        let infos = builder(context, namespace)
            .resource_type_or_name_args(true, &[kind.to_owned()])
            .single_resource_type()
            .chunks_of(self.chunk_size)
            .find()
            .await?
            .into_infos()?;
        let mut matched = false;
        for info in infos.iter().filter(|info| info.name.starts_with(prefix)) {
            matched = true;
            let description = self.describe(context, info).await?;
            context.streams.out.print(format!("{description}\n"))?;
        }
        if matched { Ok(()) } else { Err(not_found) }
    }

    /// What there is to say of one object, which is fetched: a manifest may hold less, or something else.
    async fn describe(&self, context: &Context, info: &Info) -> Result<String> {
        let mapping: &RestMapping = info.mapping()?;
        let object = resource::get(&context.factory.client()?, mapping, &info.namespace, &info.name).await?;
        kubectl_describe::describe(&Subject {
            group: &mapping.group,
            kind: &mapping.kind,
            object: &object,
            show_events: self.show_events,
            cluster: &Served {
                factory: &context.factory,
                chunk_size: self.chunk_size,
            },
        })
        .await
    }
}

/// Related objects, as the server has them.
struct Served<'c> {
    factory: &'c Factory,
    chunk_size: i64,
}

#[async_trait(?Send)]
impl Cluster for Served<'_> {
    async fn get(&self, wanted: &Named<'_>) -> Result<Value> {
        let mapping = self.factory.mapping(wanted.api_version, wanted.kind).await?;
        resource::get(&self.factory.client()?, &mapping, wanted.namespace, wanted.name).await
    }

    async fn list(&self, wanted: &Related<'_>) -> Result<Vec<Value>> {
        let mapping = self.factory.mapping(wanted.api_version, wanted.kind).await?;
        let pages = resource::list_chunked(
            &self.factory.client()?,
            &mapping,
            wanted.namespace,
            wanted.labels,
            wanted.fields,
            self.chunk_size,
        )
        .await?;
        Ok(pages
            .into_iter()
            .flat_map(|mut page| match page.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            })
            .collect())
    }
}
