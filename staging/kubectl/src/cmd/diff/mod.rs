//! `kubectl diff`.

mod folders;
mod mask;
mod program;

use std::sync::Arc;

use async_trait::async_trait;
use client_go::api::{DynamicObject, Patch, WriteOptions};
use component_base::flags::{FlagSet, Flags, StringArray};
use kubectl_objects::json::{go_json, object_at};
use kubectl_objects::last_applied;
use kubectl_objects::patching;
use serde_json::Value;

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{CommandError, FilenameOptions, Info, RestMapping, Result, message};

use crate::cmd::apply::{CLIENT_SIDE, SERVER_SIDE, Visited, prune, warn_if_deleting};
use crate::flags as shared;
use crate::frame::{Arguments, Command, Context, Group, Run};
use crate::write::{self, refused, send_patch};

use folders::{Folders, file_name};

/// The command.
pub static COMMAND: Command = Command {
    name: "diff",
    usage: "-f FILENAME",
    short: "Diff the live version against a would-be applied version",
    long: "Diff configurations specified by file name or stdin between the current online configuration, and the configuration as it would be if applied.\n\n The output is always YAML.\n\n The environment variable KUBECTL_EXTERNAL_DIFF selects another program for it, with parameters if you like: KUBECTL_EXTERNAL_DIFF=\"colordiff -N -u\"\n\n Without it the \"diff\" that the path finds is run with \"-u\" (unified diff) and \"-N\" (absent files are empty).\n\n Exit status: 0 No differences were found. 1 Differences were found. >1 Kubectl or diff failed with an error.\n\n Note: KUBECTL_EXTERNAL_DIFF, if used, is expected to follow that convention.",
    examples: "# What applying pod.json would change
kubectl diff -f pod.json

# The same for standard input
cat service.yaml | kubectl diff -f -",
    group: Group::Advanced,
    options: Some(|| Box::new(DiffOptions::default())),
    usage_code: 2,
    ..Command::EMPTY
};

/// How often an object is merged again after somebody else changed it; the last time whatever it is then.
const ATTEMPTS: u32 = 4;

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct DiffOptions {
    files: FilenameOptions,
    selector: String,
    server_side: bool,
    force_conflicts: bool,
    field_manager: String,
    show_managed_fields: bool,
    show_secrets: bool,
    concurrency: i32,
    prune: bool,
    prune_allowlist: StringArray,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            files: FilenameOptions::new("contains the configuration to diff"),
            selector: String::new(),
            server_side: false,
            force_conflicts: false,
            field_manager: CLIENT_SIDE.to_owned(),
            show_managed_fields: false,
            show_secrets: false,
            concurrency: 1,
            prune: false,
            prune_allowlist: StringArray::default(),
        }
    }
}

impl Flags for DiffOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "prune-allowlist",
            &mut self.prune_allowlist,
            "Overwrite the default allowlist with <group/version/kind> for --prune",
        );
        flags.add("prune", &mut self.prune, "Include resources that would be deleted by pruning. Can be used with -l and default shows all resources would be pruned");
        flags.add(
            "show-managed-fields",
            &mut self.show_managed_fields,
            "If true, include managed fields in the diff.",
        );
        flags.add(
            "show-secrets",
            &mut self.show_secrets,
            "If true, do not mask secret values in the diff.",
        );
        flags.add("concurrency", &mut self.concurrency, "Number of objects to process in parallel when diffing against the live version. Larger number = faster, but more memory, I/O and CPU over that shorter period of time.");
        self.files.add_flags(flags);
        shared::add_server_side_flags(flags, &mut self.server_side, &mut self.force_conflicts);
        shared::add_field_manager_flag(flags, &mut self.field_manager);
        shared::add_selector_flag(flags, &mut self.selector);
    }
}

#[async_trait(?Send)]
impl Run for DiffOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        match self.diff(context, arguments).await {
            // That there are differences is an answer, and everything else is not that answer.
            Ok(true) => Err(CommandError::Exit(1)),
            Ok(false) => Ok(()),
            Err(error) => Err(CommandError::ExitWith {
                message: error.report(),
                code: error.exit_code().saturating_add(1),
            }),
        }
    }
}

