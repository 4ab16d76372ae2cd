//! Limit ranges.

#[cfg(test)]
mod tests;

use apis_pod::resources;
use apis_pod::resources::round_up_list;
use std::collections::{BTreeSet, HashSet};

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{
    Map,
    core::v1::{LimitRange, LimitRangeItem},
    primitives::{Format, Quantity},
};

use crate::{
    go_value::named,
    meta::{self, NameRule},
    shared::invalid_named,
};

const POD: &str = "Pod";
const CONTAINER: &str = "Container";
const CLAIM: &str = "PersistentVolumeClaim";

/// Sets the defaults of a limit range: what containers get follows from what they may have.
pub fn set_defaults(range: &mut LimitRange) {
    for item in &mut range.spec.limits {
        if item.type_ == CONTAINER {
            fill(&mut item.default, &item.max);
            fill(&mut item.default_request, &item.default);
            fill(&mut item.default_request, &item.min);
        }
        for list in [
            &mut item.max,
            &mut item.min,
            &mut item.default,
            &mut item.default_request,
            &mut item.max_limit_request_ratio,
        ] {
            round_up_list(list);
        }
    }
}

fn fill(list: &mut Map<Quantity>, from: &Map<Quantity>) {
    for (name, quantity) in from {
        list.get_or_insert_with(name, || quantity.clone());
    }
}

/// Checks a limit range, new or updated.
#[must_use]
pub fn validate(range: &LimitRange) -> ErrorList {
    let rule = NameRule::Dns1123Subdomain;
    let mut errors = meta::validate_object_meta(&range.metadata, true, rule, &Path::new("metadata"));
    let path = Path::new("spec.limits");
    let mut types = HashSet::new();
    for (index, item) in range.spec.limits.iter().enumerate() {
        let path = path.index(index);
        let type_path = path.child("type");
        validate_type(&item.type_, &type_path, &mut errors);
        if !types.insert(&item.type_) {
            errors.push(Error::duplicate(&type_path, named(&item.type_)));
        }
        validate_names(item, &path, &mut errors);
        validate_bounds(item, &path, &mut errors);
    }
    errors
}

fn validate_type(type_: &str, path: &Path<'_>, errors: &mut ErrorList) {
    let faults = invalid_named(path, type_, names::qualified_name(type_));
    let standard = type_.contains('/') || matches!(type_, POD | CONTAINER | CLAIM);
    if faults.is_empty() && !standard {
        errors.push(Error::invalid(
            path,
            named(type_),
            "must be a standard limit type or fully qualified",
        ));
    }
    errors.append(faults);
}

fn validate_names(item: &LimitRangeItem, path: &Path<'_>, errors: &mut ErrorList) {
    let check = match item.type_.as_str() {
        POD | CONTAINER => resources::validate_container_name,
        _ => resources::validate_name,
    };
    let names = |list: &Map<Quantity>, field: &str, errors: &mut ErrorList| {
        let path = path.child(field);
        for name in list.keys() {
            errors.append(check(name, &path.key(name)));
        }
    };
    names(&item.max, "max", errors);
    names(&item.min, "min", errors);
    for (list, field) in [(&item.default, "default"), (&item.default_request, "defaultRequest")] {
        if item.type_ != POD {
            names(list, field, errors);
        } else if !list.is_empty() {
            errors.push(Error::forbidden(
                &path.child(field),
                "may not be specified when `type` is 'Pod'",
            ));
        }
    }
    if item.type_ == CLAIM && !item.min.contains_key("storage") && !item.max.contains_key("storage") {
        errors.push(Error::required(
            &path.child("limits"),
            "either minimum or maximum storage value is required, but neither was provided",
        ));
    }
    names(&item.max_limit_request_ratio, "maxLimitRequestRatio", errors);
}

/// Checks the quantities of each resource against each other.
fn validate_bounds(item: &LimitRangeItem, path: &Path<'_>, errors: &mut ErrorList) {
    let nothing = Map::new();
    let (defaults, requests) = if item.type_ == POD {
        (&nothing, &nothing)
    } else {
        (&item.default, &item.default_request)
    };
    let lists = [&item.max, &item.min, defaults, requests, &item.max_limit_request_ratio];
    let names: BTreeSet<&String> = lists.iter().flat_map(|list| list.keys()).collect();
    for name in names {
        let [max, min, default, request, ratio] = lists.map(|list| list.get(name));
        let mut fault = |field: &str, value: &Quantity, detail: String| {
            errors.push(Error::invalid(
                &path.child(field).key(name),
                BadValue::json(value),
                detail,
            ));
        };
        let above = |a: Option<&Quantity>, b: Option<&Quantity>| match (a, b) {
            (Some(a), Some(b)) if a > b => Some((a.clone(), b.clone())),
            _ => None,
        };
        if let Some((min, max)) = above(min, max) {
            fault("min", &min, format!("min value {min} is greater than max value {max}"));
        }
        if let Some((min, request)) = above(min, request) {
            let detail = format!("min value {min} is greater than default request value {request}");
            fault("defaultRequest", &request, detail);
        }
        if let Some((request, max)) = above(request, max) {
            let detail = format!("default request value {request} is greater than max value {max}");
            fault("defaultRequest", &request, detail);
        }
        if let Some((request, default)) = above(request, default) {
            let detail = format!("default request value {request} is greater than default limit value {default}");
            fault("defaultRequest", &request, detail);
        }
        if let Some((min, default)) = above(min, default) {
            fault(
                "default",
                &min,
                format!("min value {min} is greater than default value {default}"),
            );
        }
        if let Some((default, max)) = above(default, max) {
            fault(
                "default",
                &max,
                format!("default value {default} is greater than max value {max}"),
            );
        }
        if let Some(ratio) = ratio {
            if *ratio < Quantity::new(1, Format::DecimalSI) {
                fault("maxLimitRequestRatio", ratio, format!("ratio {ratio} is less than 1"));
            }
            if let (Some(min), Some(max)) = (min, max)
                && let Some(limit) = exceeded_ratio(ratio, min, max)
            {
                let detail = format!("ratio {ratio} is greater than max/min = {limit}");
                fault("maxLimitRequestRatio", ratio, detail);
            }
        }
        if let (Some(default), Some(request)) = (default, request)
            && !resources::is_overcommit_allowed(name)
            && default != request
        {
            let detail = format!("default value {default} must equal to defaultRequest value {request} in {name}");
            fault("defaultRequest", request, detail);
        }
    }
}

/// The quotient of `max` and `min`, as Go prints it, if `ratio` is above it.
#[expect(
    clippy::cast_precision_loss,
    reason = "the comparison is in floating point, as upstream's is"
)]
fn exceeded_ratio(ratio: &Quantity, min: &Quantity, max: &Quantity) -> Option<String> {
    let values = [ratio, min, max].map(Quantity::value);
    let [ratio, min, max] = if values.iter().all(|value| *value < Quantity::MAX_MILLI_VALUE) {
        [
            ratio.milli_value() as f64 / 1000.0,
            min.milli_value() as f64,
            max.milli_value() as f64,
        ]
    } else {
        values.map(|value| value as f64)
    };
    let limit = max / min;
    let shown = match limit {
        limit if limit.is_nan() => "NaN".to_owned(),
        limit if limit.is_infinite() => (if limit > 0.0 { "+Inf" } else { "-Inf" }).to_owned(),
        limit => format!("{limit:.6}"),
    };
    (ratio > limit).then_some(shown)
}
