//! `kubectl rollout history`.

use std::fmt::Write as _;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::object_at;
use kubectl_objects::rollout::{Revision, Rollable, change_cause};

use cli_runtime::gotext::TabWriter;
use cli_runtime::resource::group_kind;
use cli_runtime::{CommandError, Info, PrintFlags, Result, message};

use super::Targets;
use super::revisions::revisions;
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::visit;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "history",
    usage: "(TYPE NAME | TYPE/NAME) [flags]",
    short: "View rollout history",
    long: "View previous rollout revisions and configurations.",
    examples: "# The revisions of a deployment
kubectl rollout history deployment/abc

# What the third revision of a daemonset was
kubectl rollout history daemonset/abc --revision=3",
    options: Some(|| Box::new(HistoryOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct HistoryOptions {
    print: PrintFlags,
    targets: Targets,
    revision: i64,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self {
            print: PrintFlags::new(""),
            targets: Targets::default(),
            revision: 0,
        }
    }
}

impl Flags for HistoryOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "revision",
            &mut self.revision,
            "See the details, including podTemplate of the revision specified",
        );
        self.targets.add_flags(flags);
        self.print.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for HistoryOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.targets.check(arguments)?;
        if self.revision < 0 {
            return Err(message!("revision must be a positive integer: {}", self.revision));
        }
        let found = self.targets.find(context, arguments).await?;
        let objects = !self.print.output.is_empty();
        if objects {
            self.print.to_printer()?;
        }
        visit(found, async |info| self.one(context, &info, objects).await).await
    }
}

/// What is said of an object without revisions: of a kind that has none, or of one that is not known.
pub(super) fn unsupported(info: &Info, doing: &str, what: &str) -> CommandError {
    const WORKLOADS: [(&str, &str); 5] = [
        ("batch", "Job"),
        ("", "Pod"),
        ("apps", "ReplicaSet"),
        ("", "ReplicationController"),
        ("batch", "CronJob"),
    ];
    let (group, kind) = group_kind(info.object());
    let dot = if group.is_empty() { "" } else { "." };
    let full = format!("{kind}{dot}{group}");
    if WORKLOADS.contains(&(group, kind)) {
        message!("no {what} has been implemented for {full:?}")
    } else {
        message!("error retrieving {doing} for {full:?}, no visitor method exists for {{{group} {kind}}}")
    }
}

impl HistoryOptions {
    async fn one(&self, context: &Context, info: &Info, objects: bool) -> Result<()> {
        let kind = Rollable::of(info.object()).ok_or_else(|| unsupported(info, "history", "history viewer"))?;
        let revisions = revisions(context, kind, info.object()).await?;
        if objects {
            let mut printer = self.print.to_printer()?;
            return self
                .chosen(&revisions)?
                .iter()
                .try_for_each(|revision| printer.print(&revision.object, &mut &context.streams.out));
        }
        let shown = if revisions.is_empty() {
            "No rollout history found.".to_owned()
        } else if self.revision > 0 {
            described(&self.chosen(&revisions)?[0])
        } else {
            table(&revisions)?
        };
        let mut print = self.print.clone();
        print.operation = match self.revision {
            0 => format!("\n{shown}"),
            revision => format!("with revision #{revision}\n{shown}"),
        };
        print.to_printer()?.print(info.object(), &mut &context.streams.out)
    }

    /// The revision that is meant, or all of them.
    fn chosen<'r>(&self, revisions: &'r [Revision]) -> Result<&'r [Revision]> {
        if self.revision == 0 {
            return Ok(revisions);
        }
        let at = revisions.iter().position(|revision| revision.number == self.revision);
        at.map(|at| &revisions[at..=at])
            .ok_or_else(|| message!("unable to find the specified revision"))
    }
}

/// The revision's template, with the reason why it was made.
fn described(revision: &Revision) -> String {
    let mut template = revision.template().clone();
    let cause = change_cause(revision);
    let deployment = revision.holder == revision.object;
    if deployment && !cause.is_empty() {
        object_at(&mut template, &["metadata", "annotations"])
            .insert("kubernetes.io/change-cause".to_owned(), cause.into());
    }
    kubectl_describe::pod_template(&template)
}

fn table(revisions: &[Revision]) -> Result<String> {
    let mut text = "REVISION\tCHANGE-CAUSE\n".to_owned();
    for revision in revisions {
        let cause = match change_cause(revision) {
            "" => "<none>",
            cause => cause,
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}\t{cause}", revision.number);
    }
    let mut table = TabWriter::new(0, 2);
    std::io::Write::write_all(&mut table, text.as_bytes())?;
    Ok(table.take())
}
