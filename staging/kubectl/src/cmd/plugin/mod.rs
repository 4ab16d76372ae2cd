//! `kubectl plugin list`.

use std::path::Path;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::{CommandError, Result, message};

use crate::frame::{Arguments, Command, Context, Run, find, plugins};

/// The command.
pub static COMMAND: Command = Command {
    name: "plugin",
    usage: "[flags]",
    short: "Provides utilities for interacting with plugins",
    long: "Provides utilities for interacting with plugins.\n\n A plugin is a program of the PATH whose name begins with \"kubectl-\"; it adds a command.",
    examples: "# The plugins that are there\nkubectl plugin list",
    subcommands: &[&LIST],
    ..Command::EMPTY
};

static LIST: Command = Command {
    name: "list",
    usage: "[flags]",
    short: "List all visible plugin executables on a user's PATH",
    long: "List all available plugin files on a user's PATH. To see plugins binary names without the full path use --name-only flag.\n\n A plugin is a file that can be run, stands anywhere on the PATH, and has a name that begins with \"kubectl-\".",
    examples: "# The plugins of the PATH\nkubectl plugin list\n\n# Their names only\nkubectl plugin list --name-only",
    options: Some(|| Box::new(List::default())),
    ..Command::EMPTY
};

#[derive(Default)]
struct List {
    name_only: bool,
}

impl Flags for List {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "name-only",
            &mut self.name_only,
            "If true, display only the binary name of each plugin, rather than its full path",
        );
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// What keeps a plugin from being called.
fn warnings(context: &Context, path: &Path, before: &[(String, String)]) -> Vec<String> {
    let (name, shown) = (file_name(path), path.display());
    let mut found = Vec::new();
    let words: Vec<String> = name
        .trim_start_matches(plugins::PREFIX)
        .split('-')
        .map(str::to_owned)
        .collect();
    let (command, rest) = find(context.root(), &words);
    if command.len() > 1 && rest.is_empty() {
        found.push(format!(
            "warning: {name} overwrites existing command: {:?}",
            command_path(&command)
        ));
    }
    if !plugins::is_executable(path) {
        found.push(format!(
            "warning: {shown} identified as a kubectl plugin, but it is not executable"
        ));
    }
    if let Some((_, other)) = before.iter().find(|(known, _)| *known == name) {
        found.push(format!(
            "warning: {shown} is overshadowed by a similarly named plugin: {other}"
        ));
    }
    found
}

fn command_path(path: &[&'static Command]) -> String {
    path.iter().map(|command| command.name).collect::<Vec<_>>().join(" ")
}

#[async_trait(?Send)]
impl Run for List {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let found = plugins::all();
        if found.is_empty() {
            return Err(message!("unable to find any kubectl plugins in your PATH"));
        }
        context
            .streams
            .out
            .print("The following compatible plugins are available:\n\n")?;
        let (mut before, mut count) = (Vec::new(), 0_usize);
        for path in &found {
            let (name, shown) = (file_name(path), path.display().to_string());
            context
                .streams
                .out
                .print(format!("{}\n", if self.name_only { &name } else { &shown }))?;
            for warning in warnings(context, path, &before) {
                context.streams.err.print(format!("  - {warning}\n"))?;
                count += 1;
            }
            before.push((name, shown));
        }
        match count {
            0 => Ok(()),
            1 => Err(CommandError::message("one plugin warning was found")),
            count => Err(message!("{count} plugin warnings were found")),
        }
    }
}
