//! What `kubectl get endpointslices` shows.

use apiserver::registry::{Column, Row};
use k8s_api::discovery::v1::{EndpointPort, EndpointSlice};

use crate::printing::{AGE, NAME, UNSET, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("AddressType", "string"),
    column("Ports", "string"),
    column("Endpoints", "string"),
    AGE,
];

/// How many ports and addresses are spelled out.
const MOST: usize = 3;

fn first(items: impl Iterator<Item = String>) -> String {
    let (mut shown, mut more) = (Vec::with_capacity(MOST), 0);
    for item in items {
        if shown.len() < MOST {
            shown.push(item);
        } else {
            more += 1;
        }
    }
    let text = shown.join(",");
    match (text.as_str(), more) {
        ("", 0) => UNSET.into(),
        (_, 0) => text,
        _ => format!("{text} + {more} more..."),
    }
}

fn port(port: &EndpointPort) -> String {
    match (port.port, &port.name) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "*".into(),
    }
}

/// The cells of a slice.
#[must_use]
pub fn row(slice: &EndpointSlice, now: jiff::Timestamp) -> Row {
    let addresses = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
    vec![
        slice.metadata.name.as_str().into(),
        slice.address_type.as_str().into(),
        first(slice.ports.iter().map(port)).into(),
        first(addresses.cloned()).into(),
        age(slice.metadata.creation_timestamp, now).into(),
    ]
}