impl DiffOptions {
    /// Whether there are differences.
    async fn diff(&mut self, context: &Context, arguments: &Arguments) -> Result<bool> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("Unexpected args: [{}]", arguments.join(" "))));
        }
        self.files.require()?;
        if self.server_side && !arguments.given("field-manager") {
            SERVER_SIDE.clone_into(&mut self.field_manager);
        }
        if self.force_conflicts && !self.server_side {
            return Err(message!("--force-conflicts only works with --server-side"));
        }
        let resources = if self.prune {
            prune::parse(context, &self.prune_allowlist.0).await?
        } else {
            Vec::new()
        };
        let folders = Folders::new()?;
        let found = context
            .objects(&self.files)?
            .label_selector(&self.selector)
            .flatten()
            .find()
            .await?;
        let mut visited = Visited::default();
        let mut outcome = Ok(());
        for info in found.infos {
            outcome = self.one(context, info, &folders, &mut visited).await;
            if outcome.is_err() {
                break;
            }
        }
        let outcome = outcome.and(CommandError::collect(found.errors));
        if self.prune {
            self.add_pruned(context, &resources, &folders, &visited).await?;
        }
        outcome?;
        program::run(&context.streams, folders.live(), folders.merged())
    }

    async fn one(&self, context: &Context, info: Info, folders: &Folders, visited: &mut Visited) -> Result<()> {
        let mapping = info.mapping()?.clone();
        if info.namespaced() {
            visited.namespaces.insert(info.namespace.clone());
        }
        for attempt in 1..=ATTEMPTS {
            let live = match write::get(context, &info).await {
                Ok(live) => Some(live),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            };
            if let Some(live) = &live {
                visited.uids.insert(text_at(live, &["metadata", "uid"]).to_owned());
            }
            let merged = match self.merged(context, &info, live.as_ref(), attempt == ATTEMPTS).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => continue,
                outcome => outcome?,
            };
            let name = file_name(&mapping, &info.namespace, &info.name);
            let (before, after) = self.shown(live.clone(), merged);
            folders.write(&name, before.as_ref(), Some(&after))?;
            if let Some(live) = &live {
                warn_if_deleting(context, live)?;
            }
            return Ok(());
        }
        unreachable!("the last attempt returns")
    }

    /// The object as it would be if it were applied.
    async fn merged(&self, context: &Context, info: &Info, live: Option<&Value>, unlocked: bool) -> Result<Value> {
        let options = WriteOptions {
            dry_run: true,
            field_manager: self.field_manager.clone(),
            ..WriteOptions::default()
        };
        if self.server_side {
            let options = WriteOptions {
                force: self.force_conflicts,
                ..options
            };
            return send_patch(context, info, &Patch::Apply(info.object().clone()), &options).await;
        }
        let Some(live) = live else {
            let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
            let created = api.create_with(&DynamicObject(info.object().clone()), &options).await?;
            return Ok(created.0);
        };
        let modified = last_applied::without(info.object());
        let text = last_applied::original(live).unwrap_or_default();
        let original: Value = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text)
                .map_err(|error| message!("retrieving original configuration for {}: {error}", info.object_name()))?,
        };
        let mut patch = patching::three_way(&original, &modified, live, true).map_err(|error| {
            refused(error).while_doing(
                &format!(
                    "creating patch with:\noriginal:\n{text}\nmodified:\n{}\ncurrent:\n{}\nfor:",
                    go_json(&modified),
                    go_json(live)
                ),
                &info.source,
            )
        })?;
        if patch.is_empty() {
            return Ok(live.clone());
        }
        if !unlocked {
            let version = live["metadata"]["resourceVersion"].clone();
            object_at(&mut patch.patch, &["metadata"]).insert("resourceVersion".to_owned(), version);
        }
        write::patch(context, info, &patch, &options).await
    }

    /// The two states as they are compared.
    fn shown(&self, mut live: Option<Value>, mut merged: Value) -> (Option<Value>, Value) {
        if !self.show_managed_fields {
            for object in live.iter_mut().chain([&mut merged]) {
                object_at(object, &["metadata"]).remove("managedFields");
            }
        }
        let is_secret =
            group_kind(&merged).1 == "Secret" && text_at(&merged, &["apiVersion"]).rsplit('/').next() == Some("v1");
        if is_secret && !self.show_secrets {
            mask::mask(live.as_mut(), &mut merged);
        }
        (live, merged)
    }

    /// Objects that would be pruned stand on one side only.
    async fn add_pruned(
        &self,
        context: &Context,
        resources: &[Arc<RestMapping>],
        folders: &Folders,
        visited: &Visited,
    ) -> Result<()> {
        let pruned = match prune::candidates(context, resources, &self.selector, visited).await {
            Ok(pruned) => pruned,
            Err(error) => {
                return Ok(context.streams.err.print(format!(
                    "Warning: pruning failed and could not be evaluated err: {error}\n"
                ))?);
            }
        };
        for (mapping, object) in pruned {
            let namespace = text_at(&object, &["metadata", "namespace"]);
            let name = file_name(&mapping, namespace, text_at(&object, &["metadata", "name"]));
            folders.write(&name, Some(&object), None)?;
        }
        Ok(())
    }
}
