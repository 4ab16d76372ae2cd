//! Taints and tolerations.

use k8s_api::core::v1::{Taint, Toleration};

/// Keeps pods from being scheduled.
pub const NO_SCHEDULE: &str = "NoSchedule";
/// Keeps pods from being scheduled where there is a choice.
pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";
/// Keeps pods from being scheduled, and removes those that run.
pub const NO_EXECUTE: &str = "NoExecute";
/// The taint of nodes with `spec.unschedulable`.
pub const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Whether a toleration bears a taint. `comparison` switches the operators `Lt` and `Gt` on.
#[must_use]
pub fn tolerates(toleration: &Toleration, taint: &Taint, comparison: bool) -> bool {
    if !toleration.effect.is_empty() && toleration.effect != taint.effect {
        return false;
    }
    if !toleration.key.is_empty() && toleration.key != taint.key {
        return false;
    }
    match toleration.operator.as_str() {
        "" | "Equal" => toleration.value == taint.value,
        "Exists" => true,
        operator @ ("Lt" | "Gt") if comparison => {
            let (Ok(limit), Ok(value)) = (toleration.value.parse::<i64>(), taint.value.parse::<i64>()) else {
                return false;
            };
            if operator == "Lt" { value < limit } else { value > limit }
        }
        _ => false,
    }
}

/// Whether one of the tolerations bears a taint.
#[must_use]
pub fn any_tolerates(tolerations: &[Toleration], taint: &Taint, comparison: bool) -> bool {
    tolerations
        .iter()
        .any(|toleration| tolerates(toleration, taint, comparison))
}

/// The first taint that keeps a pod with these tolerations away.
#[must_use]
pub fn untolerated<'t>(taints: &'t [Taint], tolerations: &[Toleration], comparison: bool) -> Option<&'t Taint> {
    let hard = taints
        .iter()
        .filter(|taint| taint.effect == NO_SCHEDULE || taint.effect == NO_EXECUTE);
    hard.into_iter()
        .find(|taint| !any_tolerates(tolerations, taint, comparison))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations() {
        let taint = |key: &str, value: &str| Taint {
            key: key.to_owned(),
            value: value.to_owned(),
            effect: NO_SCHEDULE.to_owned(),
            ..Taint::default()
        };
        let toleration = |key: &str, operator: &str, value: &str, effect: &str| Toleration {
            key: key.to_owned(),
            operator: operator.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
            ..Toleration::default()
        };
        for (name, toleration, taint, expected) in [
            ("equal", toleration("k", "", "v", NO_SCHEDULE), taint("k", "v"), true),
            ("other value", toleration("k", "Equal", "w", ""), taint("k", "v"), false),
            ("exists", toleration("k", "Exists", "", ""), taint("k", "v"), true),
            ("everything", toleration("", "Exists", "", ""), taint("k", "v"), true),
            (
                "other effect",
                toleration("k", "Exists", "", NO_EXECUTE),
                taint("k", "v"),
                false,
            ),
            (
                "no such operator",
                toleration("k", "In", "v", ""),
                taint("k", "v"),
                false,
            ),
            ("less", toleration("k", "Lt", "5", ""), taint("k", "4"), true),
            ("not less", toleration("k", "Lt", "5", ""), taint("k", "5"), false),
            ("greater", toleration("k", "Gt", "5", ""), taint("k", "6"), true),
            ("no number", toleration("k", "Gt", "5", ""), taint("k", "x"), false),
        ] {
            assert_eq!(tolerates(&toleration, &taint, true), expected, "{name}");
        }
        assert!(!tolerates(&toleration("k", "Lt", "5", ""), &taint("k", "4"), false));
    }
}
