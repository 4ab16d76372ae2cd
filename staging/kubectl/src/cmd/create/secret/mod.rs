//! `kubectl create secret`.

mod docker_registry;
mod generic;
mod tls;

use std::collections::BTreeMap;

use apimachinery::names::config_map_key;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_api::primitives::quote;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::hash::hashed;
use crate::frame::Command;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "secret",
    usage: "(docker-registry | generic | tls)",
    short: "Create a secret using a specified subcommand",
    long: "Create a secret with specified type.\n\n A docker-registry type secret is for accessing a container registry.\n\n A generic type secret indicate an Opaque secret type.\n\n A tls type secret holds TLS certificate and its associated key.",
    subcommands: &[&docker_registry::COMMAND, &generic::COMMAND, &tls::COMMAND],
    ..Command::EMPTY
};

/// The failure of each of them.
const FAILURE: &str = "failed to create secret ";
/// The usage of `--append-hash`.
const APPEND_HASH: &str = "Append a hash of the secret to its name.";

/// What a secret holds.
#[derive(Default)]
struct Data(BTreeMap<String, String>);

impl Data {
    fn add(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let errors = config_map_key(key);
        if !errors.is_empty() {
            return Err(message!(
                "{} is not valid key name for a Secret {}",
                quote(key),
                errors.join(";")
            ));
        }
        if self.0.contains_key(key) {
            return Err(message!(
                "cannot add key {key}, another key by that name already exists"
            ));
        }
        self.0.insert(key.to_owned(), BASE64_STANDARD.encode(value));
        Ok(())
    }

    /// The secret; its type may be empty.
    fn into_secret(self, name: &str, secret_type: &str, append_hash: bool) -> Value {
        let name = if append_hash {
            let content = json!({"kind": "Secret", "type": secret_type, "name": name, "data": self.0});
            hashed(name, &content)
        } else {
            name.to_owned()
        };
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name},
            "type": secret_type,
            "data": self.0,
        })
    }
}
