//! `set` and `unset`: single values by their path, `clusters.NAME.server`.

use std::path::PathBuf;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use component_base::flags::{FlagSet, Flags, parse_bool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use cli_runtime::{CommandError, Result, message};
use client_go::config::Kubeconfig;
use k8s_api::primitives::quote;

use super::{Files, words};
use crate::frame::{Arguments, Command, Context, Run};

/// `set`.
pub(super) static SET: Command = Command {
    name: "set",
    usage: "PROPERTY_NAME PROPERTY_VALUE",
    short: "Set an individual value in a kubeconfig file",
    long: "Set an individual value in a kubeconfig file.\n\n PROPERTY_NAME is a path whose parts, with dots between, are members or names of entries. PROPERTY_VALUE is the value; of binary members such as certificate-authority-data it is base64, unless --set-raw-bytes is given.",
    examples: "# The server of the cluster my-cluster
kubectl config set clusters.my-cluster.server https://1.2.3.4

# Its authorities' certificates
kubectl config set clusters.my-cluster.certificate-authority-data $(base64 -w0 ca.crt)

# The cluster of the context my-context
kubectl config set contexts.my-context.cluster my-cluster

# A client key that is not base64
kubectl config set users.cluster-admin.client-key-data cert_data_here --set-raw-bytes=true",
    options: Some(|| Box::new(Set::default())),
    ..Command::EMPTY
};

/// `unset`.
pub(super) static UNSET: Command = Command {
    name: "unset",
    usage: "PROPERTY_NAME",
    short: "Unset an individual value in a kubeconfig file",
    long: "Unset an individual value in a kubeconfig file.\n\n PROPERTY_NAME is a path whose parts, with dots between, are members or names of entries.",
    examples: "# No current context\nkubectl config unset current-context\n\n# No namespace in the context foo\nkubectl config unset contexts.foo.namespace",
    options: Some(|| Box::new(Unset)),
    ..Command::EMPTY
};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    Bytes,
    /// A list or map that only `unset` can change.
    Whole,
    /// Members of its own.
    Struct(&'static [(&'static str, Kind)]),
}

const EXEC: &[(&str, Kind)] = &[
    ("command", Kind::Text),
    ("args", Kind::Whole),
    ("env", Kind::Whole),
    ("apiVersion", Kind::Text),
    ("installHint", Kind::Text),
    ("provideClusterInfo", Kind::Flag),
    ("interactiveMode", Kind::Text),
];

const CLUSTER: &[(&str, Kind)] = &[
    ("server", Kind::Text),
    ("tls-server-name", Kind::Text),
    ("insecure-skip-tls-verify", Kind::Flag),
    ("certificate-authority", Kind::Text),
    ("certificate-authority-data", Kind::Bytes),
    ("proxy-url", Kind::Text),
    ("disable-compression", Kind::Flag),
    ("extensions", Kind::Whole),
];

const USER: &[(&str, Kind)] = &[
    ("client-certificate", Kind::Text),
    ("client-certificate-data", Kind::Bytes),
    ("client-key", Kind::Text),
    ("client-key-data", Kind::Bytes),
    ("token", Kind::Text),
    ("tokenFile", Kind::Text),
    ("as", Kind::Text),
    ("as-uid", Kind::Text),
    ("as-groups", Kind::Whole),
    ("as-user-extra", Kind::Whole),
    ("username", Kind::Text),
    ("password", Kind::Text),
    ("auth-provider", Kind::Whole),
    ("exec", Kind::Struct(EXEC)),
    ("extensions", Kind::Whole),
];

const CONTEXT: &[(&str, Kind)] = &[
    ("cluster", Kind::Text),
    ("user", Kind::Text),
    ("namespace", Kind::Text),
    ("extensions", Kind::Whole),
];

/// What becomes of the value.
enum Change<'c> {
    Set { text: &'c str, raw: bool },
    Unset,
}

#[derive(Default)]
struct Set {
    raw: bool,
}

