//! `kubectl create poddisruptionbudget`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use kubectl_objects::numbers::int_or_string;
use kubectl_objects::selector;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator, require_name};
use crate::frame::{Command, Context};
use crate::write::refused;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "poddisruptionbudget",
    usage: "NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
    short: "Create a pod disruption budget with the specified name",
    long: "Create a pod disruption budget with the specified name, selector, and desired minimum available pods.",
    examples: "# At least one pod of the label app=rails is available at any time
kubectl create poddisruptionbudget my-pdb --selector=app=rails --min-available=1

# At least half of the pods of the label app=nginx are
kubectl create pdb my-pdb --selector=app=nginx --min-available=50%",
    aliases: &["pdb"],
    options: Some(Generated::<PodDisruptionBudget>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct PodDisruptionBudget {
    min_available: String,
    max_unavailable: String,
    selector: String,
}

/// A number, or a number of per cent.
fn is_amount(text: &str) -> bool {
    let digits = text.strip_suffix('%').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|letter| letter.is_ascii_digit())
}

#[async_trait(?Send)]
impl Generator for PodDisruptionBudget {
    const FAILURE: &'static str = "failed to create poddisruptionbudgets: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "min-available",
            &mut self.min_available,
            "The minimum number or percentage of available pods this budget requires.",
        );
        flags.add(
            "max-unavailable",
            &mut self.max_unavailable,
            "The maximum number or percentage of unavailable pods this budget requires.",
        );
        flags.add(
            "selector",
            &mut self.selector,
            "A label selector to use for this budget. Only equality-based selector requirements are supported.",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        if self.selector.is_empty() {
            return Err(message!("a selector must be specified"));
        }
        let (member, flag, amount) = match (self.min_available.as_str(), self.max_unavailable.as_str()) {
            ("", "") => {
                return Err(message!("one of min-available or max-unavailable must be specified"));
            }
            (least, "") => ("minAvailable", "min-available", least),
            ("", most) => ("maxUnavailable", "max-unavailable", most),
            _ => return Err(message!("min-available and max-unavailable cannot be both specified")),
        };
        if !is_amount(amount) {
            return Err(message!("invalid format specified for {flag}"));
        }
        let selector = selector::parse(&self.selector).map_err(refused)?;
        let mut spec = json!({"selector": selector});
        spec[member] = int_or_string(amount);
        Ok(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}))
    }
}
