//! The file of preferences: `kubectl.config.k8s.io`, `Preference`, in its two versions.

use std::path::Path;

use apimachinery::json::{YamlError, parse_yaml};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const GROUP: &str = "kubectl.config.k8s.io";
const KIND: &str = "Preference";

/// `kubectl.config.k8s.io/v1beta1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Preference {
    pub(crate) kind: String,
    pub(crate) api_version: String,
    pub(crate) defaults: Option<Vec<CommandDefaults>>,
    pub(crate) aliases: Option<Vec<AliasOverride>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) credential_plugin_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential_plugin_allowlist: Option<Vec<AllowlistEntry>>,
}

/// The options that a command has where the line does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CommandDefaults {
    pub(crate) command: String,
    pub(crate) options: Option<Vec<OptionDefault>>,
}

/// One option, its name without dashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OptionDefault {
    pub(crate) name: String,
    pub(crate) default: String,
}

/// Another word for a command with options and words of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AliasOverride {
    pub(crate) name: String,
    pub(crate) command: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) prepend_args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) append_args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) options: Vec<OptionDefault>,
}

/// A credential plugin that may run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AllowlistEntry {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) command: String,
}

/// What a member of the file is.
enum Shape {
    Plain,
    List(&'static [(&'static str, Shape)]),
}

use Shape::{List, Plain};

const OPTION: &[(&str, Shape)] = &[("name", Plain), ("default", Plain)];

const V1BETA1: &[(&str, Shape)] = &[
    ("kind", Plain),
    ("apiVersion", Plain),
    ("defaults", List(&[("command", Plain), ("options", List(OPTION))])),
    (
        "aliases",
        List(&[
            ("name", Plain),
            ("command", Plain),
            ("prependArgs", Plain),
            ("appendArgs", Plain),
            ("options", List(OPTION)),
        ]),
    ),
    ("credentialPluginPolicy", Plain),
    (
        "credentialPluginAllowlist",
        List(&[("name", Plain), ("command", Plain)]),
    ),
];

/// The older names of the same.
const V1ALPHA1: &[(&str, Shape)] = &[
    ("kind", Plain),
    ("apiVersion", Plain),
    ("overrides", List(&[("command", Plain), ("flags", List(OPTION))])),
    (
        "aliases",
        List(&[
            ("name", Plain),
            ("command", Plain),
            ("prependArgs", Plain),
            ("appendArgs", Plain),
            ("flags", List(OPTION)),
        ]),
    ),
];

/// Takes members out that no version knows, and names them.
fn take_unknown(value: &mut Value, members: &[(&str, Shape)], path: &str, unknown: &mut Vec<String>) {
    let Value::Object(map) = value else { return };
    let place = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    map.retain(|name, value| {
        let Some((_, shape)) = members.iter().find(|(known, _)| known == name) else {
            unknown.push(format!("unknown field {:?}", place(name)));
            return false;
        };
        if let (List(members), Value::Array(items)) = (shape, value) {
            for (number, item) in items.iter_mut().enumerate() {
                take_unknown(item, members, &format!("{}[{number}]", place(name)), unknown);
            }
        }
        true
    });
}

/// One document as preferences, and what strict decoding says of it; `None` if it is something else.
fn decode(document: &str) -> Option<(Preference, Option<String>)> {
    let (mut value, duplicate): (Value, Option<YamlError>) = parse_yaml(document).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("kind") != KIND {
        return None;
    }
    let members = match text("apiVersion").strip_prefix(GROUP)? {
        "/v1beta1" => V1BETA1,
        "/v1alpha1" => V1ALPHA1,
        _ => return None,
    };
    let mut faults: Vec<String> = duplicate.iter().map(ToString::to_string).collect();
    take_unknown(&mut value, members, "", &mut faults);
    modernize(&mut value);
    drop_nulls(&mut value);
    let preference = serde_json::from_value(value).ok()?;
    let strict = (!faults.is_empty()).then(|| format!("strict decoding error: {}", faults.join(", ")));
    Some((preference, strict))
}

