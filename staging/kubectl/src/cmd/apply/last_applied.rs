//! `kubectl apply view-last-applied`, `set-last-applied`, `edit-last-applied`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::{go_escape, go_json};
use kubectl_objects::{last_applied, patching};
use serde_json::{Value, json};

use cli_runtime::printers::{ResourcePrinter, YamlPrinter, json_indented};
use cli_runtime::{FilenameOptions, Info, Result, message};

use super::client_side::annotation_patch;
use crate::cmd::edit::{EditMode, EditOptions};
use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::{self, Writing, refused, visit};

/// `view-last-applied`.
pub(super) static VIEW: Command = Command {
    name: "view-last-applied",
    usage: "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
    short: "View the latest last-applied-configuration annotations of a resource/object",
    long: "View the latest last-applied-configuration annotations by type/name or file.\n\n The default output is YAML; -o json writes JSON.",
    examples: "# Of the deployment 'web', as YAML
kubectl apply view-last-applied deployment/web

# Of what a manifest describes, as JSON
kubectl apply view-last-applied -f deploy.yaml -o json",
    options: Some(|| Box::new(ViewOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// `set-last-applied`.
pub(super) static SET: Command = Command {
    name: "set-last-applied",
    usage: "-f FILENAME",
    short: "Set the last-applied-configuration annotation on a live object to match the contents of a file",
    long: "Set the latest last-applied-configuration annotations by setting it to match the contents of a file. This results in the last-applied-configuration being updated as though 'kubectl apply -f <file>' was run, without updating any other parts of the object.",
    examples: "# As though the file had been applied
kubectl apply set-last-applied -f deploy.yaml

# For every file of a folder
kubectl apply set-last-applied -f path/

# Also where there is no annotation yet
kubectl apply set-last-applied -f deploy.yaml --create-annotation=true",
    options: Some(|| Box::new(SetOptions::default())),
    ..Command::EMPTY
};

/// `edit-last-applied`.
pub(super) static EDIT: Command = Command {
    name: "edit-last-applied",
    usage: "(RESOURCE/NAME | -f FILENAME)",
    short: "Edit latest last-applied-configuration annotations of a resource/object",
    long: "Edit the latest last-applied-configuration annotations of resources from the default editor.\n\n The editor is the one that KUBE_EDITOR or EDITOR name, or 'vi'. Several objects may be edited one after the other. What is saved becomes the annotation; nothing else changes.\n\n The default format is YAML; -o json edits JSON.",
    examples: "# Of the deployment 'web', as YAML
kubectl apply edit-last-applied deployment/web

# Of what a manifest describes, as JSON
kubectl apply edit-last-applied -f deploy.yaml -o json",
    options: Some(|| Box::new(EditOptions::new(EditMode::LastApplied))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct ViewOptions {
    files: FilenameOptions,
    output: String,
    selector: String,
    all: bool,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            files: FilenameOptions::new("that contains the last-applied-configuration annotations"),
            output: "yaml".to_owned(),
            selector: String::new(),
            all: false,
        }
    }
}

impl Flags for ViewOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add("output", &mut self.output, "Output format. Must be one of (yaml, json)")
            .shorthand('o');
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add(
            "all",
            &mut self.all,
            "Select all resources in the namespace of the specified resource types",
        );
        self.files.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for ViewOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let (namespace, enforce) = context.factory.namespace()?;
        if self.output != "yaml" && self.output != "json" {
            return Err(context.usage_error(&format!(
                "Unexpected -o output mode: {}, the flag 'output' must be one of yaml|json",
                self.output
            )));
        }
        let infos = context
            .builder()
            .namespace(&namespace)
            .default_namespace()
            .filenames(enforce, &self.files)
            .resource_type_or_name_args(enforce, arguments)
            .select_all(self.all)
            .label_selector(&self.selector)
            .latest()
            .flatten()
            .find()
            .await?
            .into_infos()?;
        for info in &infos {
            let Some(text) = last_applied::original(info.object()) else {
                // Upstream's command is silent about these.
                continue;
            };
            let value: Value = serde_json::from_str(text)
                .map_err(|error| message!("the annotation of {} is malformed: {error}", info.name))?;
            let mut out = &context.streams.out;
            if self.output == "json" {
                context
                    .streams
                    .out
                    .print(go_escape(&format!("{}\n", json_indented(&value))))?;
            } else {
                YamlPrinter::new(true).print(&value, &mut out)?;
            }
        }
        Ok(())
    }
}

struct SetOptions {
    writing: Writing,
    files: FilenameOptions,
    create_annotation: bool,
}

impl Default for SetOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("configured", ""),
            files: FilenameOptions::new("that contains the last-applied-configuration annotations"),
            create_annotation: false,
        }
    }
}

impl Flags for SetOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.writing.add_flags(flags);
        flags.add(
            "create-annotation",
            &mut self.create_annotation,
            "Will create 'last-applied-configuration' annotations if current objects doesn't have one",
        );
        self.files.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for SetOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("Unexpected args: [{}]", arguments.join(" "))));
        }
        self.writing.check()?;
        let found = context.objects(&self.files)?.flatten().find().await?;
        visit(found, async |info| self.one(context, info).await).await
    }
}

impl SetOptions {
    async fn one(&self, context: &Context, mut info: Info) -> Result<()> {
        let text = go_json(info.object());
        let current = write::get(context, &info)
            .await
            .map_err(|error| error.while_doing("retrieving current configuration of", &info.source))?;
        if last_applied::original(&current).is_none() && !self.create_annotation {
            return Err(message!(
                "no last-applied-configuration annotation found on resource: {}, to create the annotation, run the command with --create-annotation",
                info.name
            ));
        }
        if last_applied::original(&current).map(str::trim_end) == Some(&text) {
            let line = format!("set-last-applied {}: no changes required.\n", info.name);
            return Ok(context.streams.out.print(line)?);
        }
        let patch = annotation_patch(&current, &text)?;
        let changed = if self.writing.dry_run.is_client() {
            patching::apply(&current, patch.kind, &json!(patch.patch)).map_err(refused)?
        } else {
            write::patch(context, &info, &patch, &self.writing.options()).await?
        };
        info.refresh(changed);
        self.writing.print(context, info.object())
    }
}
