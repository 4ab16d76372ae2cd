//! `kubectl create configmap`.

use std::collections::BTreeMap;

use apimachinery::names::config_map_key;
use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use component_base::flags::FlagSet;
use k8s_api::primitives::quote;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator, require_name};
use super::hash::hashed;
use super::sources::Sources;
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "configmap",
    usage: "NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
    short: "Create a config map from a local file, directory or literal value",
    long: "Create a config map based on a file, directory, or specified literal value.\n\n A single config map may package one or more key/value pairs.\n\n The key of a file is its name, unless another is given, and the value its content.\n\n Of a directory every regular file whose name can be a key is taken; subdirectories, symlinks, devices and pipes are not.",
    examples: "# The files of a folder
kubectl create configmap my-config --from-file=path/to/bar

# Files under keys of their own
kubectl create configmap my-config --from-file=key1=/path/to/bar/file1.txt --from-file=key2=/path/to/bar/file2.txt

# Literals
kubectl create configmap my-config --from-literal=key1=config1 --from-literal=key2=config2

# The lines of a file of key=value
kubectl create configmap my-config --from-env-file=path/to/bar.env",
    aliases: &["cm"],
    options: Some(Generated::<ConfigMap>::options),
    ..Command::EMPTY
};

const FILES: &str = "Key file can be specified using its file path, in which case file basename will be used as configmap key, or optionally with a key and file path, in which case the given key will be used.  Specifying a directory will iterate each named file in the directory whose basename is a valid configmap key.";

#[derive(Default)]
struct ConfigMap {
    sources: Sources,
    append_hash: bool,
}

/// Texts, and in base64 what is no text.
#[derive(Default)]
struct Data {
    texts: BTreeMap<String, String>,
    bytes: BTreeMap<String, String>,
}

impl Data {
    fn add(&mut self, name: &str, key: &str, value: Vec<u8>) -> Result<()> {
        let errors = config_map_key(key);
        if !errors.is_empty() {
            return Err(message!(
                "{} is not a valid key name for a ConfigMap: {}",
                quote(key),
                errors.join(",")
            ));
        }
        for (place, taken) in [("Data", &self.texts), ("BinaryData", &self.bytes)] {
            if taken.contains_key(key) {
                return Err(message!(
                    "cannot add key {}, another key by that name already exists in {place} for ConfigMap {}",
                    quote(key),
                    quote(name)
                ));
            }
        }
        match String::from_utf8(value) {
            Ok(text) => self.texts.insert(key.to_owned(), text),
            Err(error) => self
                .bytes
                .insert(key.to_owned(), BASE64_STANDARD.encode(error.as_bytes())),
        };
        Ok(())
    }
}

#[async_trait(?Send)]
impl Generator for ConfigMap {
    const FAILURE: &'static str = "failed to create configmap: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.sources.add_flags(flags, "configmap", FILES);
        flags.add(
            "append-hash",
            &mut self.append_hash,
            "Append a hash of the configmap to its name.",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        self.sources.check()?;
        let mut data = Data::default();
        let mut add = |key: &str, value| data.add(name, key, value);
        self.sources.files(&mut add)?;
        self.sources.literals(&mut add)?;
        self.sources.env_files("config", &mut add)?;
        let name = if self.append_hash {
            let mut content = json!({"kind": "ConfigMap", "name": name, "data": data.texts});
            if !data.bytes.is_empty() {
                content["binaryData"] = json!(data.bytes);
            }
            hashed(name, &content)
        } else {
            name.to_owned()
        };
        Ok(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": data.texts,
            "binaryData": data.bytes,
        }))
    }
}
