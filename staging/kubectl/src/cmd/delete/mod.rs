//! `kubectl delete`.

mod cascade;
mod deletion;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use http::Method;

use cli_runtime::resource::Found;
use cli_runtime::{Builder, CommandError, FilenameOptions, Info, Result, message};

use crate::flags::{self as shared, DryRun};
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{RawRules, send_raw};

pub(crate) use cascade::Cascade;
pub(crate) use deletion::{Deletion, DeletionFlags};

/// The command.
pub static COMMAND: Command = Command {
    name: "delete",
    usage: "([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
    short: "Delete resources by file names, stdin, resources and names, or by resources and label selector",
    long: "Delete resources by file names, stdin, resources and names, or by resources and label selector.\n\n JSON and YAML formats are accepted. Only one kind of argument may be given: file names, resources and names, or resources and a label selector.\n\n Pods and some others have a period in which to end in good order. Override it with --grace-period, or pass --now for a period of 1. When a period of 0 is forced with --force, the object is gone from the API at once, though what it stands for may run on: on a node that cannot be reached for an unlimited time.\n\n The command does not look at revisions: an update that somebody makes at the same time is lost with the object.\n\n After a CustomResourceDefinition is deleted, discovery may show its resources for a while from the cache.",
    examples: "# What a manifest describes
kubectl delete -f ./pod.json

# What standard input describes
cat pod.json | kubectl delete -f -

# The pods and services called 'baz' and 'foo'
kubectl delete pod,service baz foo

# Pods and services with a label
kubectl delete pods,services -l name=myLabel

# With hardly any delay
kubectl delete pod foo --now

# On a node that is lost
kubectl delete pod foo --force

# Every pod of the namespace
kubectl delete pods --all",
    group: Group::Intermediate,
    suggest_for: &["rm", "remove"],
    options: Some(|| Box::new(DeleteOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct DeleteOptions {
    files: FilenameOptions,
    selector: String,
    field_selector: String,
    all: bool,
    all_namespaces: bool,
    deletion: DeletionFlags,
    now: bool,
    ignore_not_found: bool,
    output: String,
    raw: String,
    interactive: bool,
    dry_run: DryRun,
}

impl Default for DeleteOptions {
    fn default() -> Self {
        Self {
            files: FilenameOptions::new("containing the resource to delete."),
            selector: String::new(),
            field_selector: String::new(),
            all: false,
            all_namespaces: false,
            deletion: DeletionFlags::new(true),
            now: false,
            ignore_not_found: false,
            output: String::new(),
            raw: String::new(),
            interactive: false,
            dry_run: DryRun::None,
        }
    }
}

impl Flags for DeleteOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.files.add_flags(flags);
        shared::add_selector_flag(flags, &mut self.selector);
        shared::add_field_selector_flag(flags, &mut self.field_selector);
        flags.add(
            "all",
            &mut self.all,
            "Delete all resources, in the namespace of the specified resource types.",
        );
        flags.add("all-namespaces", &mut self.all_namespaces, "If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.").shorthand('A');
        self.deletion.add_flags(flags);
        flags.add(
            "now",
            &mut self.now,
            "If true, resources are signaled for immediate shutdown (same as --grace-period=1).",
        );
        flags.add(
            "ignore-not-found",
            &mut self.ignore_not_found,
            "Treat \"resource not found\" as a successful delete. Defaults to \"true\" when --all is specified.",
        );
        flags
            .add(
                "output",
                &mut self.output,
                "Output mode. Use \"-o name\" for shorter output (resource/name).",
            )
            .shorthand('o');
        flags.add(
            "raw",
            &mut self.raw,
            "Raw URI to DELETE to the server.  Uses the transport specified by the kubeconfig file.",
        );
        flags
            .add(
                "interactive",
                &mut self.interactive,
                "If true, delete resource only when user confirms.",
            )
            .shorthand('i');
        self.dry_run.add_flag(flags);
    }
}

#[async_trait(?Send)]
impl Run for DeleteOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.deletion.cascade.warn(context)?;
        let (namespace, enforce) = context.factory.namespace()?;
        self.complete(arguments)?;
        if !self.raw.is_empty() {
            self.check_raw()?;
            let file = self.files.filenames.first().map(String::as_str);
            return send_raw(context, Method::DELETE, &self.raw, file).await;
        }
        let mut found = self.builder(context, arguments, &namespace, enforce).find().await?;
        self.check(context)?;
        if self.ignore_not_found {
            found.errors.retain(|error| !error.is_not_found());
        }
        if self.interactive && !self.confirmed(context, &mut found)? {
            return Ok(());
        }
        let deletion = Deletion {
            output_name: self.output == "name",
            ignore_not_found: self.ignore_not_found,
            warn_cluster_scope: enforce && !self.all_namespaces,
            ..self.deletion.deletion(self.dry_run)
        };
        deletion.run(context, found).await.map(drop)
    }
}

