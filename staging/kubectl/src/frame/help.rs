//! The help texts, in upstream's layout (upstream: `kubectl/pkg/util/templates`).

use component_base::flags::{FlagInfo, FlagSet};

use super::{Command, Group};

const GROUPS: [(Group, &str); 7] = [
    (Group::Beginner, "Basic Commands (Beginner):"),
    (Group::Intermediate, "Basic Commands (Intermediate):"),
    (Group::Deploy, "Deploy Commands:"),
    (Group::ClusterManagement, "Cluster Management Commands:"),
    (Group::Troubleshooting, "Troubleshooting and Debugging Commands:"),
    (Group::Advanced, "Advanced Commands:"),
    (Group::Settings, "Settings Commands:"),
];

/// The help of the last of `path`, with its flags; `plugins` are the names of plugins for the root's own.
#[must_use]
pub fn help_text(path: &[&'static Command], flags: &FlagSet<'_>, plugins: &[(String, String)]) -> String {
    let command = path.last().expect("a path has a command");
    let opening = if command.long.is_empty() {
        command.short
    } else {
        command.long
    };
    format!("{}\n\n{}", opening.trim(), usage_text(path, flags, plugins))
}

/// The part of the help below its opening; `path` is not empty.
pub(super) fn usage_text(path: &[&'static Command], flags: &FlagSet<'_>, plugins: &[(String, String)]) -> String {
    let command = path.last().expect("a path has a command");
    let words: Vec<_> = path.iter().map(|command| command.name).collect();
    let words = words.join(" ");
    let mut sections = Vec::new();
    if !command.aliases.is_empty() {
        let names: Vec<_> = std::iter::once(command.name)
            .chain(command.aliases.iter().copied())
            .collect();
        sections.push(format!("Aliases:\n{}", names.join(", ")));
    }
    if !command.examples.is_empty() {
        let lines: Vec<_> = command
            .examples
            .trim()
            .lines()
            .map(|line| format!("  {line}"))
            .collect();
        sections.push(format!("Examples:\n{}", lines.join("\n")));
    }
    if command.subcommands.iter().any(|known| !known.hidden) {
        sections.push(commands_text(path, plugins));
    }
    let mut own: Vec<_> = flags
        .infos()
        .filter(|info| info.section != "global" && !info.hidden)
        .collect();
    own.retain(|info| info.name != "help");
    if !own.is_empty() {
        sections.push(format!("Options:\n{}", flags_text(own).trim_end()));
    }
    let usage = match command.usage {
        "" if path.len() == 1 => format!("{words} [flags] [options]"),
        "" => format!("{words} [options]"),
        usage if usage.contains("[options]") => format!("{words} {usage}"),
        usage => format!("{words} {usage} [options]"),
    };
    sections.push(format!("Usage:\n  {usage}"));
    let mut tips = String::new();
    if !command.subcommands.is_empty() {
        tips.push_str(&format!(
            "Use \"{words} <command> --help\" for more information about a given command.\n"
        ));
    }
    tips.push_str(&format!(
        "Use \"{} options\" for a list of global command-line options (applies to all commands).\n",
        path[0].name
    ));
    sections.push(tips);
    sections.join("\n\n")
}

fn commands_text(path: &[&'static Command], plugins: &[(String, String)]) -> String {
    let command = path.last().expect("a path has a command");
    let longest = command
        .subcommands
        .iter()
        .map(|known| known.name.len())
        .max()
        .unwrap_or(0);
    // The least that upstream pads names to.
    let width = longest.max(11);
    let row = |name: &str, short: &str| format!("\n  {name:width$}   {short}");
    let rows = |wanted: &dyn Fn(&Command) -> bool| -> String {
        let shown = command
            .subcommands
            .iter()
            .filter(|known| !known.hidden && wanted(known));
        shown.map(|known| row(known.name, known.short)).collect()
    };
    if path.len() > 1 {
        // Sorted, as upstream's are.
        let mut known: Vec<_> = command.subcommands.iter().filter(|known| !known.hidden).collect();
        known.sort_by_key(|known| known.name);
        let rows: String = known.iter().map(|known| row(known.name, known.short)).collect();
        return format!("Available Commands:{rows}");
    }
    let mut blocks: Vec<String> = Vec::new();
    for (group, title) in GROUPS {
        let rows = rows(&|known| known.group == group);
        if !rows.is_empty() {
            blocks.push(format!("{title}{rows}"));
        }
    }
    let plugin_rows: String = plugins.iter().map(|(name, short)| row(name, short)).collect();
    blocks.push(format!("Subcommands provided by plugins:{plugin_rows}"));
    let rows = rows(&|known| known.group == Group::Other && known.name != "options");
    if !rows.is_empty() {
        blocks.push(format!("Other Commands:{rows}"));
    }
    blocks.join("\n\n")
}

/// Every flag: its forms and default, and below what it does.
fn flags_text(mut flags: Vec<FlagInfo<'_>>) -> String {
    flags.sort_by_key(|info| info.name);
    let text = |info: &FlagInfo<'_>| {
        let letter = info.shorthand.map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let default = match info.type_name {
            "string" => format!("'{}'", info.default),
            _ => info.default.to_owned(),
        };
        format!(
            "    {letter}--{}={default}:\n\t{}\n\n",
            info.name,
            info.usage.replace('\n', " ")
        )
    };
    flags.iter().map(text).collect()
}

/// What `kubectl options` prints.
#[must_use]
pub fn options_text(flags: &FlagSet<'_>) -> String {
    let global = flags
        .infos()
        .filter(|info| info.section == "global" && !info.hidden)
        .collect();
    format!(
        "The following options can be passed to any command:\n\n{}",
        flags_text(global)
    )
}
