//! Preferences: other defaults for options, other words for commands, and which credential plugins may run (upstream:
//! `kubectl/pkg/kuberc`).
//!
//! They come from `--kuberc`, else from the file that `KUBERC` names, else from `~/.kube/kuberc`; `KUBERC=off` and
//! `KUBECTL_KUBERC=false` leave the program as it is. An option of the line goes before a default of the file, and the
//! program's own commands before aliases.

mod preference;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use cli_runtime::{IoStreams, PluginPolicy};
use component_base::flags::{FlagSet, Flags as _};

use crate::frame::{Command, GlobalFlags, find};

use preference::ReadError;
pub(crate) use preference::{AliasOverride, AllowlistEntry, CommandDefaults, OptionDefault, Preference};

/// Why preferences cannot be applied; the words are upstream's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubercError {
    /// A flag without its value.
    #[error("kuberc file is not found")]
    NoFile,
    /// Both off and asked for.
    #[error("{}disabling kuberc via KUBERC=off and passing kuberc flag are mutually exclusive", if *.0 { "kuberc error " } else { "" })]
    OffAndAsked(bool),
    /// The file that was named cannot be used.
    #[error("kuberc error kuberc: {0}")]
    Read(#[from] ReadError),
    /// What it says makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// Whether the feature is switched off altogether.
#[must_use]
pub(crate) fn is_disabled() -> bool {
    std::env::var("KUBECTL_KUBERC").is_ok_and(|value| value == "false")
}

/// Which file is meant, and whether somebody asked for it; `None` when the feature is off.
pub(crate) fn file(flag: &str) -> Result<Option<(PathBuf, bool)>, KubercError> {
    let variable = std::env::var("KUBERC").unwrap_or_default();
    if variable == "off" {
        return match flag {
            "" => Ok(None),
            _ => Err(KubercError::OffAndAsked(false)),
        };
    }
    let named = [flag, &variable].into_iter().find(|path| !path.is_empty());
    Ok(Some(match named {
        Some(path) => (PathBuf::from(path), true),
        None => {
            let home = std::env::var("HOME").unwrap_or_default();
            (Path::new(&home).join(".kube/kuberc"), false)
        }
    }))
}

/// The value of `--kuberc`, looked for before flags are parsed.
fn flag_of(line: &[String]) -> Result<&str, KubercError> {
    let mut words = line.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--kuberc" {
            return words.next().map(String::as_str).ok_or(KubercError::NoFile);
        }
        if let Some(value) = word.strip_prefix("--kuberc=") {
            return Some(value).filter(|value| !value.is_empty()).ok_or(KubercError::NoFile);
        }
    }
    Ok("")
}

fn load(line: &[String], streams: &IoStreams) -> Result<Option<Preference>, KubercError> {
    let flag = flag_of(line)?;
    let chosen = file(flag).map_err(|_| KubercError::OffAndAsked(true))?;
    let Some((path, asked)) = chosen else { return Ok(None) };
    // Nobody waits for what is only told.
    let warn = |text: String| drop(streams.err.print(text));
    match preference::read(&path) {
        Ok(None) => Ok(None),
        Ok(Some((preference, strict))) => {
            if let Some(fault) = strict {
                warn(format!(
                    "kuberc: ignoring strict decoding error in {}: {fault}",
                    path.display()
                ));
            }
            Ok(Some(preference))
        }
        Err(error) if asked => Err(error.into()),
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            warn(format!(
                "kuberc: no preferences loaded from {}: {error}",
                path.display()
            ));
            Ok(None)
        }
    }
}

fn validate(preference: &Preference, policy: &PluginPolicy) -> Result<(), KubercError> {
    let invalid = |text: String| Err(KubercError::Invalid(text));
    let dashed = |options: &[OptionDefault]| options.iter().find(|option| option.name.starts_with('-')).cloned();
    let mut names: Vec<&str> = Vec::new();
    for alias in preference.aliases.iter().flatten() {
        if alias.name.is_empty() || !alias.name.chars().all(|c| c.is_ascii_alphabetic()) {
            return invalid("invalid alias name, can only include alphabetical characters".to_owned());
        }
        if let Some(option) = dashed(&alias.options) {
            return invalid(format!(
                "flag name {} should be in long form without dashes",
                option.name
            ));
        }
        if names.contains(&alias.name.as_str()) {
            return invalid(format!("duplicate alias name {}", alias.name));
        }
        names.push(&alias.name);
    }
    for defaults in preference.defaults.iter().flatten() {
        if let Some(option) = dashed(defaults.options.as_deref().unwrap_or_default()) {
            return invalid(format!(
                "flag name {} should be in long form without dashes",
                option.name
            ));
        }
    }
    policy.validate().map_err(KubercError::Invalid)
}

