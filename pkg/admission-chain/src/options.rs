//! The flags.

use component_base::flags::{FlagSet, Flags};

use crate::table::PLUGINS;

/// Flags about admission.
#[derive(Clone, Debug)]
pub struct AdmissionOptions {
    /// `--enable-admission-plugins`: switched on besides those that are on by default.
    pub enable: Vec<String>,
    /// `--disable-admission-plugins`: switched off although they are on by default.
    pub disable: Vec<String>,
    /// `--admission-control`: exactly these; of old.
    pub exactly: Vec<String>,
    /// `--admission-control-config-file`
    pub config_file: String,
    /// `--default-not-ready-toleration-seconds`
    pub not_ready_seconds: i64,
    /// `--default-unreachable-toleration-seconds`
    pub unreachable_seconds: i64,
}

impl Default for AdmissionOptions {
    fn default() -> Self {
        Self {
            enable: Vec::new(),
            disable: Vec::new(),
            exactly: Vec::new(),
            config_file: String::new(),
            not_ready_seconds: 300,
            unreachable_seconds: 300,
        }
    }
}

fn sorted_names() -> String {
    let mut names: Vec<&str> = PLUGINS.iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names.join(", ")
}

impl Flags for AdmissionOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let on: Vec<&str> = PLUGINS
            .iter()
            .filter(|entry| entry.on)
            .map(|entry| entry.name)
            .collect();
        let (on, all) = (on.join(", "), sorted_names());
        flags
            .section("admission")
            .add(
                "admission-control",
                &mut self.exactly,
                format!("the plugins that are on, comma separated, of: {all}"),
            )
            .deprecated("Use --enable-admission-plugins or --disable-admission-plugins instead. Will be removed in a future version.")
            .add(
                "admission-control-config-file",
                &mut self.config_file,
                "file with the configuration of admission plugins",
            )
            .add(
                "default-not-ready-toleration-seconds",
                &mut self.not_ready_seconds,
                "how long pods that do not say otherwise stay on a node that is not ready",
            )
            .add(
                "default-unreachable-toleration-seconds",
                &mut self.unreachable_seconds,
                "how long pods that do not say otherwise stay on a node that is unreachable",
            )
            .add(
                "disable-admission-plugins",
                &mut self.disable,
                format!("plugins to switch off although they are on by default ({on}), comma separated, of: {all}"),
            )
            .add(
                "enable-admission-plugins",
                &mut self.enable,
                format!("plugins to switch on besides those that are by default ({on}), comma separated, of: {all}"),
            );
    }
}

impl AdmissionOptions {
    /// What is wrong with the flags.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut errors = Vec::new();
        let choosing = !self.enable.is_empty() || !self.disable.is_empty();
        if !self.exactly.is_empty() && choosing {
            errors.push(
                "admission-control and enable-admission-plugins/disable-admission-plugins flags are mutually exclusive"
                    .to_owned(),
            );
        }
        for (flag, names) in [
            ("admission-control", &self.exactly),
            ("enable-admission-plugins", &self.enable),
            ("disable-admission-plugins", &self.disable),
        ] {
            let unknown = names
                .iter()
                .filter(|name| !PLUGINS.iter().any(|entry| entry.name == *name));
            errors.extend(unknown.map(|name| format!("{flag} plugin {name:?} is unknown")));
        }
        let mut both: Vec<&str> = self.enable.iter().map(String::as_str).collect();
        both.retain(|name| self.disable.iter().any(|other| other == name));
        both.sort_unstable();
        both.dedup();
        if !both.is_empty() {
            let both = both.join(" ");
            errors.push(format!(
                "[{both}] in enable-admission-plugins and disable-admission-plugins overlapped"
            ));
        }
        errors
    }

    /// The plugins that are on, in their order.
    #[must_use]
    pub fn enabled(&self) -> Vec<&'static str> {
        let is_on = |name: &str, default: bool| {
            let listed = |names: &[String]| names.iter().any(|listed| listed == name);
            if self.exactly.is_empty() {
                listed(&self.enable) || (default && !listed(&self.disable))
            } else {
                listed(&self.exactly)
            }
        };
        PLUGINS
            .iter()
            .filter(|entry| is_on(entry.name, entry.on))
            .map(|entry| entry.name)
            .collect()
    }
}
