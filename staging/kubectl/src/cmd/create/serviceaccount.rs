//! `kubectl create serviceaccount`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::Result;

use super::generated::{Generated, Generator, require_name};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "serviceaccount",
    usage: "NAME [--dry-run=server|client|none]",
    short: "Create a service account with the specified name",
    long: "Create a service account with the specified name.",
    examples: "# A service account
kubectl create serviceaccount my-service-account",
    aliases: &["sa"],
    options: Some(Generated::<ServiceAccount>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct ServiceAccount;

#[async_trait(?Send)]
impl Generator for ServiceAccount {
    const FAILURE: &'static str = "failed to create serviceaccount: ";

    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        Ok(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}))
    }
}
