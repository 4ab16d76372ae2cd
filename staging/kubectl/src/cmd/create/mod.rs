//! `kubectl create`: what files describe, and below it a command a kind.

mod binding;
mod clusterrole;
mod configmap;
mod cronjob;
mod deployment;
mod generated;
mod hash;
mod ingress;
mod job;
mod namespace;
mod poddisruptionbudget;
mod policy;
mod priorityclass;
mod quota;
mod role;
mod secret;
mod service;
mod serviceaccount;
mod sources;
mod token;

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use http::Method;
use kubectl_objects::last_applied;

use cli_runtime::{FilenameOptions, Info, Result, message};

use crate::cmd::edit::{EditMode, EditOptions};
use crate::flags::{self as shared, Validate};
use crate::frame::{Arguments, Command, Context, Group, Run};
use crate::write::{self, RawRules, Record, Writing, send_raw, visit};

/// The command.
pub static COMMAND: Command = Command {
    name: "create",
    usage: "-f FILENAME",
    short: "Create a resource from a file or from stdin",
    long: "Create a resource from a file or from stdin.\n\n JSON and YAML formats are accepted.",
    examples: "# What a manifest describes
kubectl create -f ./pod.json

# What standard input describes
cat pod.json | kubectl create -f -

# After editing it
kubectl create -f registry.yaml --edit -o json",
    group: Group::Beginner,
    subcommands: &[
        &clusterrole::COMMAND,
        &binding::CLUSTER_ROLE_BINDING,
        &configmap::COMMAND,
        &cronjob::COMMAND,
        &deployment::COMMAND,
        &ingress::COMMAND,
        &job::COMMAND,
        &namespace::COMMAND,
        &poddisruptionbudget::COMMAND,
        &priorityclass::COMMAND,
        &quota::COMMAND,
        &role::COMMAND,
        &binding::ROLE_BINDING,
        &secret::COMMAND,
        &service::COMMAND,
        &serviceaccount::COMMAND,
        &token::COMMAND,
    ],
    options: Some(|| Box::new(CreateOptions::default())),
    ..Command::EMPTY
};

struct CreateOptions {
    writing: Writing,
    record: Record,
    files: FilenameOptions,
    validate: Validate,
    edit: bool,
    windows_line_endings: bool,
    save_config: bool,
    selector: String,
    raw: String,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("created", "kubectl-create"),
            record: Record::default(),
            files: FilenameOptions::new("to use to create the resource"),
            validate: Validate::default(),
            edit: false,
            windows_line_endings: false,
            save_config: false,
            selector: String::new(),
            raw: String::new(),
        }
    }
}

impl Flags for CreateOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.files.add_flags(flags);
        self.record.add_flags(flags);
        self.validate.add_flag(flags);
        flags.add("edit", &mut self.edit, "Edit the API resource before creating");
        flags.add(
            "windows-line-endings",
            &mut self.windows_line_endings,
            "Only relevant if --edit=true. Defaults to the line ending native to your platform.",
        );
        write::add_save_config_flag(flags, &mut self.save_config);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add(
            "raw",
            &mut self.raw,
            "Raw URI to POST to the server.  Uses the transport specified by the kubeconfig file.",
        );
        self.writing.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for CreateOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("Unexpected args: [{}]", arguments.join(" "))));
        }
        self.writing.check()?;
        self.files.require()?;
        if !self.raw.is_empty() {
            return self.send_raw(context).await;
        }
        if self.edit {
            let mut edit = EditOptions::new(EditMode::BeforeCreate);
            edit.files = self.files.clone();
            edit.print = self.writing.print.clone();
            edit.save_config = self.save_config;
            edit.windows_line_endings = self.windows_line_endings;
            edit.field_manager.clone_from(&self.writing.field_manager);
            edit.validate = self.validate;
            edit.record = self.record;
            return edit.run(context, arguments).await;
        }
        let found = context
            .objects(&self.files)?
            .continue_on_error()
            .label_selector(&self.selector)
            .flatten()
            .find()
            .await?;
        let nothing = found.infos.is_empty();
        visit(found, async |info| self.one(context, info).await).await?;
        if nothing {
            Err(message!("no objects passed to create"))
        } else {
            Ok(())
        }
    }
}

impl CreateOptions {
    async fn send_raw(&self, context: &Context) -> Result<()> {
        if self.edit {
            return Err(message!("--raw and --edit are mutually exclusive"));
        }
        if !self.selector.is_empty() {
            return Err(message!("--raw and --selector (-l) are mutually exclusive"));
        }
        let rules = RawRules {
            path: &self.raw,
            files: &self.files,
            output: &self.writing.print.output,
            body_optional: false,
        };
        rules.check()?;
        send_raw(
            context,
            Method::POST,
            &self.raw,
            self.files.filenames.first().map(String::as_str),
        )
        .await
    }

    async fn one(&self, context: &Context, info: Info) -> Result<()> {
        let mut object = info.object().clone();
        last_applied::create_or_update(self.save_config, false, &mut object);
        self.record.apply(context, &mut object);
        if !self.writing.dry_run.is_client() {
            let options = WriteOptions {
                field_validation: self.validate.field_validation().to_owned(),
                ..self.writing.options()
            };
            object = write::create(context, &info, &object, &options)
                .await
                .map_err(|error| error.while_doing("creating", &info.source))?;
        }
        self.writing.print(context, &object)
    }
}
