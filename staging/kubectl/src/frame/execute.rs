//! From the command line to an exit code.

use std::collections::BTreeSet;

use component_base::flags::{FlagError, FlagSet, Flags as _, Positional};

use cli_runtime::{CommandError, Factory, IoStreams, PluginPolicy, Result, message};

use crate::flags::deprecated_dry_run;
use crate::kuberc;

use super::cause::change_cause;
use super::complete::complete;
use super::help::usage_text;
use super::suggest::suggestion_text;
use super::{Arguments, Command, Context, GlobalFlags, find, help_text, plugins};

/// Commands below which plugins may add commands.
const PLUGINS_BELOW: [&str; 1] = ["create"];

/// Runs what the line means, prints what went wrong, and says with which code to end.
pub async fn execute(root: &'static Command, line: &[String], streams: &IoStreams) -> u8 {
    let outcome = dispatch(root, line, streams).await;
    let Err(error) = outcome else { return 0 };
    // Without standard error the exit code is all that is left to say.
    let _ = streams.err.print(error.report());
    error.exit_code()
}

async fn dispatch(root: &'static Command, line: &[String], streams: &IoStreams) -> Result<()> {
    let applied = kuberc::apply(root, line, streams).map_err(|error| CommandError::ExitWith {
        message: format!("error occurred while applying preferences {error}"),
        code: 1,
    })?;
    let (root, line) = (applied.root, applied.line.as_slice());
    let (path, rest) = find(root, line);
    let command = *path.last().expect("a path has a command");
    let words: Vec<&str> = line.iter().map(String::as_str).collect();
    let named: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
    if let Some(request @ ("__complete" | "__completeNoDesc")) = named.first().copied() {
        // Flags before the word belong to the line that is completed.
        let line: Vec<&str> = {
            let at = words.iter().position(|word| *word == request).unwrap_or(0);
            words[..at].iter().chain(&words[at + 1..]).copied().collect()
        };
        return complete(root, &line, request == "__complete", streams).await;
    }
    if path.len() == 1 {
        match named.first() {
            Some(&"help") => return help(root, &rest, streams),
            Some(word) => {
                if let Some(error) = plugins::become_plugin(&words, 1) {
                    return Err(error);
                }
                return Err(message!(
                    "unknown command {word:?} for {:?}{}",
                    root.name,
                    suggestion_text(root, word)
                ));
            }
            None => {}
        }
    } else if PLUGINS_BELOW.contains(&command.name)
        && rest.first().is_some_and(|word| !word.starts_with('-'))
        && let Some(error) = plugins::become_plugin(&words, path.len())
    {
        return Err(error);
    }
    let options = applied.options.iter().map(String::as_str);
    let rest: Vec<&str> = options.chain(rest).collect();
    run(&path, &rest, applied.policy, streams).await
}

/// `kubectl help CMD…`.
fn help(root: &'static Command, rest: &[&str], streams: &IoStreams) -> Result<()> {
    let topic: Vec<String> = rest
        .iter()
        .filter(|word| **word != "help")
        .map(|word| (*word).to_owned())
        .collect();
    let (path, unknown) = find(root, &topic);
    if unknown.iter().any(|word| !word.starts_with('-')) {
        let (mut global, mut flags) = (GlobalFlags::default(), FlagSet::new());
        global.add_flags(&mut flags);
        let usage = usage_text(&path[..1], &flags, &plugin_rows());
        return Ok(streams
            .err
            .print(format!("Unknown help topic [`{}`]\n\n\n{usage}", topic.join(" ")))?);
    }
    print_help(&path, streams)
}

