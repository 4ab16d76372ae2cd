//! Leases.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_pod::{
    meta::{NameRule, validate_object_meta, validate_object_meta_update},
    rules::named,
};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::coordination::v1::{Lease, LeaseSpec};

use crate::common::{METADATA, SPEC, invalid_named};

const STRATEGIES: [&str; 1] = ["OldestEmulationVersion"];

/// Every fault of a new lease.
#[must_use]
pub fn validate(lease: &Lease) -> ErrorList {
    let mut errors = validate_object_meta(&lease.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(&lease.spec, &mut errors);
    errors
}

/// Every fault of a changed lease.
#[must_use]
pub fn validate_update(new: &Lease, old: &Lease) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_spec(&new.spec, &mut errors);
    errors
}

fn validate_spec(spec: &LeaseSpec, errors: &mut ErrorList) {
    if let Some(seconds) = spec.lease_duration_seconds.filter(|seconds| *seconds <= 0) {
        let path = SPEC.child("leaseDurationSeconds");
        errors.push(Error::invalid(&path, seconds, "must be greater than 0"));
    }
    if let Some(transitions) = spec.lease_transitions.filter(|transitions| *transitions < 0) {
        let path = SPEC.child("leaseTransitions");
        errors.push(Error::invalid(&path, transitions, "must be greater than or equal to 0"));
    }
    if let Some(strategy) = &spec.strategy {
        // The doubled member is upstream's.
        validate_strategy(strategy, &SPEC.child("strategy.strategy"), errors);
    }
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if given(&spec.preferred_holder) && !given(&spec.strategy) {
        let detail = "may only be specified if `strategy` is defined";
        errors.push(Error::forbidden(&SPEC.child("preferredHolder"), detail));
    }
}

fn validate_strategy(strategy: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if strategy.contains('/') {
        invalid_named(path, strategy, names::qualified_name(strategy), errors);
    } else if !STRATEGIES.contains(&strategy) {
        errors.push(Error::not_supported(path, named(strategy), &STRATEGIES));
    }
}

/// Clears what no feature knows that is on, and was not there before.
pub fn drop_disabled_fields(new: &mut Lease, old: Option<&Lease>, gates: &FeatureGates) {
    if gates.enabled(Feature::CoordinatedLeaderElection) {
        return;
    }
    if old.is_none_or(|old| old.spec.strategy.is_none()) {
        new.spec.strategy = None;
    }
    if old.is_none_or(|old| old.spec.preferred_holder.is_none()) {
        new.spec.preferred_holder = None;
    }
}
