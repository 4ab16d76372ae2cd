//! `kubectl create secret generic`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::Value;

use cli_runtime::Result;

use super::Data;
use crate::cmd::create::generated::{Generated, Generator, require_name};
use crate::cmd::create::sources::Sources;
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "generic",
    usage: "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
    short: "Create a secret from a local file, directory, or literal value",
    long: "Create a secret based on a file, directory, or specified literal value.\n\n A single secret may package one or more key/value pairs.\n\n The key of a file is its name, unless another is given, and the value its content.\n\n Of a directory every regular file whose name can be a key is taken; subdirectories, symlinks, devices and pipes are not.",
    examples: "# The files of a folder
kubectl create secret generic my-secret --from-file=path/to/bar

# Files under keys of their own
kubectl create secret generic my-secret --from-file=ssh-privatekey=path/to/id_rsa --from-file=ssh-publickey=path/to/id_rsa.pub

# Literals
kubectl create secret generic my-secret --from-literal=key1=supersecret --from-literal=key2=topsecret

# A file and a literal
kubectl create secret generic my-secret --from-file=ssh-privatekey=path/to/id_rsa --from-literal=passphrase=topsecret

# The lines of files of key=value
kubectl create secret generic my-secret --from-env-file=path/to/foo.env --from-env-file=path/to/bar.env",
    options: Some(Generated::<Generic>::options),
    ..Command::EMPTY
};

const FILES: &str = "Key files can be specified using their file path, in which case a default name will be given to them, or optionally with a name and file path, in which case the given name will be used.  Specifying a directory will iterate each named file in the directory that is a valid secret key.";

#[derive(Default)]
struct Generic {
    sources: Sources,
    secret_type: String,
    append_hash: bool,
}

#[async_trait(?Send)]
impl Generator for Generic {
    const FAILURE: &'static str = super::FAILURE;

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.sources.add_flags(flags, "secret", FILES);
        flags.add("type", &mut self.secret_type, "The type of secret to create");
        flags.add("append-hash", &mut self.append_hash, super::APPEND_HASH);
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        self.sources.check()?;
        let mut data = Data::default();
        let mut add = |key: &str, value: Vec<u8>| data.add(key, &value);
        self.sources.literals(&mut add)?;
        self.sources.files(&mut add)?;
        self.sources.env_files("secret", &mut add)?;
        Ok(data.into_secret(name, &self.secret_type, self.append_hash))
    }
}
