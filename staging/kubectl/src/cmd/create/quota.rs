//! `kubectl create quota`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use kubectl_objects::resources;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator, require_name};
use crate::frame::{Command, Context};
use crate::write::refused;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "quota",
    usage: "NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
    short: "Create a quota with the specified name",
    long: "Create a resource quota with the specified name, hard limits, and optional scopes.",
    examples: "# Limits of several resources
kubectl create quota my-quota --hard=cpu=1,memory=1G,pods=2,services=3,replicationcontrollers=2,resourcequotas=1,secrets=5,persistentvolumeclaims=10

# Of best-effort pods only
kubectl create quota best-effort --hard=pods=100 --scopes=BestEffort",
    aliases: &["resourcequota"],
    options: Some(Generated::<Quota>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct Quota {
    hard: String,
    scopes: String,
}

#[async_trait(?Send)]
impl Generator for Quota {
    const FAILURE: &'static str = "failed to create quota: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "hard",
            &mut self.hard,
            "A comma-delimited set of resource=quantity pairs that define a hard limit.",
        );
        flags.add(
            "scopes",
            &mut self.scopes,
            "A comma-delimited set of quota scopes that must all match each object tracked by the quota.",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        let hard = resources::parse(&self.hard).map_err(refused)?;
        let scopes: Vec<&str> = match self.scopes.as_str() {
            "" => Vec::new(),
            scopes => scopes.split(',').collect(),
        };
        if scopes.contains(&"") {
            return Err(message!("invalid resource quota scope \"\""));
        }
        Ok(json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": name},
            "spec": {"hard": hard, "scopes": scopes},
        }))
    }
}
