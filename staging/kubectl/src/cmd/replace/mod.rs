//! `kubectl replace`.

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use http::Method;
use kubectl_objects::last_applied;

use cli_runtime::{Builder, FilenameOptions, Info, Result, message};

use crate::cmd::delete::{Deletion, DeletionFlags};
use crate::flags::{DryRun, Validate};
use crate::frame::{Arguments, Command, Context, Group, Run};
use crate::write::{self, RawRules, Writing, send_raw, visit};

/// The command.
pub static COMMAND: Command = Command {
    name: "replace",
    usage: "-f FILENAME",
    short: "Replace a resource by file name or stdin",
    long: "Replace a resource by file name or stdin.\n\n JSON and YAML formats are accepted. The specification must be complete: 'kubectl get TYPE NAME -o yaml' writes one to begin with.",
    examples: "# By what a manifest describes
kubectl replace -f ./pod.json

# By what standard input describes
cat pod.json | kubectl replace -f -

# Another version of a pod's image
kubectl get pod mypod -o yaml | sed 's/\\(image: myimage\\):.*$/\\1:v4/' | kubectl replace -f -

# Delete the object and create it anew
kubectl replace --force -f ./pod.json",
    group: Group::Advanced,
    options: Some(|| Box::new(ReplaceOptions::default())),
    ..Command::EMPTY
};

struct ReplaceOptions {
    writing: Writing,
    files: FilenameOptions,
    validate: Validate,
    deletion: DeletionFlags,
    save_config: bool,
    raw: String,
    subresource: String,
}

impl Default for ReplaceOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("replaced", "kubectl-replace"),
            files: FilenameOptions::of_deletion("The files that contain the configurations to replace."),
            validate: Validate::default(),
            deletion: DeletionFlags::new(false),
            save_config: false,
            raw: String::new(),
            subresource: String::new(),
        }
    }
}

impl Flags for ReplaceOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.writing.add_flags(flags);
        self.files.add_flags(flags);
        self.deletion.add_flags(flags);
        self.validate.add_flag(flags);
        write::add_save_config_flag(flags, &mut self.save_config);
        flags.add(
            "raw",
            &mut self.raw,
            "Raw URI to PUT to the server.  Uses the transport specified by the kubeconfig file.",
        );
        flags.add(
            "subresource",
            &mut self.subresource,
            "If specified, replace will operate on the subresource of the requested object.",
        );
    }
}

#[async_trait(?Send)]
impl Run for ReplaceOptions {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        self.writing.check()?;
        self.deletion.cascade.warn(context)?;
        if self.deletion.grace_period == 0 {
            (self.deletion.grace_period, self.deletion.wait) = (1, true);
        }
        self.files.require()?;
        self.check()?;
        if !self.raw.is_empty() {
            let rules = RawRules {
                path: &self.raw,
                files: &self.files,
                output: &self.writing.print.output,
                body_optional: false,
            };
            rules.check()?;
            let file = self.files.filenames.first().map(String::as_str);
            return send_raw(context, Method::PUT, &self.raw, file).await;
        }
        if self.deletion.force {
            return self.recreate(context).await;
        }
        let found = self.builder(context)?.find().await?;
        visit(found, async |info| self.one(context, info).await).await
    }
}

impl ReplaceOptions {
    fn check(&self) -> Result<()> {
        if self.deletion.grace_period >= 0 && !self.deletion.force {
            return Err(message!("--grace-period must have --force specified"));
        }
        if !self.deletion.timeout.is_zero() && !self.deletion.force {
            return Err(message!("--timeout must have --force specified"));
        }
        if self.deletion.force && self.writing.dry_run != DryRun::None {
            return Err(message!("--dry-run can not be used when --force is set"));
        }
        Ok(())
    }

    fn options(&self) -> WriteOptions {
        WriteOptions {
            field_validation: self.validate.field_validation().to_owned(),
            ..self.writing.options()
        }
    }

    fn builder<'c>(&self, context: &'c Context) -> Result<Builder<'c>> {
        Ok(context
            .objects(&self.files)?
            .continue_on_error()
            .subresource(&self.subresource)
            .flatten())
    }

    async fn one(&self, context: &Context, info: Info) -> Result<()> {
        let mut object = info.object().clone();
        last_applied::create_or_update(self.save_config, false, &mut object);
        if !self.writing.dry_run.is_client() {
            object = write::replace(context, &info, &object, &self.options())
                .await
                .map_err(|error| error.while_doing("replacing", &info.source))?;
        }
        self.writing.print(context, &object)
    }

    /// Deletes what is there and creates it anew.
    async fn recreate(&self, context: &Context) -> Result<()> {
        // Read once: standard input does not come twice.
        let found = self.builder(context)?.lazy().find().await?;
        let deletion = Deletion {
            output_name: self.writing.print.output == "name",
            ignore_not_found: true,
            ..self.deletion.deletion(self.writing.dry_run)
        };
        let infos = deletion.run(context, found).await?;
        if infos.is_empty() {
            return Err(message!("no objects passed to replace"));
        }
        let limit = self.deletion.timeout_or(write::GONE);
        for info in &infos {
            write::until_gone(context, info, limit).await?;
        }
        for info in infos {
            let mut object = info.object().clone();
            last_applied::create_or_update(self.save_config, false, &mut object);
            let created = write::create(context, &info, &object, &self.options()).await?;
            self.writing.print(context, &created)?;
        }
        Ok(())
    }
}