/// A command line with preferences in it.
pub(crate) struct Applied {
    /// An alias was called.
    aliased: bool,
    /// The commands, with the alias that was called.
    pub(crate) root: &'static Command,
    /// The line with the alias's words.
    pub(crate) line: Vec<String>,
    /// Options for the command that was called, as `--name=value`.
    pub(crate) options: Vec<String>,
    /// Which credential plugins may run.
    pub(crate) policy: PluginPolicy,
}

/// Applies the preferences to a line.
pub(crate) fn apply(root: &'static Command, line: &[String], streams: &IoStreams) -> Result<Applied, KubercError> {
    let mut applied = Applied {
        aliased: false,
        root,
        line: line.to_vec(),
        options: Vec::new(),
        policy: PluginPolicy::default(),
    };
    if is_disabled() {
        let others = root
            .subcommands
            .iter()
            .copied()
            .filter(|command| command.name != "kuberc");
        let others: Vec<&'static Command> = others.collect();
        // Commands live as long as the program, and so do those of this run.
        applied.root = Box::leak(Box::new(Command {
            subcommands: Box::leak(others.into_boxed_slice()),
            ..*root
        }));
        return Ok(applied);
    }
    if line.is_empty() {
        return Ok(applied);
    }
    let Some(preference) = load(line, streams)? else {
        return Ok(applied);
    };
    let allowlist = preference.credential_plugin_allowlist.as_ref();
    applied.policy = PluginPolicy {
        policy: preference.credential_plugin_policy.clone(),
        allowlist: allowlist.map(|entries| {
            entries
                .iter()
                .map(|entry| (entry.name.clone(), entry.command.clone()))
                .collect()
        }),
    };
    validate(&preference, &applied.policy)?;
    applied.expand_alias(&preference, streams)?;
    applied.override_defaults(&preference, streams)?;
    Ok(applied)
}

/// Whether the root has no command for the line's first word.
fn is_unknown(root: &'static Command, line: &[String]) -> bool {
    let (path, rest) = find(root, line);
    path.len() == 1 && rest.iter().any(|word| !word.starts_with('-') && *word != "help")
}

