//! Endpoint slices.

#[cfg(test)]
mod tests;
mod topology;
mod validation;

use apimachinery::{field::Path, names::ip_warnings};
use k8s_api::discovery::v1::EndpointSlice;

pub use topology::drop_topology;
pub use validation::{validate, validate_update};

const MANAGED_BY_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
/// Whose slices are known to hold addresses in their canonical form.
const CONTROLLERS: [&str; 2] = [
    "endpointslice-controller.k8s.io",
    "endpointslicemirroring-controller.k8s.io",
];

/// Sets the defaults.
pub fn set_defaults(slice: &mut EndpointSlice) {
    for port in &mut slice.ports {
        port.name.get_or_insert_default();
        port.protocol.get_or_insert_with(|| "TCP".into());
    }
}

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(slice: &EndpointSlice) -> Vec<String> {
    let mut warnings = Vec::new();
    if slice.address_type == "FQDN" {
        warnings.push("spec.addressType: FQDN endpoints are deprecated".into());
    }
    warnings.extend(address_warnings(slice));
    warnings
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(slice: &EndpointSlice) -> Vec<String> {
    address_warnings(slice)
}

fn address_warnings(slice: &EndpointSlice) -> Vec<String> {
    let manager = slice.metadata.labels.get(MANAGED_BY_LABEL);
    if manager.is_some_and(|manager| CONTROLLERS.contains(&manager.as_str())) {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    let endpoints = Path::new("endpoints");
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        let path = endpoints.index(index);
        let path = path.child("addresses");
        for (index, address) in endpoint.addresses.iter().enumerate() {
            warnings.extend(ip_warnings(&path.index(index), address));
        }
    }
    warnings
}