/// Prints the help of a command.
pub(super) fn print_help(path: &[&'static Command], streams: &IoStreams) -> Result<()> {
    Ok(streams.out.print(render_help(path))?)
}

/// The help of a command, with its flags if it has options.
fn render_help(path: &[&'static Command]) -> String {
    let mut options = path.last().and_then(|command| command.options).map(|make| make());
    let mut global = GlobalFlags::default();
    let mut flags = FlagSet::new();
    if let Some(options) = &mut options {
        flags.section("local");
        options.add_flags(&mut flags);
    }
    global.add_flags(&mut flags);
    let names = if path.len() == 1 { plugin_rows() } else { Vec::new() };
    help_text(path, &flags, &names)
}

fn plugin_rows() -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for path in plugins::all() {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = name.trim_start_matches(plugins::PREFIX);
        let name = name.split('-').next().unwrap_or(name).replace('_', "-");
        if plugins::is_executable(&path) && !rows.iter().any(|(known, _)| *known == name) {
            rows.push((name, "The command line of a plugin".to_owned()));
        }
    }
    rows
}

async fn run(path: &[&'static Command], rest: &[&str], policy: PluginPolicy, streams: &IoStreams) -> Result<()> {
    let command = *path.last().expect("a path has a command");
    let names: Vec<_> = path.iter().map(|command| command.name).collect();
    let command_path = names.join(" ");
    let mut options = command.options.map(|make| make());
    let (mut global, mut wants_help) = (GlobalFlags::default(), false);
    let mut flags = FlagSet::new();
    flags.section("local");
    if let Some(options) = &mut options {
        options.add_flags(&mut flags);
    }
    global.add_flags(&mut flags);
    flags.inherit("help", Some('h'), &mut wants_help, format!("help for {}", command.name));
    let parsed = flags.parse_positional(rest).map_err(|error| {
        // Upstream reads these two as text and looks at the values when the command runs.
        if let FlagError::Invalid { flag, reason, .. } = &error
            && matches!(flag.as_str(), "--dry-run" | "--validate")
        {
            return CommandError::message(reason);
        }
        if command.usage_code != 1 {
            return CommandError::ExitWith {
                message: format!("error: {error}\nSee '{command_path} -h' for help and examples"),
                code: command.usage_code,
            };
        }
        let advice = if command.name == "options" {
            format!("Run '{command_path}' without flags.")
        } else {
            format!("See '{command_path} --help' for usage.")
        };
        CommandError::Message(format!("{error}\n{advice}"))
    });
    // Help goes before whatever else is wrong with the line.
    let asked = rest
        .iter()
        .take_while(|word| **word != "--")
        .any(|word| matches!(*word, "-h" | "--help" | "--help=true"));
    let Positional { words, before_dash } = match parsed {
        Ok(positional) => positional,
        Err(error) if !asked || flags.changed("help") => return Err(error),
        Err(_) => return print_help(path, streams),
    };
    let given: BTreeSet<_> = flags.changed_names().collect();
    let change_cause = if given.contains("record") {
        change_cause(&names, rest, &flags)
    } else {
        String::new()
    };
    drop(flags);
    if wants_help {
        return print_help(path, streams);
    }
    global.check()?;
    global.config.plugin_policy = policy;
    if given.contains("dry-run") {
        let words = rest.iter().take_while(|word| **word != "--");
        for warning in words.filter_map(|word| deprecated_dry_run(word)) {
            streams.err.print(format!("Warning: {warning}\n"))?;
        }
    }
    let warnings_as_errors = global.warnings_as_errors;
    let match_server_version = global.match_server_version;
    let context = Context {
        factory: Factory::new(global.config, streams),
        streams: streams.clone(),
        command_path,
        change_cause,
        path: path.to_vec(),
    };
    let arguments = Arguments {
        words,
        before_dash,
        given,
    };
    let Some(mut options) = options else {
        if !arguments.words.is_empty() {
            return Err(context.usage_error(&format!("unknown command {:?}", arguments.words.join(" "))));
        }
        if path.len() == 1 {
            return print_help(path, streams);
        }
        // Naming no command is a mistake, except at the root.
        let text = render_help(path);
        streams.err.print(text)?;
        return Err(CommandError::Exit(1));
    };
    if match_server_version {
        check_server_version(&context).await?;
    }
    options.run(&context, &arguments).await?;
    match context.factory.warning_count() {
        0 => Ok(()),
        _ if !warnings_as_errors => Ok(()),
        1 => Err(message!("1 warning received")),
        count => Err(message!("{count} warnings received")),
    }
}

/// `--match-server-version`.
async fn check_server_version(context: &Context) -> Result<()> {
    let client = context.factory.client()?;
    let response = client.request(http::Method::GET, "/version").send().await?;
    let server: component_base::version::VersionInfo = serde_json::from_slice(&response.body)
        .map_err(|error| message!("unable to read the server's version: {error}"))?;
    let ours = component_base::version::VersionInfo::current();
    if server.git_version != ours.git_version {
        return Err(message!(
            "server version (\"{}\") differs from client version (\"{}\")",
            server.git_version,
            ours.git_version
        ));
    }
    Ok(())
}
