//! Flags that several commands share (upstream: `cmdutil.AddDryRunFlag` and its like).

use component_base::flags::{FlagSet, FlagValue};

/// `--dry-run`: who, if anybody, only pretends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    /// Nobody: it is done.
    #[default]
    None,
    /// kubectl prints what it would send.
    Client,
    /// The server does everything but keep the result.
    Server,
}

impl DryRun {
    /// Adds the flag.
    pub fn add_flag<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "dry-run",
            self,
            "Must be \"none\", \"server\", or \"client\". If client strategy, only print the object that would be sent, without sending it. If server strategy, submit server-side request without persisting the resource.",
        );
    }

    /// Behind what was done: `(dry run)`, `(server dry run)`, or nothing.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Client => "(dry run)",
            Self::Server => "(server dry run)",
            Self::None => "",
        }
    }

    /// Whether nothing is sent.
    #[must_use]
    pub fn is_client(self) -> bool {
        self == Self::Client
    }

    /// Whether the server is told to pretend.
    #[must_use]
    pub fn is_server(self) -> bool {
        self == Self::Server
    }
}

/// The value of `--dry-run` alone.
const BARE_DRY_RUN: &str = "unchanged";

/// What is said of the old ways to write `--dry-run`, which mean one of the new ones; `None` of other words.
pub(crate) fn deprecated_dry_run(word: &str) -> Option<String> {
    let value = word.strip_prefix("--dry-run")?;
    if value.is_empty() {
        return Some("--dry-run is deprecated and can be replaced with --dry-run=client.".to_owned());
    }
    let value = value.strip_prefix('=')?;
    let mut meant = DryRun::None;
    if meant.set(value, true).is_err() || matches!(value, "none" | "client" | "server" | BARE_DRY_RUN) {
        return None;
    }
    let meant = meant.to_text();
    Some(format!(
        "--dry-run={value} is deprecated (boolean value) and can be replaced with --dry-run={meant}."
    ))
}

impl FlagValue for DryRun {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = match text {
            "server" => Self::Server,
            "none" => Self::None,
            "client" | BARE_DRY_RUN => Self::Client,
            // The old way to write it.
            "1" | "t" | "T" | "true" | "True" | "TRUE" => Self::Client,
            "0" | "f" | "F" | "false" | "False" | "FALSE" => Self::None,
            _ => {
                return Err(format!(
                    "Invalid dry-run value ({text}). Must be \"none\", \"server\", or \"client\"."
                ));
            }
        };
        Ok(())
    }

    fn to_text(&self) -> String {
        match self {
            Self::None => "none",
            Self::Client => "client",
            Self::Server => "server",
        }
        .to_owned()
    }

    fn type_name(&self) -> &'static str {
        "string"
    }

    fn implied(&self) -> Option<&'static str> {
        Some(BARE_DRY_RUN)
    }
}

/// `--validate`: what becomes of fields that the server does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validate {
    /// An error.
    #[default]
    Strict,
    /// A warning.
    Warn,
    /// Nothing.
    Ignore,
}

impl Validate {
    /// Adds the flag.
    pub fn add_flag<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "validate",
            self,
            "Must be one of: strict (or true), warn, ignore (or false). \"true\" or \"strict\" will use a schema to validate the input and fail the request if invalid. It will perform server side validation if ServerSideFieldValidation is enabled on the api-server, but will fall back to less reliable client-side validation if not. \"warn\" will warn about unknown or duplicate fields without blocking the request if server-side field validation is enabled on the API server, and behave as \"ignore\" otherwise. \"false\" or \"ignore\" will not perform any schema validation, silently dropping any unknown or duplicate fields.",
        );
    }

    /// The query parameter `fieldValidation`.
    #[must_use]
    pub fn field_validation(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Warn => "Warn",
            Self::Ignore => "Ignore",
        }
    }
}

impl FlagValue for Validate {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = match text.to_lowercase().as_str() {
            "strict" | "true" => Self::Strict,
            "warn" => Self::Warn,
            "ignore" | "false" => Self::Ignore,
            _ => {
                return Err(format!(
                    "invalid - validate option {text:?}; must be one of: strict (or true), warn, ignore (or false)"
                ));
            }
        };
        Ok(())
    }

    fn to_text(&self) -> String {
        self.field_validation().to_lowercase()
    }

    fn type_name(&self) -> &'static str {
        "string"
    }

    fn implied(&self) -> Option<&'static str> {
        Some("strict")
    }
}

/// Adds `--field-manager`, whose default is the command's own name (`kubectl-create`).
pub fn add_field_manager_flag<'a>(flags: &mut FlagSet<'a>, manager: &'a mut String) {
    flags.add(
        "field-manager",
        manager,
        "Name of the manager used to track field ownership.",
    );
}

/// Adds `--server-side` and `--force-conflicts`.
pub fn add_server_side_flags<'a>(flags: &mut FlagSet<'a>, server_side: &'a mut bool, force_conflicts: &'a mut bool) {
    flags.add(
        "server-side",
        server_side,
        "If true, apply runs in the server instead of the client.",
    );
    flags.add(
        "force-conflicts",
        force_conflicts,
        "If true, server-side apply will force the changes against conflicts.",
    );
}

/// Adds `-l`.
pub fn add_selector_flag<'a>(flags: &mut FlagSet<'a>, selector: &'a mut String) {
    flags
        .add(
            "selector",
            selector,
            "Selector (label query) to filter on, supports '=', '==', '!=', 'in', 'notin'.(e.g. -l key1=value1,key2=value2,key3 in (value3)). Matching objects must satisfy all of the specified label constraints.",
        )
        .shorthand('l');
}

/// Adds `--field-selector`.
pub fn add_field_selector_flag<'a>(flags: &mut FlagSet<'a>, selector: &'a mut String) {
    flags.add(
        "field-selector",
        selector,
        "Selector (field query) to filter on, supports '=', '==', and '!='.(e.g. --field-selector key1=value1,key2=value2). The server only supports a limited number of field queries per type.",
    );
}

/// Adds `--chunk-size`, whose default is 500.
pub fn add_chunk_size_flag<'a>(flags: &mut FlagSet<'a>, size: &'a mut i64) {
    flags.add(
        "chunk-size",
        size,
        "Return large lists in chunks rather than all at once. Pass 0 to disable.",
    );
}