impl DeleteOptions {
    /// What follows from what was given.
    fn complete(&mut self, arguments: &Arguments) -> Result<()> {
        let many = self.all || !self.selector.is_empty() || !self.field_selector.is_empty();
        if many && !arguments.given("ignore-not-found") {
            self.ignore_not_found = true;
        }
        if self.now {
            if self.deletion.grace_period != -1 {
                return Err(message!("--now and --grace-period cannot be specified together"));
            }
            self.deletion.grace_period = 1;
        }
        if self.deletion.grace_period == 0 && !self.deletion.force {
            // Zero without force is as gentle as can be: one second, and the wait for it.
            self.deletion.grace_period = 1;
        }
        if self.deletion.force && self.deletion.grace_period < 0 {
            self.deletion.grace_period = 0;
        }
        Ok(())
    }

    fn check(&self, context: &Context) -> Result<()> {
        if !self.output.is_empty() && self.output != "name" {
            return Err(message!(
                "unexpected -o output mode: {}. We only support '-o name'",
                self.output
            ));
        }
        if self.all && !self.selector.is_empty() {
            return Err(message!("cannot set --all and --selector at the same time"));
        }
        if self.all && !self.field_selector.is_empty() {
            return Err(message!("cannot set --all and --field-selector at the same time"));
        }
        if self.deletion.force && self.deletion.grace_period > 0 {
            return Err(message!(
                "--force and --grace-period greater than 0 cannot be specified together"
            ));
        }
        if self.deletion.force && self.deletion.grace_period == 0 {
            context.streams.err.print("Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n")?;
        }
        Ok(())
    }

    fn check_raw(&self) -> Result<()> {
        if self.interactive {
            return Err(message!("--interactive can not be used with --raw"));
        }
        let rules = RawRules {
            path: &self.raw,
            files: &self.files,
            output: &self.output,
            body_optional: true,
        };
        rules.check()
    }

    fn builder<'c>(&self, context: &'c Context, arguments: &Arguments, namespace: &str, enforce: bool) -> Builder<'c> {
        context
            .builder()
            .continue_on_error()
            .namespace(namespace)
            .default_namespace()
            .filenames(enforce, &self.files)
            .label_selector(&self.selector)
            .field_selector(&self.field_selector)
            .select_all(self.all)
            .all_namespaces(self.all_namespaces)
            .resource_type_or_name_args(false, arguments)
            .lazy()
            .flatten()
    }

    /// Asks; says so if there is nothing to ask about.
    fn confirmed(&self, context: &Context, found: &mut Found) -> Result<bool> {
        CommandError::collect(std::mem::take(&mut found.errors))?;
        if found.infos.is_empty() {
            context.streams.out.print("No resources found\n")?;
            return Ok(false);
        }
        let mut text = format!(
            "You are about to delete the following {} resource(s):\n",
            found.infos.len()
        );
        for info in &found.infos {
            text.push_str(&format!("{}/{}\n", kind_of(info)?, info.name));
        }
        context
            .streams
            .out
            .print(format!("{text}Do you want to continue? (y/N): "))?;
        let answer = context.streams.input.read_line()?;
        if answer.trim().eq_ignore_ascii_case("y") {
            return Ok(true);
        }
        context.streams.out.print("deletion is cancelled\n")?;
        Ok(false)
    }
}

/// `deployment.apps`.
fn kind_of(info: &Info) -> Result<String> {
    let mapping = info.mapping()?;
    let kind = mapping.kind.to_lowercase();
    Ok(if mapping.group.is_empty() {
        kind
    } else {
        format!("{kind}.{}", mapping.group)
    })
}
