//! `kubectl create priorityclass`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::Result;

use super::generated::{Generated, Generator};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "priorityclass",
    usage: "NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
    short: "Create a priority class with the specified name",
    long: "Create a priority class with the specified name, value, globalDefault and description.",
    examples: "# A priority class
kubectl create priorityclass high-priority --value=1000 --description=\"high priority\"

# The one of pods that name none
kubectl create priorityclass default-priority --value=1000 --global-default=true --description=\"default priority\"

# One whose pods take no other's place
kubectl create priorityclass high-priority --value=1000 --description=\"high priority\" --preemption-policy=\"Never\"",
    aliases: &["pc"],
    options: Some(Generated::<PriorityClass>::options),
    ..Command::EMPTY
};

struct PriorityClass {
    value: i32,
    global_default: bool,
    description: String,
    preemption_policy: String,
}

impl Default for PriorityClass {
    fn default() -> Self {
        Self {
            value: 0,
            global_default: false,
            description: String::new(),
            preemption_policy: "PreemptLowerPriority".to_owned(),
        }
    }
}

#[async_trait(?Send)]
impl Generator for PriorityClass {
    const FAILURE: &'static str = "failed to create priorityclass: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("value", &mut self.value, "the value of this priority class.");
        flags.add(
            "global-default",
            &mut self.global_default,
            "global-default specifies whether this PriorityClass should be considered as the default priority.",
        );
        flags.add("description", &mut self.description, "description is an arbitrary string that usually provides guidelines on when this priority class should be used.");
        flags.add(
            "preemption-policy",
            &mut self.preemption_policy,
            "preemption-policy is the policy for preempting pods with lower priority.",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        Ok(json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": self.value,
            "globalDefault": self.global_default,
            "description": self.description,
            "preemptionPolicy": self.preemption_policy,
        }))
    }
}
