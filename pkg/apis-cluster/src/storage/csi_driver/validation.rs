//! What a driver's description must be.
//!
//! Upstream looks for a fault of `attachRequired` under the name `attachedRequired`.

use std::collections::HashSet;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::storage::v1::{CSIDriver, CSIDriverSpec, TokenRequest};

use crate::common;

const MIN_TOKEN_SECONDS: i64 = 10 * 60;
const MAX_TOKEN_SECONDS: i64 = 1 << 32;

/// Every fault of a new object. With `volume_limit_scaling` (the gate of that name)
/// `preventPodSchedulingIfMissing` must be there.
#[must_use]
pub fn validate(driver: &CSIDriver, volume_limit_scaling: bool) -> ErrorList {
    let mut errors = common::object_meta(&driver.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(validate_spec(&driver.spec, volume_limit_scaling));
    errors
}

/// Every fault of an update; attaching and the kinds of volume stay.
#[must_use]
pub fn validate_update(new: &CSIDriver, old: &CSIDriver, volume_limit_scaling: bool) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    errors.append(validate_spec(&new.spec, volume_limit_scaling));
    let path = Path::new("spec");
    let (new, old) = (&new.spec, &old.spec);
    errors.extend(common::immutable(
        &path.child("attachedRequired"),
        &new.attach_required,
        &old.attach_required,
        |value| value.map_or_else(|| BadValue::plain("null"), BadValue::from),
    ));
    errors.extend(common::immutable(
        &path.child("volumeLifecycleModes"),
        &new.volume_lifecycle_modes,
        &old.volume_lifecycle_modes,
        |modes| BadValue::plain(crate::go::list(modes)),
    ));
    errors
}

fn validate_spec(spec: &CSIDriverSpec, volume_limit_scaling: bool) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    for (name, value) in [
        ("attachedRequired", spec.attach_required),
        ("podInfoOnMount", spec.pod_info_on_mount),
        ("storageCapacity", spec.storage_capacity),
    ] {
        if value.is_none() {
            errors.push(Error::required(&path.child(name), ""));
        }
    }
    if let Some(policy) = &spec.fs_group_policy {
        let policies = ["File", "None", "ReadWriteOnceWithFSType"];
        errors.extend(common::one_of(&path.child("fsGroupPolicy"), policy, &policies));
    }
    errors.append(validate_token_requests(&spec.token_requests));
    let modes = path.child("volumeLifecycleModes");
    for mode in &spec.volume_lifecycle_modes {
        errors.extend(common::one_of(&modes, mode, &["Persistent", "Ephemeral"]));
    }
    if spec.se_linux_mount.is_none() {
        errors.push(Error::required(&path.child("seLinuxMount"), ""));
    }
    if let Some(period) = spec
        .node_allocatable_update_period_seconds
        .filter(|period| *period < 10)
    {
        let path = path.child("nodeAllocatableUpdatePeriodSeconds");
        errors.push(Error::invalid(
            &path,
            period,
            "must be greater than or equal to 10 seconds",
        ));
    }
    if let Some(value) = spec.service_account_token_in_secrets
        && spec.token_requests.is_empty()
    {
        let detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
        errors.push(Error::invalid(
            &path.child("serviceAccountTokenInSecrets"),
            value,
            detail,
        ));
    }
    if volume_limit_scaling && spec.prevent_pod_scheduling_if_missing.is_none() {
        errors.push(Error::required(&path.child("preventPodSchedulingIfMissing"), ""));
    }
    errors
}

fn validate_token_requests(requests: &[TokenRequest]) -> ErrorList {
    let path = Path::new("spec.tokenRequests");
    let mut errors = ErrorList::new();
    let mut audiences = HashSet::new();
    for (at, request) in requests.iter().enumerate() {
        let path = path.index(at);
        if !audiences.insert(&request.audience) {
            errors.push(Error::duplicate(&path.child("audience"), &request.audience));
            continue;
        }
        let Some(seconds) = request.expiration_seconds else {
            continue;
        };
        let expiration = path.child("expirationSeconds");
        if seconds < MIN_TOKEN_SECONDS {
            errors.push(Error::invalid(
                &expiration,
                seconds,
                "may not specify a duration less than 10 minutes",
            ));
        }
        if seconds > MAX_TOKEN_SECONDS {
            let detail = "may not specify a duration larger than 2^32 seconds";
            errors.push(Error::invalid(&expiration, seconds, detail));
        }
    }
    errors
}
