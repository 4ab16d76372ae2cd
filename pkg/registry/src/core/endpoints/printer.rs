//! What `kubectl get endpoints` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::Endpoints;

use crate::printing::{AGE, NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Endpoints", "string"), AGE];

/// How many addresses are shown before they are only counted.
const SHOWN: usize = 3;

/// The cells of endpoints.
#[must_use]
pub fn row(endpoints: &Endpoints, now: jiff::Timestamp) -> Row {
    vec![
        endpoints.metadata.name.as_str().into(),
        addresses(endpoints).into(),
        age(endpoints.metadata.creation_timestamp, now).into(),
    ]
}

/// `address:port` of every ready address and port; addresses alone where there are no ports.
fn addresses(endpoints: &Endpoints) -> String {
    if endpoints.subsets.is_empty() {
        return NONE.to_owned();
    }
    let mut shown = Vec::new();
    let mut count = 0;
    for subset in &endpoints.subsets {
        let rounds = subset.ports.len().max(1);
        for round in 0..rounds {
            count += subset.addresses.len();
            for address in subset.addresses.iter().take(SHOWN - shown.len()) {
                shown.push(match subset.ports.get(round) {
                    None => address.ip.clone(),
                    Some(port) if address.ip.contains(':') => format!("[{}]:{}", address.ip, port.port),
                    Some(port) => format!("{}:{}", address.ip, port.port),
                });
            }
        }
    }
    let shown = shown.join(",");
    if count > SHOWN {
        return format!("{shown} + {} more...", count - SHOWN);
    }
    shown
}
