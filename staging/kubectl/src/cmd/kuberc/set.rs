//! `kubectl kuberc set`.

use std::io::ErrorKind;
use std::path::Path;

use apimachinery::codec::yaml;
use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags, StringArray};

use cli_runtime::{Output, Result, io_words, message};

use super::{FLAG, chosen};
use crate::frame::{Arguments, Command, Context, Run};
use crate::kuberc::{AliasOverride, AllowlistEntry, CommandDefaults, OptionDefault, Preference};

const DEFAULTS: &str = "defaults";
const ALIASES: &str = "aliases";
const CREDENTIAL_PLUGIN: &str = "credentialplugin";

/// The command.
pub(super) static SET: Command = Command {
    name: "set",
    usage: "--section (defaults|aliases) --command COMMAND",
    short: "Set values in the kuberc configuration",
    long: "Set values in the kuberc configuration file.\n\n --section says whether defaults or aliases are set.\n\n For defaults: other default values for the flags of a command. --command names the command only (\"get\", \"create\", \"set env\"), not resources.\n\n For aliases: another word for a command, with flags and arguments of its own. --prependarg and --appendarg are for resources and other arguments.",
    examples: "# Another default output of 'get'
kubectl kuberc set --section defaults --command get --option output=wide

# And of a subcommand
kubectl kuberc set --section defaults --command \"set env\" --option output=yaml

# The alias 'getn' for 'get nodes'
kubectl kuberc set --section aliases --name getn --command get --prependarg nodes --option output=wide

# The alias 'runx' for 'run' with arguments at the end
kubectl kuberc set --section aliases --name runx --command run --option image=nginx --appendarg \"--\" --appendarg custom-arg1

# In place of what there is
kubectl kuberc set --section defaults --command get --option output=json --overwrite

# Which credential plugins may run
kubectl kuberc set --section credentialplugin --policy Allowlist --allowlist-entry command=cloud-credential-helper",
    options: Some(|| Box::new(Set::default())),
    ..Command::EMPTY
};

#[derive(Default)]
struct Set {
    kuberc: String,
    section: String,
    command: String,
    name: String,
    policy: String,
    options: StringArray,
    prepend: StringArray,
    append: StringArray,
    allowlist: StringArray,
    overwrite: bool,
}

impl Flags for Set {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add("kuberc", &mut self.kuberc, FLAG)
            .add(
                "section",
                &mut self.section,
                "Section to modify: 'defaults', 'aliases', or 'credentialplugin'",
            )
            .add(
                "command",
                &mut self.command,
                "Command to configure (e.g., 'get', 'create', 'set env')",
            )
            .add("name", &mut self.name, "Alias name (required for --section=aliases)")
            .add(
                "policy",
                &mut self.policy,
                "Plugin policy to use for exec credential plugins, must be one of 'AllowAll', 'DenyAll' or 'Allowlist'",
            )
            .add(
                "option",
                &mut self.options,
                "Flag option in the form flag=value (can be specified multiple times)",
            )
            .add(
                "prependarg",
                &mut self.prepend,
                "Argument to prepend to the command (can be specified multiple times, for aliases only)",
            )
            .add(
                "appendarg",
                &mut self.append,
                "Argument to append to the command (can be specified multiple times, for aliases only)",
            )
            .add(
                "allowlist-entry",
                &mut self.allowlist,
                "Allowlist entry the form field=value (can be specified multiple times)",
            )
            .add("overwrite", &mut self.overwrite, "Allow overwriting existing entries");
    }
}

/// Writes the file.
pub(super) fn save(preference: &Preference, path: &Path, out: &Output) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        message!(
            "failed to create directory {folder}: mkdir {folder}: {}",
            io_words(&error)
        )
    })?;
    let value = serde_json::to_value(preference).map_err(|error| message!("failed to marshal preferences: {error}"))?;
    let place = path.display();
    std::fs::write(path, yaml::to_string(&value))
        .map_err(|error| message!("failed to write kuberc file: open {place}: {}", io_words(&error)))?;
    Ok(out.print(format!("Updated {place}\n"))?)
}

impl Set {
    fn validate(&self) -> Result<()> {
        let section = self.section.as_str();
        if ![DEFAULTS, ALIASES, CREDENTIAL_PLUGIN].contains(&section) {
            return Err(message!(
                "--section must be {DEFAULTS:?}, {ALIASES:?}, or {CREDENTIAL_PLUGIN:?}, got: {section}"
            ));
        }
        if section == ALIASES && self.name.is_empty() {
            return Err(message!("--name is required when --section={ALIASES}"));
        }
        if section == DEFAULTS && !self.name.is_empty() {
            return Err(message!("--name should not be specified when --section={DEFAULTS}"));
        }
        if section == DEFAULTS && !(self.prepend.is_empty() && self.append.is_empty()) {
            return Err(message!(
                "--prependarg and --appendarg are only valid for --section={ALIASES}"
            ));
        }
        if section != CREDENTIAL_PLUGIN {
            if self.command.is_empty() {
                return Err(message!(
                    "--command is required when --section={ALIASES} or --section={DEFAULTS}"
                ));
            }
            return Ok(());
        }
        let listed = !self.allowlist.is_empty();
        match self.policy.as_str() {
            "" => Err(message!("--policy is required when --section={CREDENTIAL_PLUGIN}")),
            "AllowAll" | "DenyAll" if listed => Err(message!(
                "--allowlist-entry may only be used when --section={CREDENTIAL_PLUGIN} and --policy=Allowlist"
            )),
            "Allowlist" if !listed => Err(message!(
                "--allowlist-entry is required when --section={CREDENTIAL_PLUGIN} and --policy=Allowlist"
            )),
            "AllowAll" | "DenyAll" | "Allowlist" => Ok(()),
            other => Err(message!(
                " --policy must be  \"AllowAll\", \"DenyAll\", or \"Allowlist\", got: {other}"
            )),
        }
    }

