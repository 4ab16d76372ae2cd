//! `ResourceClaim`: devices that somebody wants, has been given, and uses.

mod status;

use apimachinery::field::{ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::resource::v1::ResourceClaim;

use super::{claim_spec, show};
use crate::common;

pub use status::validate_status_update;

/// One device where nothing else is asked for.
pub fn set_defaults(claim: &mut ResourceClaim) {
    super::set_claim_defaults(&mut claim.spec);
}

/// Every fault of a new claim.
#[must_use]
pub fn validate(claim: &ResourceClaim) -> ErrorList {
    let mut errors = common::object_meta(&claim.metadata, true, NameRule::Dns1123Subdomain);
    errors.append(claim_spec::validate(&claim.spec, &Path::new("spec")));
    errors
}

/// Every fault of an update; the spec stays.
#[must_use]
pub fn validate_update(new: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
    let mut errors = common::object_meta(&new.metadata, true, NameRule::Dns1123Subdomain);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors.extend(common::immutable(&Path::new("spec"), &new.spec, &old.spec, |spec| {
        apimachinery::field::BadValue::plain(show::claim_spec(spec))
    }));
    errors
}
