//! `kubectl rollout status`.

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::rollout::{Rollable, status};
use serde_json::Value;
use tokio::time::timeout;

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{Info, Result, message};

use super::{Targets, print_none};
use crate::cmd::wait::until::{Look, observe};
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::{refused, visit};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "status",
    usage: "(TYPE NAME | TYPE/NAME) [flags]",
    short: "Show the status of the rollout",
    long: "Show the status of the rollout.\n\n The latest rollout is watched until it is done; --watch=false looks only once. If a new one starts meanwhile, the new one is watched from then on. To look at one revision, and give up when another takes its place, name it with --revision=N.",
    examples: "# Until the deployment has been rolled out
kubectl rollout status deployment/nginx",
    options: Some(|| Box::new(StatusOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct StatusOptions {
    targets: Targets,
    watch: bool,
    revision: i64,
    timeout: GoDuration,
}

impl Default for StatusOptions {
    fn default() -> Self {
        Self {
            targets: Targets::default(),
            watch: true,
            revision: 0,
            timeout: GoDuration::from_secs(0),
        }
    }
}

impl Flags for StatusOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.targets.add_flags(flags);
        flags
            .add(
                "watch",
                &mut self.watch,
                "Watch the status of the rollout until it's done.",
            )
            .shorthand('w');
        flags.add(
            "revision",
            &mut self.revision,
            "Pin to a specific revision for showing its status. Defaults to 0 (last revision).",
        );
        flags.add("timeout", &mut self.timeout, "The length of time to wait before ending watch, zero means never. Any other values should contain a corresponding time unit (e.g. 1s, 2m, 3h).");
    }
}

#[async_trait(?Send)]
impl Run for StatusOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.targets.check(arguments)?;
        if self.revision < 0 {
            return Err(message!("revision must be a positive integer: {}", self.revision));
        }
        let found = self.targets.find(context, arguments).await?;
        let nothing = found.infos.is_empty();
        visit(found, async |info| self.one(context, &info).await).await?;
        if nothing { print_none(context) } else { Ok(()) }
    }
}

impl StatusOptions {
    async fn one(&self, context: &Context, info: &Info) -> Result<()> {
        let Some(kind) = Rollable::of(info.object()) else {
            let (group, kind) = group_kind(info.object());
            let dot = if group.is_empty() { "" } else { "." };
            return Err(message!("no status viewer has been implemented for {kind}{dot}{group}"));
        };
        // Looking begins with a list, which may hold what a broken watch had shown already.
        let seen = std::cell::RefCell::new(String::new());
        let look = |object: &Value| {
            let version = text_at(object, &["metadata", "resourceVersion"]);
            if *seen.borrow() == version {
                return Ok(Look::Wait);
            }
            version.clone_into(&mut seen.borrow_mut());
            let status = status(kind, object, self.revision).map_err(refused)?;
            context.streams.out.print(&status.message)?;
            Ok(if status.done || !self.watch {
                Look::Done(Value::Null)
            } else {
                Look::Wait
            })
        };
        let looking = observe(
            context,
            info,
            |objects| objects.first().map_or(Ok(Look::Wait), look),
            |event| match event.kind.as_str() {
                "DELETED" => Err(message!("object has been deleted")),
                "ERROR" => Ok(Look::Wait),
                _ => look(&event.object),
            },
        );
        if self.timeout.is_zero() {
            return looking.await.map(drop);
        }
        match timeout(self.timeout.to_std(), looking).await {
            Ok(outcome) => outcome.map(drop),
            Err(_) => Err(message!("timed out waiting for the condition")),
        }
    }
}
