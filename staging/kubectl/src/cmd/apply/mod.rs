//! `kubectl apply`.

mod client_side;
mod last_applied;
pub(crate) mod prune;
mod server_side;

use std::collections::BTreeSet;

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags, StringArray};
use serde_json::{Value, json};

use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, FilenameOptions, Info, Result, message};

use crate::cmd::delete::{Deletion, DeletionFlags};
use crate::flags::{self as shared, Validate};
use crate::frame::{Arguments, Command, Context, Group, Run};
use crate::write::{Record, Writing};

/// The command.
pub static COMMAND: Command = Command {
    name: "apply",
    usage: "(-f FILENAME | -k DIRECTORY)",
    short: "Apply a configuration to a resource by file name or stdin",
    long: "Apply a configuration to a resource by file name or stdin. The resource name must be specified. The object is created if there is none yet. To use 'apply' on it later, create it with 'apply' or 'create --save-config'.\n\n JSON and YAML formats are accepted.\n\n Alpha Disclaimer: the --prune functionality is not yet complete. Do not use unless you are aware of what the current state is. See https://issues.k8s.io/34274.",
    examples: "# What a manifest describes
kubectl apply -f ./pod.json

# What standard input describes
cat pod.json | kubectl apply -f -

# By the server, which keeps track of who owns which field
kubectl apply --server-side -f ./pod.json

# And delete what carries the label and is not in the manifest
kubectl apply --prune -f manifest.yaml -l app=nginx

# The same for configuration maps only
kubectl apply --prune -f manifest.yaml --all --prune-allowlist=core/v1/ConfigMap",
    group: Group::Advanced,
    subcommands: &[&last_applied::VIEW, &last_applied::SET, &last_applied::EDIT],
    options: Some(|| Box::new(ApplyOptions::default())),
    ..Command::EMPTY
};

/// The field manager of client-side apply.
pub(crate) const CLIENT_SIDE: &str = "kubectl-client-side-apply";
/// The field manager of server-side apply.
pub(crate) const SERVER_SIDE: &str = "kubectl";

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct ApplyOptions {
    writing: Writing,
    record: Record,
    files: FilenameOptions,
    validate: Validate,
    deletion: DeletionFlags,
    server_side: bool,
    force_conflicts: bool,
    selector: String,
    prune: bool,
    prune_allowlist: StringArray,
    all: bool,
    applyset: String,
    overwrite: bool,
    openapi_patch: bool,
    subresource: String,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("created", CLIENT_SIDE),
            record: Record::default(),
            files: FilenameOptions::of_deletion("The files that contain the configurations to apply."),
            validate: Validate::default(),
            deletion: DeletionFlags::new(false),
            server_side: false,
            force_conflicts: false,
            selector: String::new(),
            prune: false,
            prune_allowlist: StringArray::default(),
            all: false,
            applyset: String::new(),
            overwrite: true,
            openapi_patch: true,
            subresource: String::new(),
        }
    }
}

impl Flags for ApplyOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.files.add_flags(flags);
        self.record.add_flags(flags);
        self.deletion.add_flags(flags);
        self.writing.add_flags(flags);
        self.validate.add_flag(flags);
        shared::add_server_side_flags(flags, &mut self.server_side, &mut self.force_conflicts);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add("prune", &mut self.prune, "Automatically delete resource objects, that do not appear in the configs and are created by either apply or create --save-config. Should be used with either -l or --all.");
        flags.add(
            "prune-allowlist",
            &mut self.prune_allowlist,
            "Overwrite the default allowlist with <group/version/kind> for --prune",
        );
        flags.add(
            "all",
            &mut self.all,
            "Select all resources in the namespace of the specified resource types.",
        );
        flags.add("applyset", &mut self.applyset, "[alpha] The name of the ApplySet that tracks which resources are being managed, for the purposes of determining what to prune. Live resources that are part of the ApplySet but have been removed from the provided configs will be deleted. Format: [RESOURCE][.GROUP]/NAME. A Secret will be used if no resource or group is specified.").hidden();
        flags.add("overwrite", &mut self.overwrite, "Automatically resolve conflicts between the modified and live configuration by using values from the modified configuration");
        flags.add("openapi-patch", &mut self.openapi_patch, "If true, use openapi to calculate diff when the openapi presents and the resource can be found in the openapi spec. Otherwise, fall back to use baked-in types.");
        flags.add("subresource", &mut self.subresource, "If specified, apply will operate on the subresource of the requested object.  Only allowed when using --server-side.");
    }
}

/// What an apply has come by so far.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    /// The objects that are there.
    pub(crate) uids: BTreeSet<String>,
    /// Where they are.
    pub(crate) namespaces: BTreeSet<String>,
}

