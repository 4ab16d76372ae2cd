//! Controller revisions: states that daemon sets and stateful sets can go back to.

#[cfg(test)]
mod tests;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::{NameRule, validate_object_meta, validate_object_meta_update};
use k8s_api::apps::v1::ControllerRevision;

use crate::common::{METADATA, immutable, or_null};

const DATA: Path<'static> = Path::new("data");

fn validate_common(revision: &ControllerRevision) -> ErrorList {
    let mut errors = validate_object_meta(&revision.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    errors.append(apis_pod::meta::validate_nonnegative(
        revision.revision,
        &Path::new("revision"),
    ));
    errors
}

/// Every fault of a new revision.
#[must_use]
pub fn validate(revision: &ControllerRevision) -> ErrorList {
    let mut errors = validate_common(revision);
    let data = revision.data.as_ref().filter(|data| !data.is_null());
    match data.map(|data| data.as_str().starts_with('{')) {
        None => errors.push(Error::required(&DATA, "data is mandatory")),
        Some(false) => errors.push(Error::required(&DATA, "data must be a valid JSON object")),
        Some(true) => {}
    }
    errors
}

/// Every fault of a changed revision; the state itself may not change.
#[must_use]
pub fn validate_update(new: &ControllerRevision, old: &ControllerRevision) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errors.append(validate_common(new));
    errors.extend(immutable(&DATA, &new.data, &old.data, |data| {
        or_null(data, BadValue::json)
    }));
    errors
}
