//! Addresses that are taken, by services for the most part.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_core::GoValue;
use apis_pod::meta::{validate_object_meta, validate_object_meta_update};
use k8s_api::networking::v1::{IPAddress, ParentReference};

use crate::common::{METADATA, SPEC, immutable, required_segment};

/// The name is the address itself.
fn name_messages(name: &str, _prefix: bool) -> names::Messages {
    let errors = names::validate_ip(&Path::NIL, name);
    errors.into_iter().map(|error| error.detail).collect()
}

/// Every fault of a new address.
#[must_use]
pub fn validate(address: &IPAddress) -> ErrorList {
    let mut errors = validate_object_meta(&address.metadata, false, name_messages, &METADATA);
    let path = SPEC.child("parentRef");
    let Some(parent) = &address.spec.parent_ref else {
        errors.push(Error::required(&path, ""));
        return errors;
    };
    if !parent.group.is_empty() {
        let messages = names::dns1123_subdomain(&parent.group);
        errors.invalid_each(&path.child("group"), &parent.group, messages);
    }
    required_segment(&path.child("resource"), &parent.resource, &mut errors);
    required_segment(&path.child("name"), &parent.name, &mut errors);
    if !parent.namespace.is_empty() {
        let messages = names::path_segment_name(&parent.namespace);
        errors.invalid_each(&path.child("namespace"), &parent.namespace, messages);
    }
    errors
}

/// Every fault of a changed address; whose it is may not change.
#[must_use]
pub fn validate_update(new: &IPAddress, old: &IPAddress) -> ErrorList {
    let mut errors = validate(new);
    errors.append(validate_object_meta_update(&new.metadata, &old.metadata, &METADATA));
    errors.extend(immutable(
        &SPEC.child("parentRef"),
        &new.spec.parent_ref,
        &old.spec.parent_ref,
        |parent| show_parent(parent.as_deref()),
    ));
    errors
}

fn show_parent(parent: Option<&ParentReference>) -> BadValue {
    let show = |parent: &ParentReference| {
        GoValue::object([
            ("Group", (&parent.group).into()),
            ("Resource", (&parent.resource).into()),
            ("Namespace", (&parent.namespace).into()),
            ("Name", (&parent.name).into()),
        ])
    };
    GoValue::pointer(parent, show).bad_value()
}
