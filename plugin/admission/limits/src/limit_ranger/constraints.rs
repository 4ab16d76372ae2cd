//! The bounds: least, most, and how far a limit may be above a request.

use apis_pod::resources::{Side, aggregate as total};
use k8s_api::{
    Map,
    core::v1::{LimitRangeItem, PersistentVolumeClaim, Pod, PodSpec},
    primitives::Quantity,
};

/// What is bounded, and the type of the bound.
struct Asked<'a> {
    kind: &'a str,
    requests: &'a Map<Quantity>,
    limits: &'a Map<Quantity>,
}

/// A quantity in thousandths where all of the quantities fit, else in whole units.
fn values(quantities: [Option<&Quantity>; 3]) -> [i64; 3] {
    let whole = quantities.map(|quantity| quantity.map_or(0, Quantity::value));
    if whole.iter().all(|value| *value <= Quantity::MAX_MILLI_VALUE) {
        quantities.map(|quantity| quantity.map_or(0, Quantity::milli_value))
    } else {
        whole
    }
}

fn least(asked: &Asked<'_>, name: &str, enforced: &Quantity) -> Option<String> {
    let (request, limit) = (asked.requests.get(name), asked.limits.get(name));
    let [requested, limited, bound] = values([request, limit, Some(enforced)]);
    let rule = || format!("minimum {name} usage per {} is {enforced}", asked.kind);
    match (request, limit) {
        (None, _) => Some(format!("{}.  No request is specified", rule())),
        (Some(request), _) if requested < bound => Some(format!("{}, but request is {request}", rule())),
        (_, Some(limit)) if limited < bound => Some(format!("{}, but limit is {limit}", rule())),
        _ => None,
    }
}

fn most_requested(asked: &Asked<'_>, name: &str, enforced: &Quantity) -> Option<String> {
    let request = asked.requests.get(name);
    let [requested, _, bound] = values([request, None, Some(enforced)]);
    let rule = || format!("maximum {name} usage per {} is {enforced}", asked.kind);
    match request {
        None => Some(format!("{}.  No request is specified", rule())),
        Some(request) if requested > bound => Some(format!("{}, but request is {request}", rule())),
        Some(_) => None,
    }
}

fn most(asked: &Asked<'_>, name: &str, enforced: &Quantity) -> Option<String> {
    let (request, limit) = (asked.requests.get(name), asked.limits.get(name));
    let [requested, limited, bound] = values([request, limit, Some(enforced)]);
    let rule = || format!("maximum {name} usage per {} is {enforced}", asked.kind);
    match (request, limit) {
        (_, None) => Some(format!("{}.  No limit is specified", rule())),
        (_, Some(limit)) if limited > bound => Some(format!("{}, but limit is {limit}", rule())),
        (Some(request), _) if requested > bound => Some(format!("{}, but request is {request}", rule())),
        _ => None,
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a ratio of quantities is shown and compared with the precision of a double"
)]
fn ratio(asked: &Asked<'_>, name: &str, enforced: &Quantity) -> Option<String> {
    let (request, limit) = (asked.requests.get(name), asked.limits.get(name));
    let [requested, limited, _] = values([request, limit, Some(enforced)]);
    let rule = || format!("{name} max limit to request ratio per {} is {enforced}", asked.kind);
    if requested == 0 {
        return Some(format!("{}, but no request is specified or request is 0", rule()));
    }
    if limited == 0 {
        return Some(format!("{}, but no limit is specified or limit is 0", rule()));
    }
    let observed = limited as f64 / requested as f64;
    let exceeded = if enforced.value() <= Quantity::MAX_MILLI_VALUE {
        observed * 1000.0 > enforced.milli_value() as f64
    } else {
        observed > enforced.value() as f64
    };
    exceeded.then(|| format!("{}, but provided ratio is {observed:.6}", rule()))
}

type Rule = fn(&Asked<'_>, &str, &Quantity) -> Option<String>;

fn apply(rules: &[(&Map<Quantity>, Rule)], asked: &Asked<'_>, faults: &mut Vec<String>) {
    for (bounds, rule) in rules {
        faults.extend(bounds.iter().filter_map(|(name, enforced)| rule(asked, name, enforced)));
    }
}

/// What all containers ask for together, or what is asked for the pod as a whole; without its overhead.
fn pod_total(spec: &PodSpec, side: Side, pod_level: bool) -> Map<Quantity> {
    let mut sum = total(spec, side);
    if let Some(resources) = spec.resources.as_ref().filter(|_| pod_level) {
        let own = side.of(resources).iter();
        sum.extend(
            own.filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory"))
                .map(|(name, quantity)| (name.clone(), quantity.clone())),
        );
    }
    sum
}

/// What a pod violates.
pub(super) fn of_pod(limits: &[LimitRangeItem], pod: &Pod, pod_level: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for item in limits {
        let rules: [(&Map<Quantity>, Rule); 3] = [
            (&item.min, least),
            (&item.max, most),
            (&item.max_limit_request_ratio, ratio),
        ];
        let kind = item.type_.as_str();
        match kind {
            "Container" => {
                for container in pod.spec.containers.iter().chain(&pod.spec.init_containers) {
                    let asked = Asked {
                        kind,
                        requests: &container.resources.requests,
                        limits: &container.resources.limits,
                    };
                    apply(&rules, &asked, &mut faults);
                }
            }
            "Pod" => {
                let asked = Asked {
                    kind,
                    requests: &pod_total(&pod.spec, Side::Requests, pod_level),
                    limits: &pod_total(&pod.spec, Side::Limits, pod_level),
                };
                apply(&rules, &asked, &mut faults);
            }
            _ => {}
        }
    }
    faults
}

/// What a claim violates.
pub(super) fn of_claim(limits: &[LimitRangeItem], claim: &PersistentVolumeClaim) -> Vec<String> {
    let mut faults = Vec::new();
    for item in limits.iter().filter(|item| item.type_ == "PersistentVolumeClaim") {
        let rules: [(&Map<Quantity>, Rule); 2] = [(&item.min, least), (&item.max, most_requested)];
        let asked = Asked {
            kind: &item.type_,
            requests: &claim.spec.resources.requests,
            limits: &Map::new(),
        };
        apply(&rules, &asked, &mut faults);
    }
    faults
}
