//! `--cpu` and `--memory`: a share of what is requested, or an amount (upstream: `parseResourceInput`).

use k8s_api::primitives::Quantity;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

/// What the average of a resource over all pods is to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// Per cent of what is requested.
    Utilization(i32),
    /// So much.
    AverageValue(Quantity),
}

impl Target {
    /// Reads `70%`, `500m`, or a number in the resource's own unit.
    ///
    /// # Errors
    /// It is none of them.
    pub(super) fn parse(text: &str, resource: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(message!("empty input"));
        }
        if let Some(number) = text.strip_suffix('%') {
            return match number.parse() {
                Ok(percent @ 0..) => Ok(Self::Utilization(percent)),
                _ => Err(message!("invalid percentage value: {number}")),
            };
        }
        let unit = if resource == "cpu" { "m" } else { "Mi" };
        let (given, plain) = match text.parse::<f64>() {
            Ok(number) => (format!("{number}{unit}"), true),
            Err(_) => (text.to_owned(), false),
        };
        given.parse().map(Self::AverageValue).map_err(|error| match plain {
            true => message!("{error}"),
            false => message!("invalid resource {resource} value: {text}"),
        })
    }

    /// A metric of `autoscaling/v2`.
    pub(super) fn metric(&self, resource: &str) -> Value {
        let target = match self {
            Self::Utilization(percent) => json!({"type": "Utilization", "averageUtilization": percent}),
            Self::AverageValue(quantity) => json!({"type": "AverageValue", "averageValue": quantity.to_string()}),
        };
        json!({"type": "Resource", "resource": {"name": resource, "target": target}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_shares_or_amounts() {
        let amount = |text: &str| Ok(Target::AverageValue(text.parse().expect("a quantity")));
        for (text, resource, expected) in [
            ("70%", "cpu", Ok(Target::Utilization(70))),
            (" 500m ", "cpu", amount("500m")),
            ("500", "cpu", amount("500m")),
            ("200", "memory", amount("200Mi")),
            ("1Gi", "memory", amount("1Gi")),
            ("-1%", "cpu", Err("invalid percentage value: -1")),
            ("x%", "cpu", Err("invalid percentage value: x")),
            ("lots", "memory", Err("invalid resource memory value: lots")),
            (" ", "memory", Err("empty input")),
        ] {
            let found = Target::parse(text, resource).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }
}
