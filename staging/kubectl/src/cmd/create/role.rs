//! `kubectl create role`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator, require_name};
use super::policy::{self, Policy};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "role",
    usage: "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] [--dry-run=server|client|none]",
    short: "Create a role with single rule",
    long: "Create a role with single rule.",
    examples: "# Reading pods
kubectl create role pod-reader --verb=get --verb=list --verb=watch --resource=pods

# Certain pods
kubectl create role pod-reader --verb=get --resource=pods --resource-name=readablepod --resource-name=anotherpod

# A resource of a group
kubectl create role foo --verb=get,list,watch --resource=rs.apps

# A subresource
kubectl create role foo --verb=get,list,watch --resource=pods,pods/status",
    options: Some(Generated::<Role>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct Role {
    policy: Policy,
}

#[async_trait(?Send)]
impl Generator for Role {
    const FAILURE: &'static str = "";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.policy.add_flags(flags);
    }

    async fn generate(&self, context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        let (verbs, resources) = (self.policy.verbs(), self.policy.resources());
        require_name(name)?;
        if verbs.is_empty() {
            return Err(message!("at least one verb must be specified"));
        }
        policy::warn_of_verbs(context, &verbs)?;
        if resources.is_empty() {
            return Err(message!("at least one resource must be specified"));
        }
        policy::check(context, &resources, &verbs).await?;
        let rules = self.policy.rules(context, &verbs, &resources).await?;
        Ok(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": name},
            "rules": rules,
        }))
    }
}