#[async_trait(?Send)]
impl Run for ApplyOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("Unexpected args: [{}]", arguments.join(" "))));
        }
        self.writing.check()?;
        if self.server_side && !arguments.given("field-manager") {
            SERVER_SIDE.clone_into(&mut self.writing.field_manager);
        }
        self.deletion.cascade.warn(context)?;
        self.files.require()?;
        let resources = if self.prune {
            prune::parse(context, &self.prune_allowlist.0).await?
        } else {
            Vec::new()
        };
        self.check()?;
        let (namespace, enforce) = context.factory.namespace()?;
        let found = context
            .builder()
            .continue_on_error()
            .namespace(&namespace)
            .default_namespace()
            .filenames(enforce, &self.files)
            .label_selector(&self.selector)
            .flatten()
            .find()
            .await?;
        let (mut infos, mut errors) = (found.infos, found.errors);
        if infos.is_empty() && errors.is_empty() {
            return Err(message!("no objects passed to apply"));
        }
        let mut visited = Visited::default();
        if enforce {
            visited.namespaces.insert(namespace);
        }
        for info in &mut infos {
            errors.extend(self.one(context, info, &mut visited).await.err());
        }
        CommandError::collect(errors)?;
        self.print_objects(context, infos)?;
        if self.prune {
            prune::prune_all(self, context, &resources, &visited).await
        } else {
            Ok(())
        }
    }
}

impl ApplyOptions {
    fn check(&self) -> Result<()> {
        let (client, server) = (self.writing.dry_run.is_client(), self.writing.dry_run.is_server());
        let rules = [
            (
                self.force_conflicts && !self.server_side,
                "--force-conflicts only works with --server-side",
            ),
            (
                client && self.server_side,
                "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)",
            ),
            (
                self.server_side && self.deletion.force,
                "--force cannot be used with --server-side",
            ),
            (
                server && self.deletion.force,
                "--dry-run=server cannot be used with --force",
            ),
            (
                self.all && !self.selector.is_empty(),
                "cannot set --all and --selector at the same time",
            ),
            (!self.applyset.is_empty() && !self.prune, "--applyset requires --prune"),
            (
                !self.applyset.is_empty(),
                "--applyset is not supported: prune with --selector or --all",
            ),
            (self.prune && self.deletion.force, "--force cannot be used with --prune"),
            (
                self.prune && !self.all && self.selector.is_empty(),
                "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector",
            ),
            (
                self.prune && self.server_side,
                "--prune is in alpha and doesn't currently work on objects created by server-side apply",
            ),
            (
                !self.subresource.is_empty() && !self.server_side,
                "--subresource can only be specified for --server-side",
            ),
        ];
        match rules.iter().find(|(broken, _)| *broken) {
            Some((_, text)) => Err(CommandError::message(*text)),
            None => Ok(()),
        }
    }

    fn options(&self) -> WriteOptions {
        WriteOptions {
            field_validation: self.validate.field_validation().to_owned(),
            ..self.writing.options()
        }
    }

    /// How objects are deleted that are in the way, or pruned.
    fn deletion(&self) -> Deletion {
        self.deletion.deletion(self.writing.dry_run)
    }

    async fn one(&self, context: &Context, info: &mut Info, visited: &mut Visited) -> Result<()> {
        if info.namespaced() {
            visited.namespaces.insert(info.namespace.clone());
        }
        if let Some(object) = &mut info.object {
            self.record.apply(context, object);
        }
        let generate = text_at(info.object(), &["metadata", "generateName"]);
        if info.name.is_empty() && !generate.is_empty() {
            return Err(message!("from {generate}: cannot use generate name with apply"));
        }
        let operation = if self.server_side {
            self.server_side(context, info).await?;
            "serverside-applied"
        } else {
            self.client_side(context, info, visited).await?
        };
        visited
            .uids
            .insert(text_at(info.object(), &["metadata", "uid"]).to_owned());
        if self.writing.prints_objects() {
            return Ok(());
        }
        self.writing.print_as(context, operation, info.object())
    }

    /// The objects together, where they are to be written whole.
    fn print_objects(&self, context: &Context, infos: Vec<Info>) -> Result<()> {
        if !self.writing.prints_objects() {
            return Ok(());
        }
        let mut objects: Vec<Value> = infos.into_iter().filter_map(|info| info.object).collect();
        let object = match objects.len() {
            0 => return Ok(()),
            1 => objects.remove(0),
            _ => json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}}),
        };
        self.writing.print_as(context, "", &object)
    }
}

/// Says that an object that is changed is about to go.
pub(crate) fn warn_if_deleting(context: &Context, object: &Value) -> Result<()> {
    if text_at(object, &["metadata", "deletionTimestamp"]).is_empty() {
        return Ok(());
    }
    let name = text_at(object, &["metadata", "name"]);
    Ok(context.streams.err.print(format!(
        "Warning: Detected changes to resource {name} which is currently being deleted.\n"
    ))?)
}
