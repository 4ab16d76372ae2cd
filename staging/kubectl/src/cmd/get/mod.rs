//! `kubectl get`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::gotext::TabWriter;
use cli_runtime::printers::{PrintOptions, TablePrinter};
use cli_runtime::{FilenameOptions, PrintFlags, ResourcePrinter as _, Result};

use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "get",
    usage: "(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
    short: "Display one or many resources",
    group: Group::Intermediate,
    suggest_for: &["list", "ls"],
    options: Some(|| Box::new(GetOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct GetOptions {
    print: PrintFlags,
    files: FilenameOptions,
    selector: String,
    all_namespaces: bool,
    no_headers: bool,
}

impl Default for GetOptions {
    fn default() -> Self {
        Self {
            print: PrintFlags::new(""),
            files: FilenameOptions::new("identifying the resource to get from a server."),
            selector: String::new(),
            all_namespaces: false,
            no_headers: false,
        }
    }
}

impl Flags for GetOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        self.files.add_flags(flags);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add("all-namespaces", &mut self.all_namespaces, "").shorthand('A');
        flags.add("no-headers", &mut self.no_headers, "");
    }
}

#[async_trait(?Send)]
impl Run for GetOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let (namespace, enforce) = context.factory.namespace()?;
        let infos = context
            .builder()
            .namespace(&namespace)
            .default_namespace()
            .all_namespaces(self.all_namespaces)
            .filenames(enforce, &self.files)
            .label_selector(&self.selector)
            .resource_type_or_name_args(true, arguments)
            .continue_on_error()
            .latest()
            .flatten()
            .tables(false)
            .find()
            .await?
            .into_infos()?;
        let mut printer = TablePrinter::new(PrintOptions {
            no_headers: self.no_headers,
            with_namespace: self.all_namespaces,
            ..PrintOptions::default()
        });
        let mut table = TabWriter::table();
        for info in &infos {
            printer.print_tabbed(info.object(), &mut table)?;
        }
        table.flush_to(&mut &context.streams.out)?;
        Ok(())
    }
}
