//! `kubectl rollout undo`.

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::last_applied;
use kubectl_objects::rollout::{Rollable, Rollback, rollback};

use cli_runtime::{Info, Result, message};

use super::Targets;
use super::history::unsupported;
use super::revisions::revisions;
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::{self, Writing, refused, visit};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "undo",
    usage: "(TYPE NAME | TYPE/NAME) [flags]",
    short: "Undo a previous rollout",
    long: "Roll back to a previous rollout.",
    examples: "# To the previous revision of a deployment
kubectl rollout undo deployment/abc

# To the third revision of a daemonset
kubectl rollout undo daemonset/abc --to-revision=3

# As if, by the server
kubectl rollout undo --dry-run=server deployment/abc",
    options: Some(|| Box::new(UndoOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct UndoOptions {
    writing: Writing,
    targets: Targets,
    to_revision: i64,
}

impl Default for UndoOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("rolled back", ""),
            targets: Targets::default(),
            to_revision: 0,
        }
    }
}

impl Flags for UndoOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "to-revision",
            &mut self.to_revision,
            "The revision to rollback to. Default to 0 (last revision).",
        );
        self.targets.add_flags(flags);
        self.writing.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for UndoOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.targets.check(arguments)?;
        let found = self.targets.find(context, arguments).await?;
        visit(found, async |info| self.one(context, &info).await).await
    }
}

impl UndoOptions {
    async fn one(&self, context: &Context, info: &Info) -> Result<()> {
        if last_applied::original(info.object()).is_some() {
            context.streams.err.print(format!(
                "Warning: resource {} was previously managed with 'kubectl apply'. Rolling back will not update the {} annotation, which may cause unexpected behavior on future 'kubectl apply' operations. Consider using 'kubectl apply' with your previous configuration file instead.\n",
                info.object_name(),
                last_applied::ANNOTATION
            ))?;
        }
        let kind = Rollable::of(info.object()).ok_or_else(|| unsupported(info, "rollbacker", "rollbacker"))?;
        let revisions = revisions(context, kind, info.object()).await?;
        let only_template = self.writing.dry_run.is_client();
        let to = self.to_revision;
        let operation = match rollback(kind, info.object(), &revisions, to, only_template).map_err(refused)? {
            Rollback::Template(template) => {
                let described = kubectl_describe::pod_template(&template);
                match kind {
                    Rollable::Deployment => described,
                    _ => format!("will roll back to {described}"),
                }
            }
            Rollback::Skipped => format!("skipped rollback (current template already matches revision {to})"),
            Rollback::Patch(patch) => {
                let options = WriteOptions {
                    dry_run: self.writing.dry_run.is_server(),
                    ..WriteOptions::default()
                };
                write::patch(context, info, &patch, &options)
                    .await
                    .map_err(|error| message!("failed restoring revision {to}: {error}"))?;
                "rolled back".to_owned()
            }
        };
        self.writing.print_as(context, &operation, info.object())
    }
}