impl Applied {
    /// Puts the command of an alias and its words where the alias stands.
    fn expand_alias(&mut self, preference: &Preference, streams: &IoStreams) -> Result<(), KubercError> {
        let root = self.root;
        if !is_unknown(root, &self.line) {
            return Ok(());
        }
        let called = |word: &String| !word.starts_with('-') && !word.starts_with("__complete");
        let Some(at) = self.line.iter().position(called) else {
            return Ok(());
        };
        let name = self.line[at].clone();
        let mut aliases = preference.aliases.iter().flatten();
        let Some(alias) = aliases.find(|alias| alias.name == name) else {
            return Ok(());
        };
        if root.subcommands.iter().any(|command| command.is_called(&name)) {
            let warning = format!("Warning: Setting alias {name:?} to a built-in command is not supported\n");
            // Nobody waits for what is only told.
            let _ = streams.err.print(warning);
            return Ok(());
        }
        let words: Vec<String> = alias.command.split_whitespace().map(str::to_owned).collect();
        let (path, rest) = find(root, &words);
        if path.len() == 1 && !rest.is_empty() {
            let text = format!(
                "command {:?} not found to set alias {name:?}: [{}]",
                alias.command,
                rest.join(" ")
            );
            return Err(KubercError::Invalid(text));
        }
        let command = path.last().expect("a path has a command");
        // Commands live as long as the program, and so does the one more that this run has.
        let own: &'static Command = Box::leak(Box::new(Command {
            name: Box::leak(name.into_boxed_str()),
            aliases: &[],
            ..**command
        }));
        let all: Vec<&'static Command> = root.subcommands.iter().copied().chain([own]).collect();
        self.root = Box::leak(Box::new(Command {
            subcommands: Box::leak(all.into_boxed_slice()),
            ..*root
        }));
        self.aliased = true;
        let program = std::env::args().next().unwrap_or_default();
        for option in &alias.options {
            let invalid = || format!("invalid alias flag {} in alias {program}", option.name);
            let unfit = |error| {
                let OptionDefault { name, default } = option;
                format!("could not apply value {default} to flag {name} in alias {program} err: {error}")
            };
            self.set_option(own, option, invalid, unfit)?;
        }
        let behind = at + 1;
        self.line.splice(behind..behind, alias.prepend_args.iter().cloned());
        self.line.extend(alias.append_args.iter().cloned());
        Ok(())
    }

    /// Gives the command that the line calls the options that it has by default.
    fn override_defaults(&mut self, preference: &Preference, streams: &IoStreams) -> Result<(), KubercError> {
        if is_unknown(self.root, &self.line) {
            return Ok(());
        }
        let line = self.line.clone();
        let (path, _) = find(self.root, &line);
        let command = *path.last().expect("a path has a command");
        for defaults in preference.defaults.iter().flatten() {
            let words: Vec<String> = defaults.command.split_whitespace().map(str::to_owned).collect();
            let (meant, rest) = find(self.root, &words);
            if meant.len() == 1 && !rest.is_empty() {
                let warning = format!(
                    "Warning: command {:?} not found to set kuberc override\n",
                    defaults.command
                );
                // Nobody waits for what is only told.
                let _ = streams.err.print(warning);
                continue;
            }
            if meant.last().is_none_or(|meant| meant.name != command.name) {
                continue;
            }
            let mut aliases = preference.aliases.iter().flatten();
            if self.aliased && aliases.any(|alias| alias.name == command.name) {
                return Err(KubercError::Invalid(format!(
                    "alias {} can not be overridden",
                    command.name
                )));
            }
            for option in defaults.options.iter().flatten() {
                let invalid = || format!("invalid flag {} for command {}", option.name, defaults.command);
                let unfit = |error| {
                    let OptionDefault { name, default } = option;
                    let command = &defaults.command;
                    format!("could not apply override value {default} to flag {name} in command {command} err: {error}")
                };
                self.set_option(command, option, invalid, unfit)?;
            }
        }
        Ok(())
    }

    /// Adds an option that the line does not have.
    fn set_option(
        &mut self,
        command: &'static Command,
        option: &OptionDefault,
        invalid: impl FnOnce() -> String,
        unfit: impl FnOnce(String) -> String,
    ) -> Result<(), KubercError> {
        let mut options = command.options.map(|make| make());
        let (mut global, mut help) = (GlobalFlags::default(), false);
        let mut flags = FlagSet::new();
        if let Some(options) = &mut options {
            options.add_flags(&mut flags);
        }
        global.add_flags(&mut flags);
        flags.inherit("help", Some('h'), &mut help, "");
        let Some(shorthand) = flags
            .infos()
            .find(|info| info.name == option.name)
            .map(|info| info.shorthand)
        else {
            return Err(KubercError::Invalid(invalid()));
        };
        if is_given(&option.name, shorthand, &self.line) {
            return Ok(());
        }
        let word = format!("--{}={}", option.name, option.default);
        if let Err(error) = flags.parse([&word]) {
            return Err(KubercError::Invalid(unfit(error.to_string())));
        }
        self.options.push(word);
        Ok(())
    }
}

/// Whether the line has the flag, in its long form, in its short one, or among several letters.
fn is_given(name: &str, shorthand: Option<char>, line: &[String]) -> bool {
    line.iter().any(|word| {
        let long = word.strip_prefix("--").and_then(|word| word.strip_prefix(name));
        if long.is_some_and(|rest| rest.is_empty() || rest.starts_with('=')) {
            return true;
        }
        let (Some(letter), Some(letters)) = (shorthand, word.strip_prefix('-')) else {
            return false;
        };
        let only_letters = !letters.is_empty() && letters.chars().all(|c| c.is_ascii_alphabetic());
        letters.starts_with(letter) || (only_letters && letters.contains(letter))
    })
}
