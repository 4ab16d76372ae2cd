//! `kubectl scale`.

use std::time::Duration;

use async_trait::async_trait;
use client_go::api::{Api, DynamicObject, Patch, WriteOptions};
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::object_at;
use serde_json::json;
use tokio::time::{Instant, sleep};

use cli_runtime::resource::group_kind;
use cli_runtime::{CommandError, FilenameOptions, Info, Result, message};

use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{Record, Writing};

/// The command.
pub static COMMAND: Command = Command {
    name: "scale",
    usage: "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
    short: "Set a new size for a deployment, replica set, or replication controller",
    long: "Set a new size for a deployment, replica set, replication controller, or stateful set.\n\n One or more preconditions may be given: with --current-replicas or --resource-version the size is only changed if they hold, and they are checked before the change is tried.",
    examples: "# Three replicas of the replica set 'web'
kubectl scale --replicas=3 rs/web

# Three replicas of what a manifest describes
kubectl scale --replicas=3 -f web.yaml

# From two replicas to three
kubectl scale --current-replicas=2 --replicas=3 deployment/web

# Several at once
kubectl scale --replicas=5 rc/example1 rc/example2

# A stateful set
kubectl scale --replicas=3 statefulset/web",
    group: Group::Deploy,
    suggest_for: &["resize"],
    options: Some(|| Box::new(ScaleOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// How often a scale is tried again, or looked at.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it is tried.
const RETRY: Duration = Duration::from_secs(300);

struct ScaleOptions {
    writing: Writing,
    record: Record,
    files: FilenameOptions,
    selector: String,
    all: bool,
    replicas: i32,
    current_replicas: i32,
    resource_version: String,
    timeout: GoDuration,
}

impl Default for ScaleOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("scaled", ""),
            record: Record::default(),
            files: FilenameOptions::new("identifying the resource to set a new size"),
            selector: String::new(),
            all: false,
            replicas: 0,
            current_replicas: -1,
            resource_version: String::new(),
            timeout: GoDuration::from_secs(0),
        }
    }
}

impl Flags for ScaleOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.writing.add_flags(flags);
        self.files.add_flags(flags);
        self.record.add_flags(flags);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add(
            "all",
            &mut self.all,
            "Select all resources in the namespace of the specified resource types",
        );
        flags.add("resource-version", &mut self.resource_version, "Precondition for resource version. Requires that the current resource version match this value in order to scale.");
        flags.add("current-replicas", &mut self.current_replicas, "Precondition for current size. Requires that the current size of the resource match this value in order to scale. -1 (default) for no condition.");
        flags.add(
            "replicas",
            &mut self.replicas,
            "The new desired number of replicas. Required.",
        );
        flags.add("timeout", &mut self.timeout, "The length of time to wait before giving up on a scale operation, zero means don't wait. Any other values should contain a corresponding time unit (e.g. 1s, 2m, 3h).");
    }
}

#[async_trait(?Send)]
impl Run for ScaleOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        arguments.require(&["replicas"])?;
        self.writing.check()?;
        if self.replicas < 0 {
            return Err(message!(
                "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
            ));
        }
        if self.current_replicas < -1 {
            return Err(message!(
                "The --current-replicas must specify an integer of -1 or greater"
            ));
        }
        let found = context
            .objects(&self.files)?
            .continue_on_error()
            .label_selector(&self.selector)
            .resource_type_or_name_args(self.all, arguments)
            .flatten()
            .find()
            .await?;
        if !self.resource_version.is_empty() && found.infos.len() > 1 {
            return Err(message!("cannot use --resource-version with multiple resources"));
        }
        if found.infos.is_empty() {
            CommandError::collect(found.errors)?;
            return Err(message!("no objects passed to scale"));
        }
        for info in found.infos {
            self.one(context, info).await?;
        }
        CommandError::collect(found.errors)
    }
}

impl ScaleOptions {
    async fn one(&self, context: &Context, info: Info) -> Result<()> {
        let mut replicas = self.replicas;
        if !self.writing.dry_run.is_client() {
            let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
            replicas = self.scale(&api, &info.name).await?;
            if let Some(patch) = self.record.patch(context) {
                api.patch_with(&info.name, None, &patch, &self.writing.options())
                    .await?;
            }
            if !self.timeout.is_zero() && !self.writing.dry_run.is_server() {
                self.wait(&api, &info.name).await?;
            }
        }
        let mut object = info.object().clone();
        if matches!(group_kind(&object).0, "" | "apps") {
            object_at(&mut object, &["spec"]).insert("replicas".to_owned(), replicas.into());
        }
        self.writing.print(context, &object)
    }

    async fn scale(&self, api: &Api<DynamicObject>, name: &str) -> Result<i32> {
        let deadline = Instant::now() + RETRY;
        loop {
            match self.scale_once(api, name).await {
                Err(error) if error.is_conflict() && Instant::now() < deadline => sleep(INTERVAL).await,
                outcome => return outcome,
            }
        }
    }

    async fn scale_once(&self, api: &Api<DynamicObject>, name: &str) -> Result<i32> {
        let options = WriteOptions {
            dry_run: self.writing.dry_run.is_server(),
            ..WriteOptions::default()
        };
        if self.current_replicas == -1 && self.resource_version.is_empty() {
            let patch = Patch::Merge(json!({"spec": {"replicas": self.replicas}}));
            return Ok(api.patch_scale(name, &patch, &options).await?.spec.replicas);
        }
        let mut scale = api.get_scale(name).await?;
        if self.current_replicas != -1 && scale.spec.replicas != self.current_replicas {
            return Err(message!(
                "Expected replicas to be {}, was {}",
                self.current_replicas,
                scale.spec.replicas
            ));
        }
        let version = &scale.metadata.resource_version;
        if !self.resource_version.is_empty() && *version != self.resource_version {
            return Err(message!(
                "Expected resource version to be {}, was {version}",
                self.resource_version
            ));
        }
        scale.spec.replicas = self.replicas;
        Ok(api.update_scale(&scale, &options).await?.spec.replicas)
    }

    /// Until as many run as are wanted, or somebody wants another number.
    async fn wait(&self, api: &Api<DynamicObject>, name: &str) -> Result<()> {
        let deadline = Instant::now() + self.timeout.to_std();
        loop {
            let scale = api.get_scale(name).await?;
            if scale.spec.replicas != self.replicas || scale.status.replicas == self.replicas {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(message!("timed out waiting for {name:?} to be synced"));
            }
            sleep(INTERVAL).await;
        }
    }
}
