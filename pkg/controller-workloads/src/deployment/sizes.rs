//! Sizes: how many pods may be too many or too few, and how a change of size is shared out.

use k8s_api::apps::v1::{Deployment, ReplicaSet};
use k8s_api::primitives::IntOrString;

use super::annotations;

/// How many pods a deployment wants.
pub(super) fn replicas(deployment: &Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or(1)
}

/// How many pods a replica set wants.
pub(super) fn size(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

pub(super) fn is_rolling(deployment: &Deployment) -> bool {
    deployment.spec.strategy.type_ == "RollingUpdate"
}

fn scaled(value: Option<&IntOrString>, total: i32, round_up: bool) -> i32 {
    // Validation has seen to it that it is a number or a percentage.
    let number = value.map_or(Ok(0), |value| value.scaled(i64::from(total), round_up));
    i32::try_from(number.unwrap_or(0)).unwrap_or(i32::MAX)
}

/// The pods that may be too many, and those that may be too few; never none of both.
fn fenceposts(deployment: &Deployment) -> (i32, i32) {
    let update = deployment.spec.strategy.rolling_update.as_deref();
    let total = replicas(deployment);
    let surge = scaled(update.and_then(|update| update.max_surge.as_ref()), total, true);
    let unavailable = scaled(update.and_then(|update| update.max_unavailable.as_ref()), total, false);
    if surge == 0 && unavailable == 0 {
        (0, 1)
    } else {
        (surge, unavailable)
    }
}

pub(super) fn max_surge(deployment: &Deployment) -> i32 {
    if is_rolling(deployment) {
        fenceposts(deployment).0
    } else {
        0
    }
}

pub(super) fn max_unavailable(deployment: &Deployment) -> i32 {
    let total = replicas(deployment);
    if !is_rolling(deployment) || total == 0 {
        return 0;
    }
    fenceposts(deployment).1.min(total)
}

/// The size of the newest replica set while all of them together want `present` pods.
pub(super) fn newest_size(deployment: &Deployment, present: i32, newest: i32) -> i32 {
    let total = replicas(deployment);
    if !is_rolling(deployment) {
        return total;
    }
    let update = deployment.spec.strategy.rolling_update.as_deref();
    let surge = scaled(update.and_then(|update| update.max_surge.as_ref()), total, true);
    let room = total.saturating_add(surge) - present;
    if room <= 0 {
        return newest;
    }
    newest + room.min(total - newest)
}

/// How a deployment's change of size is shared out: each set keeps its share, and what is left over goes to the largest.
/// Gives the new sizes in the order of `sets`, which are the active ones.
pub(super) fn proportional_sizes(deployment: &Deployment, sets: &[&ReplicaSet]) -> Vec<i32> {
    let total = replicas(deployment);
    let allowed = if total > 0 {
        total.saturating_add(max_surge(deployment))
    } else {
        0
    };
    let to_add = allowed - sets.iter().map(|set| size(set)).sum::<i32>();
    if to_add == 0 {
        return sets.iter().map(|set| size(set)).collect();
    }
    // The largest first; of equal ones the newest when pods are added, the oldest when they are taken away.
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by(|&a, &b| {
        let by_age = super::replica_sets::by_creation(sets[a], sets[b]);
        size(sets[b])
            .cmp(&size(sets[a]))
            .then(if to_add > 0 { by_age.reverse() } else { by_age })
    });
    let mut sizes: Vec<i32> = sets.iter().map(|set| size(set)).collect();
    let mut added = 0;
    for &index in &order {
        let share = proportion(deployment, sets[index], to_add, added);
        sizes[index] += share;
        added += share;
    }
    if let Some(&first) = order.first() {
        sizes[first] = (sizes[first] + to_add - added).max(0);
    }
    sizes
}

fn proportion(deployment: &Deployment, set: &ReplicaSet, to_add: i32, added: i32) -> i32 {
    if size(set) == 0 || to_add == added {
        return 0;
    }
    let (fraction, allowed) = (fraction(deployment, set), to_add - added);
    if to_add > 0 {
        fraction.min(allowed)
    } else {
        fraction.max(allowed)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sizes are below 2^31, and so is a share of one"
)]
fn fraction(deployment: &Deployment, set: &ReplicaSet) -> i32 {
    let total = replicas(deployment);
    if total == 0 {
        return -size(set);
    }
    let before = annotations::max_replicas(set)
        .filter(|max| *max != 0)
        .unwrap_or(deployment.status.replicas);
    if before == 0 {
        return 0;
    }
    let now = f64::from(total.saturating_add(max_surge(deployment)));
    (f64::from(size(set)) * now / f64::from(before)).round() as i32 - size(set)
}

/// Whether the newest set has all pods that are wanted, and they are available.
pub(super) fn is_saturated(deployment: &Deployment, newest: &ReplicaSet) -> bool {
    let total = replicas(deployment);
    size(newest) == total
        && annotations::desired_replicas(newest) == Some(total)
        && newest.status.available_replicas == total
}
