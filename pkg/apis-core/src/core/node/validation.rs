//! Rules of nodes. The status may be set on creation, and is checked wherever it is.

use crate::shared::validate_positive_number;
use apis_pod::resources;
use std::collections::HashSet;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Map,
    core::v1::{Node, NodeAddress, Taint},
    primitives::{Quantity, quote},
};

use super::{annotations::validate_annotations, config_source};
use crate::{
    go_value::{GoValue, named, strings},
    meta::{self, NameRule},
    shared::{is_dual_stack_cidrs, legacy_cidr},
};

const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const METADATA: Path<'static> = Path::new("metadata");

/// Checks a new node.
#[must_use]
pub fn validate(node: &Node, gates: &FeatureGates) -> ErrorList {
    let mut errors = meta::validate_object_meta(&node.metadata, false, NameRule::Dns1123Subdomain, &METADATA);
    errors.append(validate_annotations(
        &node.metadata.annotations,
        &METADATA.child("annotations"),
    ));
    errors.append(validate_taints(&node.spec.taints, &METADATA.child("taints")));
    validate_resources(node, &mut errors);
    if let Some(capacity) = node.status.node_info.swap.as_ref().and_then(|swap| swap.capacity) {
        let path = METADATA.child("nodeSwapStatus.capacity");
        errors.append(validate_positive_number(capacity, &path));
    }
    validate_declared_features(&node.status.declared_features, &mut errors);
    validate_pod_cidrs(&node.spec.pod_cidrs, gates, &mut errors);
    errors
}

fn validate_pod_cidrs(cidrs: &[String], gates: &FeatureGates, errors: &mut ErrorList) {
    let path = Path::new("spec.podCIDRs");
    for (index, cidr) in cidrs.iter().enumerate() {
        errors.append(legacy_cidr(&path.index(index), cidr, &[], gates));
    }
    if cidrs.len() < 2 {
        return;
    }
    let dual_stack = is_dual_stack_cidrs(cidrs).unwrap_or_else(|error| {
        let error = format!("invalid PodCIDRs. failed to check with dual stack with error:{error}");
        errors.push(Error::internal(&path, error));
        false
    });
    if !dual_stack || cidrs.len() > 2 {
        let detail = "may specify no more than one CIDR for each IP family";
        errors.push(Error::invalid(&path, strings(cidrs), detail));
    }
}

fn validate_resources(node: &Node, errors: &mut ErrorList) {
    let mut check = |list: &Map<Quantity>, path: Path<'static>| {
        for (name, quantity) in list {
            errors.append(resources::validate_quantity(name, quantity, &path.child(name)));
        }
    };
    check(&node.status.capacity, Path::new("status.capacity"));
    check(&node.status.allocatable, Path::new("status.allocatable"));
}

/// Checks taints, each by itself and that none stands twice.
#[must_use]
pub fn validate_taints(taints: &[Taint], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, taint) in taints.iter().enumerate() {
        let path = path.index(index);
        errors.invalid_each(&path.child("key"), &taint.key, names::qualified_name(&taint.key));
        let value = names::label_value(&taint.value);
        if !value.is_empty() {
            errors.push(Error::invalid(&path.child("value"), &taint.value, value.join(";")));
        }
        let effect = path.child("effect");
        if taint.effect.is_empty() {
            errors.push(Error::required(&effect, ""));
        } else if !TAINT_EFFECTS.contains(&taint.effect.as_str()) {
            errors.push(Error::not_supported(&effect, named(&taint.effect), &TAINT_EFFECTS));
        }
        if !seen.insert((&taint.key, &taint.effect)) {
            let mut error = Error::duplicate(&path, show_taint(taint).bad_value());
            "taints must be unique by key and effect pair".clone_into(&mut error.detail);
            errors.push(error);
        }
    }
    errors
}

fn show_taint(taint: &Taint) -> GoValue {
    GoValue::object([
        ("Key", (&taint.key).into()),
        ("Value", (&taint.value).into()),
        ("Effect", (&taint.effect).into()),
        (
            "TimeAdded",
            GoValue::pointer(taint.time_added.as_ref(), |time| time.to_string().as_str().into()),
        ),
    ])
}

/// `Segment` or `Segment/segment/…`, of letters and digits only.
fn is_feature_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.split('/').all(|segment| {
            segment.starts_with(|c: char| c.is_ascii_alphabetic())
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn validate_declared_features(features: &[String], errors: &mut ErrorList) {
    let path = Path::new("status.declaredFeatures");
    for (index, feature) in features.iter().enumerate() {
        let rule = if feature.len() > names::DNS_SUBDOMAIN_MAX_LENGTH {
            Some("must be no more than 253 characters")
        } else if !is_feature_name(feature) {
            Some(
                "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes",
            )
        } else {
            None
        };
        if let Some(rule) = rule {
            let detail = format!("invalid feature name {}: {rule}", quote(feature));
            errors.push(Error::invalid(&path.index(index), feature, detail));
        }
        let Some(next) = features.get(index + 1) else { break };
        if feature == next {
            errors.push(Error::duplicate(&path.index(index + 1), next));
        } else if feature > next {
            errors.push(Error::invalid(
                &path.index(index + 1),
                next,
                "list must be sorted alphabetically",
            ));
        }
    }
}

/// Checks an update of a node, or of its status, without what [`validate`] checks of any node.
#[must_use]
pub fn validate_update(node: &Node, old: &Node) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&node.metadata, &old.metadata, &METADATA);
    errors.append(validate_annotations(
        &node.metadata.annotations,
        &METADATA.child("annotations"),
    ));
    validate_resources(node, &mut errors);
    validate_declared_features(&node.status.declared_features, &mut errors);
    validate_addresses(&node.status.addresses, &mut errors);
    validate_set_once(node, old, &mut errors);
    if let Some(source) = &node.spec.config_source {
        config_source::validate_spec(source, &Path::new("spec.configSource"), &mut errors);
    }
    if let Some(config) = &node.status.config {
        config_source::validate_status(config, &Path::new("status.config"), &mut errors);
    }
    errors.append(validate_taints(&node.spec.taints, &METADATA.child("taints")));
    if node.spec.external_id != old.spec.external_id {
        errors.push(Error::forbidden(&Path::new("spec.externalID"), "may not be updated"));
    }
    errors
}

fn validate_addresses(addresses: &[NodeAddress], errors: &mut ErrorList) {
    let path = Path::new("status.addresses");
    let mut seen = HashSet::new();
    for (index, address) in addresses.iter().enumerate() {
        if !seen.insert((&address.type_, &address.address)) {
            let shown = GoValue::object([
                ("Type", (&address.type_).into()),
                ("Address", (&address.address).into()),
            ]);
            errors.push(Error::duplicate(&path.index(index), shown.bad_value()));
        }
    }
}

/// CIDRs and provider may be filled in, by their controllers, and then no more.
fn validate_set_once(node: &Node, old: &Node, errors: &mut ErrorList) {
    let (before, after) = (&old.spec.pod_cidrs, &node.spec.pod_cidrs);
    let changes = match before.len() {
        0 => 0,
        length if length != after.len() => 1,
        _ => before
            .iter()
            .zip(after)
            .filter(|(before, after)| before != after)
            .count(),
    };
    for _ in 0..changes {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(Error::forbidden(&Path::new("spec.podCIDRs"), detail));
    }
    if !old.spec.provider_id.is_empty() && old.spec.provider_id != node.spec.provider_id {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.push(Error::forbidden(&Path::new("spec.providerID"), detail));
    }
}
