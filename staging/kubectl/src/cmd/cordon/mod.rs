//! `kubectl cordon` and `kubectl uncordon`.

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::object_at;
use kubectl_objects::patching;

use cli_runtime::{Info, PrintFlags, Result, message};

use crate::flags::{self as shared, DryRun};
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{self, refused};

/// `cordon`.
pub static CORDON: Command = Command {
    name: "cordon",
    usage: "NODE",
    short: "Mark node as unschedulable",
    long: "Mark node as unschedulable.",
    examples: "# No more pods for node \"foo\"
kubectl cordon foo",
    group: Group::ClusterManagement,
    options: Some(|| Box::new(CordonOptions::new(true))),
    completion: Completion::Names("nodes"),
    ..Command::EMPTY
};

/// `uncordon`.
pub static UNCORDON: Command = Command {
    name: "uncordon",
    usage: "NODE",
    short: "Mark node as schedulable",
    long: "Mark node as schedulable.",
    examples: "# Pods for node \"foo\" again
kubectl uncordon foo",
    group: Group::ClusterManagement,
    options: Some(|| Box::new(CordonOptions::new(false))),
    completion: Completion::Names("nodes"),
    ..Command::EMPTY
};

/// The nodes that a command is about, and whether it only pretends.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// `-l`.
    pub(crate) selector: String,
    /// `--dry-run`.
    pub(crate) dry_run: DryRun,
}

impl Flags for Nodes {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        shared::add_selector_flag(flags, &mut self.selector);
        self.dry_run.add_flag(flags);
    }
}

impl Nodes {
    /// Refuses a command line that names no nodes, or names them in two ways.
    pub(crate) fn check(&self, context: &Context, arguments: &Arguments) -> Result<()> {
        if arguments.is_empty() && !arguments.given("selector") {
            let name = context.path.last().map_or("", |command| command.name);
            return Err(context.usage_error(&format!("USAGE: {name} NODE [flags]")));
        }
        if !arguments.is_empty() && !self.selector.is_empty() {
            return Err(context.usage_error("error: cannot specify both a node name and a --selector option"));
        }
        Ok(())
    }

    /// The nodes, in pages of so many.
    pub(crate) async fn find(&self, context: &Context, arguments: &Arguments, chunk_size: i64) -> Result<Vec<Info>> {
        let (namespace, _) = context.factory.namespace()?;
        let mut builder = context
            .builder()
            .namespace(&namespace)
            .default_namespace()
            .chunks_of(chunk_size)
            .resource_names("nodes", arguments)
            .single_resource_type()
            .flatten();
        if !self.selector.is_empty() {
            builder = builder.label_selector(&self.selector).resource_types(&["nodes"]);
        }
        let infos = builder.find().await?.into_infos()?;
        for info in &infos {
            let resource = info.mapping()?.group_version_resource();
            if !resource.group.is_empty() || resource.resource != "nodes" {
                let full = format!(
                    "{}/{}, Resource={}",
                    resource.group, resource.version, resource.resource
                );
                return Err(message!("error: expected resource of type node, got {full:?}"));
            }
        }
        Ok(infos)
    }

    /// Writes what was done to a node or a pod.
    pub(crate) fn print(&self, context: &Context, operation: &str, object: &serde_json::Value) -> Result<()> {
        let print = PrintFlags::new(operation).with_operation_suffix(self.dry_run.suffix());
        print.to_printer()?.print(object, &mut &context.streams.out)
    }

    /// Marks the nodes; what goes wrong with one is said, and does not keep the others from it.
    pub(crate) async fn mark(&self, context: &Context, infos: &[Info], unschedulable: bool) -> Result<()> {
        let un = if unschedulable { "" } else { "un" };
        for info in infos {
            let is = info.object().pointer("/spec/unschedulable") == Some(&true.into());
            if is == unschedulable {
                self.print(context, &format!("already {un}cordoned"), info.object())?;
                continue;
            }
            if !self.dry_run.is_client()
                && let Err(error) = self.send(context, info, unschedulable).await
            {
                let name = &info.name;
                context
                    .streams
                    .err
                    .print(format!("error: unable to {un}cordon node {name:?}: {error}\n"))?;
                continue;
            }
            self.print(context, &format!("{un}cordoned"), info.object())?;
        }
        Ok(())
    }

    async fn send(&self, context: &Context, info: &Info, unschedulable: bool) -> Result<()> {
        let mut node = info.object().clone();
        let spec = object_at(&mut node, &["spec"]);
        if unschedulable {
            spec.insert("unschedulable".to_owned(), true.into());
        } else {
            spec.remove("unschedulable");
        }
        let patch = patching::two_way(info.object(), &node).map_err(refused)?;
        let options = WriteOptions {
            dry_run: self.dry_run.is_server(),
            ..WriteOptions::default()
        };
        write::patch(context, info, &patch, &options).await.map(drop)
    }
}

struct CordonOptions {
    unschedulable: bool,
    nodes: Nodes,
}

impl CordonOptions {
    fn new(unschedulable: bool) -> Self {
        Self {
            unschedulable,
            nodes: Nodes::default(),
        }
    }
}

impl Flags for CordonOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.nodes.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for CordonOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.nodes.check(context, arguments)?;
        let infos = self.nodes.find(context, arguments, 500).await?;
        self.nodes.mark(context, &infos, self.unschedulable).await
    }
}
