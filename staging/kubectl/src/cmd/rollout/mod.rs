//! `kubectl rollout`.

mod change;
mod history;
mod revisions;
mod status;
mod undo;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::resource::Found;
use cli_runtime::{CommandError, FilenameOptions, Result, message};

use crate::flags as shared;
use crate::frame::{Arguments, Command, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "rollout",
    usage: "SUBCOMMAND",
    short: "Manage the rollout of a resource",
    long: "Manage the rollout of one or many resources.\n\n Valid resource types include:\n\n  *  deployments\n  *  daemonsets\n  *  statefulsets",
    examples: "# Back to the previous deployment
kubectl rollout undo deployment/abc

# How far a daemonset's rollout is
kubectl rollout status daemonset/foo

# New pods for a deployment
kubectl rollout restart deployment/abc

# New pods for the deployments with a label
kubectl rollout restart deployment --selector=app=nginx",
    group: Group::Deploy,
    options: Some(|| Box::new(NoSubcommand)),
    subcommands: &[
        &history::COMMAND,
        &change::PAUSE,
        &change::RESTART,
        &change::RESUME,
        &status::COMMAND,
        &undo::COMMAND,
    ],
    ..Command::EMPTY
};

/// The help, which this group of commands writes to standard output.
struct NoSubcommand;

impl Flags for NoSubcommand {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for NoSubcommand {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("unknown command {:?}", arguments.join(" "))));
        }
        context.print_help()?;
        Err(CommandError::Exit(1))
    }
}

/// The objects whose rollout is meant.
struct Targets {
    files: FilenameOptions,
    selector: String,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            files: FilenameOptions::new("identifying the resource to get from a server."),
            selector: String::new(),
        }
    }
}

impl Flags for Targets {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.files.add_flags(flags);
        shared::add_selector_flag(flags, &mut self.selector);
    }
}

impl Targets {
    /// Refuses a command line that names nothing.
    fn check(&self, arguments: &Arguments) -> Result<()> {
        if arguments.is_empty() && self.files.is_empty() {
            return Err(message!("required resource not specified"));
        }
        Ok(())
    }

    /// The objects, as the server has them.
    async fn find(&self, context: &Context, arguments: &Arguments) -> Result<Found> {
        context
            .objects(&self.files)?
            .label_selector(&self.selector)
            .resource_type_or_name_args(true, arguments)
            .continue_on_error()
            .latest()
            .flatten()
            .find()
            .await
    }
}

/// Says that nothing is there.
fn print_none(context: &Context) -> Result<()> {
    let (namespace, _) = context.factory.namespace()?;
    Ok(context
        .streams
        .err
        .print(format!("No resources found in {namespace} namespace.\n"))?)
}