impl Flags for Set {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "set-raw-bytes",
            &mut self.raw,
            "When writing a []byte PROPERTY_VALUE, write the given string directly without base64 decoding.",
        );
    }
}

#[async_trait(?Send)]
impl Run for Set {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let [name, value] = arguments.words.as_slice() else {
            return Err(context.help_error(&format!("Unexpected args: {}", words(arguments))));
        };
        if value.is_empty() {
            return Err(message!("you cannot use set to unset a property"));
        }
        change(
            context,
            name,
            &Change::Set {
                text: value,
                raw: self.raw,
            },
        )?;
        Ok(context.streams.out.print(format!("Property {} set.\n", quote(name)))?)
    }
}

struct Unset;

impl Flags for Unset {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for Unset {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let [name] = arguments.words.as_slice() else {
            return Err(context.help_error(&format!("Unexpected args: {}", words(arguments))));
        };
        change(context, name, &Change::Unset)?;
        Ok(context
            .streams
            .out
            .print(format!("Property {} unset.\n", quote(name)))?)
    }
}

fn change(context: &Context, property: &str, change: &Change<'_>) -> Result<()> {
    if property.is_empty() {
        return Err(message!("you must specify a property"));
    }
    let mut files = Files::load(context)?;
    apply(&mut files.config, property, change)?;
    files.write()
}

fn unknown(property: &str, at: &str) -> CommandError {
    message!("unable to parse {property} after [] at {at}")
}

fn apply(config: &mut Kubeconfig, property: &str, change: &Change<'_>) -> Result<()> {
    let (first, rest) = property
        .split_once('.')
        .map_or((property, None), |(first, rest)| (first, Some(rest)));
    match (first, rest) {
        ("current-context", None) => {
            match change {
                Change::Set { text, .. } => (*text).clone_into(&mut config.current_context),
                Change::Unset => config.current_context.clear(),
            }
            Ok(())
        }
        ("preferences", Some("colors")) => {
            config.preferences.colors = match change {
                Change::Set { text, .. } => parse_bool(text).map_err(CommandError::Message)?,
                Change::Unset => false,
            };
            Ok(())
        }
        ("clusters", rest) => entries(&mut config.clusters, rest, property, CLUSTER, change, |e| {
            &mut e.location_of_origin
        }),
        ("users", rest) => entries(&mut config.auth_infos, rest, property, USER, change, |e| {
            &mut e.location_of_origin
        }),
        ("contexts", rest) => entries(&mut config.contexts, rest, property, CONTEXT, change, |e| {
            &mut e.location_of_origin
        }),
        ("current-context", Some(_)) => Err(message!("unable to parse one or more field values of {property}")),
        _ => Err(unknown(property, "api.Config")),
    }
}

