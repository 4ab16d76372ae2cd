//! `kubectl taint`.

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::patching;
use kubectl_objects::taints::Changes;

use cli_runtime::resource::Found;
use cli_runtime::{CommandError, Info, Result, message};

use crate::flags::{self as shared, Validate};
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{self, Writing, refused, visit};

/// The command.
pub static COMMAND: Command = Command {
    name: "taint",
    usage: "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
    short: "Update the taints on one or more nodes",
    long: "Update the taints on one or more nodes.\n\n  *  A taint consists of a key, a value and an effect, written key=value:effect.\n  *  The key begins with a letter or digit and may contain letters, digits, hyphens, dots and underscores, up to 253 characters.\n  *  It may have a DNS subdomain and a '/' before it, like example.com/my-app.\n  *  The value is optional. It begins with a letter or digit and may contain letters, digits, hyphens, dots and underscores, up to 63 characters.\n  *  The effect is NoSchedule, PreferNoSchedule or NoExecute.\n  *  Only nodes have taints.",
    examples: "# Give node 'foo' a taint; one with that key and effect gets the new value
kubectl taint nodes foo dedicated=special-user:NoSchedule

# Take the taint with a key and an effect away, if there is one
kubectl taint nodes foo dedicated:NoSchedule-

# Take every taint with a key away
kubectl taint nodes foo dedicated-

# Taint the nodes with a label
kubectl taint node -l myLabel=X  dedicated=foo:PreferNoSchedule

# A taint without a value
kubectl taint nodes foo bar:NoSchedule",
    group: Group::ClusterManagement,
    options: Some(|| Box::new(TaintOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct TaintOptions {
    writing: Writing,
    validate: Validate,
    selector: String,
    overwrite: bool,
    all: bool,
}

impl Default for TaintOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("tainted", "kubectl-taint"),
            validate: Validate::default(),
            selector: String::new(),
            overwrite: false,
            all: false,
        }
    }
}

impl Flags for TaintOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.writing.add_flags(flags);
        self.validate.add_flag(flags);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add(
            "overwrite",
            &mut self.overwrite,
            "If true, allow taints to be overwritten, otherwise reject taint updates that overwrite existing taints.",
        );
        flags.add("all", &mut self.all, "Select all nodes in the cluster");
    }
}

/// The words that name nodes, and those that are taints.
fn split(words: &[String]) -> Result<(&[String], &[String])> {
    let is_taint = |word: &String| word.contains(['=', ':']) || word.ends_with('-');
    let first = words.iter().position(is_taint).unwrap_or(words.len());
    let (nodes, taints) = words.split_at(first);
    if let Some(late) = taints.iter().find(|word| !is_taint(word)) {
        return Err(message!("all resources must be specified before taint changes: {late}"));
    }
    if nodes.is_empty() {
        return Err(message!("one or more resources must be specified as <resource> <name>"));
    }
    if taints.is_empty() {
        return Err(message!("at least one taint update is required"));
    }
    Ok((nodes, taints))
}

#[async_trait(?Send)]
impl Run for TaintOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let (nodes, taints) = split(arguments)?;
        let changes = Changes::parse(taints).map_err(|why| context.usage_error(&why.to_string()))?;
        let resource = nodes[0].to_lowercase();
        let mapping = context.factory.resource(&resource).await.map_err(|error| match error {
            CommandError::Message(text) => CommandError::Verbatim(text),
            other => other,
        })?;
        if mapping.kind != "Node" {
            return Err(message!(
                "invalid resource type {resource}, only node types are supported"
            ));
        }
        changes.check().map_err(refused)?;
        if self.all && !self.selector.is_empty() {
            return Err(message!(
                "setting 'all' parameter with a non empty selector is prohibited"
            ));
        }
        if !self.all && self.selector.is_empty() && nodes.len() < 2 {
            return Err(message!(
                "at least one resource name must be specified since 'all' parameter is not set"
            ));
        }
        let found = self.find(context, &nodes[1..]).await?;
        visit(found, async |info| self.one(context, &info, &changes).await).await
    }
}

impl TaintOptions {
    async fn find(&self, context: &Context, names: &[String]) -> Result<Found> {
        let builder = context.builder().continue_on_error().flatten().latest();
        let builder = if self.all {
            builder.select_all(true).resource_types(&["node"])
        } else if self.selector.is_empty() {
            builder.resource_names("node", names)
        } else {
            builder.label_selector(&self.selector).resource_types(&["node"])
        };
        builder.find().await
    }

    async fn one(&self, context: &Context, info: &Info, changes: &Changes) -> Result<()> {
        let mut node = info.object().clone();
        let operation = match changes.apply(&mut node, self.overwrite) {
            Ok(operation) => operation,
            Err(refusals) => return CommandError::collect(refusals.into_iter().map(refused).collect()),
        };
        let patch = patching::two_way(info.object(), &node).map_err(refused)?;
        if !self.writing.dry_run.is_client() {
            let options = WriteOptions {
                field_validation: self.validate.field_validation().to_owned(),
                ..self.writing.options()
            };
            node = write::patch(context, info, &patch, &options).await?;
        }
        // A dry run is not told from a real one here, as ever.
        let mut print = self.writing.print.clone();
        operation.clone_into(&mut print.operation);
        print.to_printer()?.print(&node, &mut &context.streams.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_before_taints() {
        for (line, expected) in [
            ("nodes a b k=v:NoSchedule x-", Ok((3, 2))),
            (
                "nodes a k=v:NoSchedule b",
                Err("all resources must be specified before taint changes: b"),
            ),
            (
                "k=v:NoSchedule",
                Err("one or more resources must be specified as <resource> <name>"),
            ),
            ("nodes a", Err("at least one taint update is required")),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let found = split(&words).map(|(nodes, taints)| (nodes.len(), taints.len()));
            assert_eq!(
                found.map_err(|error| error.to_string()),
                expected.map_err(str::to_owned)
            );
        }
    }
}
