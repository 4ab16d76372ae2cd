//! `get-contexts`, `get-clusters`, `get-users`.

use std::io::Write as _;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::gotext::TabWriter;
use cli_runtime::{CommandError, Result, message};

use super::Files;
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// `get-contexts`.
pub(super) static GET_CONTEXTS: Command = Command {
    name: "get-contexts",
    usage: "[(-o|--output=)name)]",
    short: "Describe one or many contexts",
    long: "Display one or many contexts from the kubeconfig file.",
    examples: "# All contexts\nkubectl config get-contexts\n\n# One of them\nkubectl config get-contexts my-context",
    options: Some(|| Box::new(GetContexts::default())),
    completion: Completion::Contexts,
    ..Command::EMPTY
};

/// `get-clusters`.
pub(super) static GET_CLUSTERS: Command = Command {
    name: "get-clusters",
    usage: "[flags]",
    short: "Display clusters defined in the kubeconfig",
    long: "Display clusters defined in the kubeconfig.",
    examples: "# The clusters that kubectl knows\nkubectl config get-clusters",
    options: Some(|| Box::new(Names::Clusters)),
    ..Command::EMPTY
};

/// `get-users`.
pub(super) static GET_USERS: Command = Command {
    name: "get-users",
    usage: "[flags]",
    short: "Display users defined in the kubeconfig",
    long: "Display users defined in the kubeconfig.",
    examples: "# The users that kubectl knows\nkubectl config get-users",
    options: Some(|| Box::new(Names::Users)),
    ..Command::EMPTY
};

enum Names {
    Clusters,
    Users,
}

impl Flags for Names {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for Names {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let config = Files::load(context)?.config;
        let names: Vec<&String> = match self {
            Self::Clusters => config.clusters.keys().collect(),
            Self::Users => config.auth_infos.keys().collect(),
        };
        let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
        Ok(context.streams.out.print(format!("NAME\n{lines}"))?)
    }
}

#[derive(Default)]
struct GetContexts {
    no_headers: bool,
    output: String,
}

impl Flags for GetContexts {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "When using the default or custom-column output format, don't print headers (default print headers).",
        );
        flags
            .add("output", &mut self.output, "Output format. One of: (name).")
            .shorthand('o');
    }
}

#[async_trait(?Send)]
impl Run for GetContexts {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let name_only = match self.output.as_str() {
            "" => false,
            "name" => true,
            other => {
                return Err(message!(
                    "--output {other} is not available in kubectl config get-contexts; resetting to default output format"
                ));
            }
        };
        let config = Files::load(context)?.config;
        let mut names: Vec<&String> = config.contexts.keys().collect();
        let mut errors = Vec::new();
        if !arguments.is_empty() {
            names = arguments
                .iter()
                .filter(|name| config.contexts.contains_key(*name))
                .collect();
            let unknown = arguments.iter().filter(|name| !config.contexts.contains_key(*name));
            errors.extend(unknown.map(|name| message!("context {name} not found")));
            names.sort();
        }
        let mut table = TabWriter::table();
        if !self.no_headers && !name_only {
            writeln!(table, "CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE")?;
        }
        for name in names {
            let entry = &config.contexts[name];
            if name_only {
                writeln!(table, "{name}")?;
            } else {
                let mark = if config.current_context == *name { '*' } else { ' ' };
                writeln!(
                    table,
                    "{mark}\t{name}\t{}\t{}\t{}",
                    entry.cluster, entry.auth_info, entry.namespace
                )?;
            }
        }
        table.flush_to(&mut &context.streams.out)?;
        CommandError::collect(errors)
    }
}
