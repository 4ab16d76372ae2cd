//! What `kubectl get ipaddresses` shows.
//!
//! A row has one cell more than there are columns: upstream fills in the age without announcing it,
//! and clients see it so.

use apiserver::registry::{Column, Row};
use k8s_api::networking::v1::{IPAddress, ParentReference};

use crate::printing::{NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("ParentRef", "string")];

fn parent(reference: &ParentReference) -> String {
    let mut text = reference.resource.to_lowercase();
    if !reference.group.is_empty() {
        text.push('.');
        text.push_str(&reference.group.to_lowercase());
    }
    if !reference.namespace.is_empty() {
        text.push('/');
        text.push_str(&reference.namespace);
    }
    text.push('/');
    text.push_str(&reference.name);
    text
}

/// The cells of an address.
#[must_use]
pub fn row(address: &IPAddress, now: jiff::Timestamp) -> Row {
    let reference = address.spec.parent_ref.as_deref();
    vec![
        address.metadata.name.as_str().into(),
        reference.map_or_else(|| NONE.into(), parent).into(),
        age(address.metadata.creation_timestamp, now).into(),
    ]
}
