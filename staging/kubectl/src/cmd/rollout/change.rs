//! `kubectl rollout pause`, `resume` and `restart`.

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::patching;
use kubectl_objects::rollout::{Change, change};

use cli_runtime::{CommandError, Info, PrintFlags, Result, message};

use super::{Targets, print_none};
use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::{self, refused};

/// `pause`.
pub(super) static PAUSE: Command = Command {
    name: "pause",
    usage: "RESOURCE",
    short: "Mark the provided resource as paused",
    long: "Mark the provided resource as paused.\n\n No controller works on a paused resource. Use \"kubectl rollout resume\" to resume it. Only deployments support being paused.",
    examples: "# What runs of the deployment 'nginx' goes on running; updates have no effect while it is paused
kubectl rollout pause deployment/nginx",
    options: Some(|| Box::new(ChangeOptions::new(Change::Pause))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// `resume`.
pub(super) static RESUME: Command = Command {
    name: "resume",
    usage: "RESOURCE",
    short: "Resume a paused resource",
    long: "Resume a paused resource.\n\n No controller works on a paused resource until it is resumed. Only deployments support being resumed.",
    examples: "# Let a paused deployment go on
kubectl rollout resume deployment/nginx",
    options: Some(|| Box::new(ChangeOptions::new(Change::Resume))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// `restart`.
pub(super) static RESTART: Command = Command {
    name: "restart",
    usage: "RESOURCE",
    short: "Restart a resource",
    long: "Restart a resource.\n\n Its pods are replaced as in any other rollout.",
    examples: "# Every deployment of a namespace
kubectl rollout restart deployment -n test-namespace

# A deployment
kubectl rollout restart deployment/nginx

# A daemon set
kubectl rollout restart daemonset/abc

# The deployments with a label
kubectl rollout restart deployment --selector=app=nginx",
    options: Some(|| Box::new(ChangeOptions::new(Change::Restart))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct ChangeOptions {
    change: Change,
    print: PrintFlags,
    targets: Targets,
    field_manager: String,
}

impl ChangeOptions {
    fn new(change: Change) -> Self {
        Self {
            change,
            print: PrintFlags::new(done(change)),
            targets: Targets::default(),
            field_manager: "kubectl-rollout".to_owned(),
        }
    }
}

fn done(change: Change) -> &'static str {
    match change {
        Change::Pause => "paused",
        Change::Resume => "resumed",
        Change::Restart => "restarted",
    }
}

impl Flags for ChangeOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        self.targets.add_flags(flags);
        shared::add_field_manager_flag(flags, &mut self.field_manager);
    }
}

#[async_trait(?Send)]
impl Run for ChangeOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.targets.check(arguments)?;
        let found = self.targets.find(context, arguments).await?;
        if found.infos.is_empty() && found.errors.is_empty() {
            return print_none(context);
        }
        let now = now();
        write::visit(found, async |info| self.one(context, &info, &now).await).await
    }
}

/// The time in RFC 3339, in the user's own zone.
fn now() -> String {
    let now = jiff::Zoned::now();
    let format = if now.offset().is_zero() {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%:z"
    };
    now.strftime(format).to_string()
}

impl ChangeOptions {
    async fn one(&self, context: &Context, info: &Info, now: &str) -> Result<()> {
        let changed = change(info.object(), self.change, now).map_err(|why| {
            let dot = if info.mapping.as_ref().is_some_and(|mapping| mapping.group.is_empty()) {
                ""
            } else {
                "."
            };
            let (resource, group) = info
                .mapping
                .as_ref()
                .map_or(("", ""), |mapping| (mapping.name.as_str(), mapping.group.as_str()));
            message!("error: {resource}{dot}{group} {:?} {why}", info.name)
        })?;
        let patch = patching::two_way(info.object(), &changed).map_err(refused)?;
        if patch.is_empty() {
            return Err(message!(
                "failed to create patch for {}: if restart has already been triggered within the past second, please wait before attempting to trigger another",
                info.name
            ));
        }
        let options = WriteOptions::manager(&self.field_manager);
        let patched = write::patch(context, info, &patch, &options)
            .await
            .map_err(|error: CommandError| message!("failed to patch: {error}"))?;
        self.print.to_printer()?.print(&patched, &mut &context.streams.out)
    }
}
