//! `kubectl create namespace`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::Result;

use super::generated::{Generated, Generator, require_name};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "namespace",
    usage: "NAME [--dry-run=server|client|none]",
    short: "Create a namespace with the specified name",
    long: "Create a namespace with the specified name.",
    examples: "# A namespace
kubectl create namespace my-namespace",
    aliases: &["ns"],
    options: Some(Generated::<Namespace>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct Namespace;

#[async_trait(?Send)]
impl Generator for Namespace {
    const FAILURE: &'static str = "";

    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        Ok(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    }
}
