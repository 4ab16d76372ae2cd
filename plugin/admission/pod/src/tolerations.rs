//! Sets of tolerations (upstream: `pkg/util/tolerations`).

use k8s_api::core::v1::Toleration;

/// A toleration of a taint with this key and effect, whatever its value.
pub(crate) fn exists(key: &str, effect: &str, seconds: Option<i64>) -> Toleration {
    Toleration {
        key: key.to_owned(),
        operator: "Exists".to_owned(),
        effect: effect.to_owned(),
        toleration_seconds: seconds,
        value: String::new(),
    }
}

/// Whether `wide` tolerates everything that `narrow` does.
fn includes(wide: &Toleration, narrow: &Toleration) -> bool {
    if wide == narrow {
        return true;
    }
    // An empty key that exists is every key.
    if wide.key != narrow.key && (!wide.key.is_empty() || wide.operator != "Exists") {
        return false;
    }
    if wide.effect != narrow.effect && !wide.effect.is_empty() {
        return false;
    }
    if wide.effect == "NoExecute"
        && let Some(most) = wide.toleration_seconds
        && narrow.toleration_seconds.is_none_or(|seconds| seconds > most)
    {
        return false;
    }
    match wide.operator.as_str() {
        "Equal" | "" => narrow.operator == "Equal" && narrow.value == wide.value,
        "Exists" => true,
        _ => false,
    }
}

/// Both sets in one, without what another toleration includes; of equal ones the first stays.
pub(crate) fn merge(first: &[Toleration], second: &[Toleration]) -> Vec<Toleration> {
    let all: Vec<&Toleration> = first.iter().chain(second).collect();
    let mut merged: Vec<Toleration> = Vec::with_capacity(all.len());
    for (index, toleration) in all.iter().enumerate() {
        let redundant = merged.iter().any(|kept| includes(kept, toleration))
            || all[index + 1..]
                .iter()
                .any(|later| later != toleration && includes(later, toleration));
        if !redundant {
            merged.push((*toleration).clone());
        }
    }
    merged
}

/// Whether every toleration is one that the list includes; an empty list includes everything.
pub(crate) fn are_allowed(tolerations: &[Toleration], allowed: &[Toleration]) -> bool {
    allowed.is_empty()
        || tolerations
            .iter()
            .all(|one| allowed.iter().any(|wide| includes(wide, one)))
}