    fn option_defaults(&self) -> Result<Vec<OptionDefault>> {
        let option = |text: &String| match text.split_once('=') {
            Some((name, default)) => Ok(OptionDefault {
                name: name.trim_start_matches('-').to_owned(),
                default: default.to_owned(),
            }),
            None => Err(message!("invalid option format {text:?}, expected flag=value")),
        };
        self.options.iter().map(option).collect()
    }

    fn set_defaults(&self, preference: &mut Preference, options: Vec<OptionDefault>) -> Result<()> {
        let all = preference.defaults.get_or_insert_default();
        let Some(present) = all.iter_mut().find(|it| it.command == self.command) else {
            all.push(CommandDefaults {
                command: self.command.clone(),
                options: (!options.is_empty()).then_some(options),
            });
            return Ok(());
        };
        if !self.overwrite {
            let command = &self.command;
            return Err(message!(
                "defaults for command {command:?} already exist, use --overwrite to replace"
            ));
        }
        if !options.is_empty() {
            present.options = Some(options);
        }
        Ok(())
    }

    fn set_alias(&self, preference: &mut Preference, options: Vec<OptionDefault>) -> Result<()> {
        let all = preference.aliases.get_or_insert_default();
        let mut alias = AliasOverride {
            name: self.name.clone(),
            command: self.command.clone(),
            prepend_args: self.prepend.to_vec(),
            append_args: self.append.to_vec(),
            options,
        };
        let Some(present) = all.iter_mut().find(|it| it.name == self.name) else {
            all.push(alias);
            return Ok(());
        };
        if !self.overwrite {
            let name = &self.name;
            return Err(message!("alias {name:?} already exists, use --overwrite to replace"));
        }
        // What the line does not give stays.
        for (given, kept) in [
            (&mut alias.prepend_args, &mut present.prepend_args),
            (&mut alias.append_args, &mut present.append_args),
        ] {
            if given.is_empty() {
                *given = std::mem::take(kept);
            }
        }
        if alias.options.is_empty() {
            alias.options = std::mem::take(&mut present.options);
        }
        *present = alias;
        Ok(())
    }

    fn allowlist_entries(&self) -> Result<Vec<AllowlistEntry>> {
        let (mut entries, mut faults): (Vec<AllowlistEntry>, Vec<String>) = (Vec::new(), Vec::new());
        for pair in self.allowlist.iter().flat_map(|pairs| pairs.split(',')) {
            match pair.split_once('=') {
                None => faults.push(format!("improperly formatted allowlist entry: {pair:?}")),
                Some(("name", _)) => {
                    faults.push("allowlist entry field \"name\" is deprecated, use \"command\" instead".to_owned())
                }
                Some((field @ "command", value)) if value.trim().is_empty() => {
                    faults.push(format!("empty value in allowlist entry for field {field:?}"));
                }
                Some(("command", value)) => entries.push(AllowlistEntry {
                    command: value.to_owned(),
                    ..AllowlistEntry::default()
                }),
                Some((field, _)) => faults.push(format!("unrecognized allowlist entry field: {field:?}")),
            }
        }
        match faults.as_slice() {
            [] => Ok(entries),
            [one] => Err(message!("{one}")),
            several => Err(message!("[{}]", several.join(", "))),
        }
    }
}

#[async_trait(?Send)]
impl Run for Set {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        arguments.require(&["section"])?;
        let (path, _) = chosen(&self.kuberc)?;
        self.validate()?;
        let mut preference = match std::fs::read_to_string(&path) {
            Ok(text) if text.is_empty() => Preference::new(),
            Ok(text) => Preference::parse(&text).map_err(|error| message!("error parsing kuberc file: {error}"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Preference::new(),
            Err(error) => {
                let place = path.display();
                return Err(message!(
                    "error reading kuberc file: open {place}: {}",
                    io_words(&error)
                ));
            }
        };
        let options = self.option_defaults()?;
        match self.section.as_str() {
            DEFAULTS => self.set_defaults(&mut preference, options)?,
            ALIASES => self.set_alias(&mut preference, options)?,
            _ => {
                if self.policy == "Allowlist" {
                    preference.credential_plugin_allowlist = Some(self.allowlist_entries()?);
                }
                preference.credential_plugin_policy.clone_from(&self.policy);
            }
        }
        save(&preference, &path, &context.streams.out)
    }
}