/// Gives members the names that they have in the newest version.
fn modernize(value: &mut Value) {
    let rename = |value: &mut Value, old: &str, new: &str| {
        let Some(map) = value.as_object_mut() else { return };
        if let Some(member) = map.remove(old) {
            map.insert(new.to_owned(), member);
        }
    };
    rename(value, "overrides", "defaults");
    for list in ["defaults", "aliases"] {
        let items = value.get_mut(list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            rename(item, "flags", "options");
        }
    }
}

/// In Go null is what is not there.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The documents of a stream.
fn documents(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        match line.strip_prefix("---") {
            Some(rest) if rest.trim().is_empty() => all.push(String::new()),
            _ => {
                let document = all.last_mut().expect("there is one from the beginning");
                document.push_str(line);
                document.push('\n');
            }
        }
    }
    all.retain(|document| !document.trim().is_empty());
    all
}

/// Why there are no preferences.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The file cannot be read.
    #[error("open {path}: {}", cli_runtime::io_words(.source))]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// No document of it is preferences.
    #[error("no valid preferences found in {0}, use --v=5 to see details")]
    None(String),
}

/// The first preferences of a file, and what strict decoding says of them; `None` for an empty file.
pub(super) fn read(file: &Path) -> Result<Option<(Preference, Option<String>)>, ReadError> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| ReadError::Io {
        path: path.clone(),
        source,
    })?;
    let documents = documents(&text);
    if documents.is_empty() {
        return Ok(None);
    }
    let found = documents.iter().find_map(|document| decode(document));
    found.map(Some).ok_or(ReadError::None(path))
}

impl Preference {
    /// A new file's.
    pub(crate) fn new() -> Self {
        Self {
            kind: KIND.to_owned(),
            api_version: format!("{GROUP}/v1beta1"),
            ..Self::default()
        }
    }

    /// Those that are offered to who has none.
    pub(crate) fn recommended() -> Self {
        let on = |command: &str, name: &str| CommandDefaults {
            command: command.to_owned(),
            options: Some(vec![OptionDefault {
                name: name.to_owned(),
                default: "true".to_owned(),
            }]),
        };
        Self {
            defaults: Some(vec![on("apply", "server-side"), on("delete", "interactive")]),
            ..Self::new()
        }
    }

    /// Reads what `kubectl kuberc` works on: the newest version, whatever it calls itself.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut value, _) = parse_yaml(text).map_err(|error| error.to_string())?;
        drop_nulls(&mut value);
        if value.is_null() {
            return Ok(Self::default());
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_say_the_same() {
        let beta = "kind: Preference\napiVersion: kubectl.config.k8s.io/v1beta1\ndefaults:\n- command: get\n  options:\n  - {name: output, default: wide}\naliases:\n- {name: getn, command: get, options: [{name: show-labels, default: \"true\"}]}\n";
        let alpha = beta
            .replace("v1beta1", "v1alpha1")
            .replace("defaults:", "overrides:")
            .replace("options", "flags");
        let of = |text: &str| decode(text).expect("preferences");
        let (newer, older) = (of(beta), of(&alpha));
        assert_eq!((&newer.1, &older.1), (&None, &None));
        assert_eq!((newer.0.defaults, newer.0.aliases), (older.0.defaults, older.0.aliases));
        assert!(decode(&beta.replace("v1beta1", "v1")).is_none());
        assert!(decode(&beta.replace("Preference", "Other")).is_none());
    }

    #[test]
    fn what_is_unknown_is_told_and_left_out() {
        let text = "kind: Preference\napiVersion: kubectl.config.k8s.io/v1beta1\nextra: 1\naliases:\n- name: a\n  command: get\n  odd: x\n  options: [{name: output, default: wide, more: 1}]\n";
        let (preference, strict) = decode(text).expect("preferences");
        let told = "strict decoding error: unknown field \"aliases[0].odd\", unknown field \"aliases[0].options[0].more\", unknown field \"extra\"";
        assert_eq!(strict.as_deref(), Some(told));
        assert_eq!(preference.aliases.expect("aliases")[0].options[0].name, "output");
    }

    #[test]
    fn the_first_document_that_is_preferences_counts() {
        let all = documents("---\n\n---\nkind: Other\n---\nkind: Preference\n");
        assert_eq!(all, ["kind: Other\n", "kind: Preference\n"]);
    }
}