/// A member of the entry that the path names; names may have dots.
fn entries<T: Serialize + DeserializeOwned + Default>(
    map: &mut std::collections::BTreeMap<String, T>,
    rest: Option<&str>,
    property: &str,
    members: &[(&'static str, Kind)],
    change: &Change<'_>,
    origin: fn(&mut T) -> &mut Option<PathBuf>,
) -> Result<()> {
    let Some(rest) = rest else {
        return match change {
            Change::Set { .. } => Err(message!("can't set a map to a value: map[]")),
            Change::Unset => {
                map.clear();
                Ok(())
            }
        };
    };
    let parts: Vec<&str> = rest.split('.').collect();
    let known = parts
        .iter()
        .skip(1)
        .position(|part| members.iter().any(|(name, _)| name == part));
    let name = parts[..known.map_or(parts.len(), |at| at + 1)].join(".");
    let path = &parts[known.map_or(parts.len(), |at| at + 1)..];
    if path.is_empty() {
        return match change {
            Change::Set { .. } => Err(message!("can't set a map to a value: map[]")),
            Change::Unset => {
                map.remove(&name);
                Ok(())
            }
        };
    }
    if !map.contains_key(&name) && matches!(change, Change::Unset) {
        return Err(message!("current map key `{name}` is invalid"));
    }
    let entry = map.entry(name).or_default();
    let place = origin(entry).take();
    let undecodable = |error: serde_json::Error| message!("{error}");
    let Value::Object(mut value) = serde_json::to_value(&*entry).map_err(undecodable)? else {
        return Ok(());
    };
    member(&mut value, path, property, members, change)?;
    *entry = serde_json::from_value(Value::Object(value)).map_err(undecodable)?;
    *origin(entry) = place;
    Ok(())
}

fn member(
    object: &mut Map<String, Value>,
    path: &[&str],
    property: &str,
    members: &[(&'static str, Kind)],
    change: &Change<'_>,
) -> Result<()> {
    let [first, rest @ ..] = path else { return Ok(()) };
    let Some((name, kind)) = members.iter().find(|(name, _)| name == first) else {
        return Err(unknown(property, "api"));
    };
    if let (Kind::Struct(inner), [_, ..]) = (kind, rest) {
        let below = object.entry(*name).or_insert_with(|| Value::Object(Map::new()));
        return match below.as_object_mut() {
            Some(below) => member(below, rest, property, inner, change),
            None => Err(unknown(property, "api")),
        };
    }
    if !rest.is_empty() {
        return Err(message!("unable to parse one or more field values of {property}"));
    }
    let value = match (change, kind) {
        (Change::Unset, _) => {
            object.remove(*name);
            return Ok(());
        }
        (Change::Set { text, .. }, Kind::Text) => Value::from(*text),
        (Change::Set { text, .. }, Kind::Flag) => parse_bool(text).map_err(CommandError::Message)?.into(),
        (Change::Set { text, raw: true }, Kind::Bytes) => STANDARD.encode(text).into(),
        (Change::Set { text, raw: false }, Kind::Bytes) => match STANDARD.decode(text) {
            Ok(bytes) => STANDARD.encode(bytes).into(),
            Err(error) => {
                let at = match error {
                    base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                    _ => text.len(),
                };
                return Err(message!(
                    "error decoding input value: illegal base64 data at input byte {at}"
                ));
            }
        },
        (Change::Set { .. }, Kind::Whole | Kind::Struct(_)) => {
            return Err(message!("unrecognized slice type. {name}"));
        }
    };
    object.insert((*name).to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_and_unset() {
        let mut config = Kubeconfig::default();
        let set = |text| Change::Set { text, raw: false };
        apply(&mut config, "clusters.my.dotted.name.server", &set("https://x")).expect("a member");
        apply(
            &mut config,
            "clusters.my.dotted.name.insecure-skip-tls-verify",
            &set("true"),
        )
        .expect("a flag");
        apply(&mut config, "users.u.client-key-data", &set("YQ==")).expect("bytes");
        apply(&mut config, "users.u.exec.command", &set("prog")).expect("a member of a member");
        apply(&mut config, "current-context", &set("c")).expect("a text");
        assert_eq!(config.clusters["my.dotted.name"].server, "https://x");
        assert!(config.clusters["my.dotted.name"].insecure_skip_tls_verify);
        assert_eq!(config.auth_infos["u"].client_key_data.clone().into_vec(), b"a");
        assert_eq!(
            config.auth_infos["u"].exec.as_ref().map(|exec| exec.command.as_str()),
            Some("prog")
        );
        assert_eq!(config.current_context, "c");
        apply(&mut config, "clusters.my.dotted.name.server", &Change::Unset).expect("a member");
        assert_eq!(config.clusters["my.dotted.name"].server, "");
        apply(&mut config, "clusters.my.dotted.name", &Change::Unset).expect("an entry");
        assert!(config.clusters.is_empty());
        for (property, expected) in [
            ("foo", "unable to parse foo after [] at api.Config"),
            ("clusters", "can't set a map to a value: map[]"),
            (
                "users.u.client-key-data",
                "error decoding input value: illegal base64 data at input byte 0",
            ),
        ] {
            let error = apply(&mut config, property, &set("*")).expect_err(property);
            assert_eq!(error.to_string(), expected);
        }
    }
}
