//! What the status of an ingress must be.

use apimachinery::{
    field::{Error, ErrorList},
    names,
};
use apis_pod::meta::validate_object_meta_update;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::networking::v1::Ingress;

use crate::common::{METADATA, STATUS};

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &Ingress, old: &Ingress, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let existing = &old.status.load_balancer.ingress;
    let existing: Vec<&str> = existing.iter().map(|point| point.ip.as_str()).collect();
    let strict = gates.enabled(Feature::StrictIPCIDRValidation);
    let list = STATUS.child("loadBalancer.ingress");
    for (index, point) in new.status.load_balancer.ingress.iter().enumerate() {
        let path = list.index(index);
        if !point.ip.is_empty() {
            errors.append(names::validate_legacy_ip(
                &path.child("ip"),
                &point.ip,
                strict,
                &existing,
            ));
        }
        let host = &point.hostname;
        if !host.is_empty() {
            let path = path.child("hostname");
            errors.invalid_each(&path, host, names::dns1123_subdomain(host));
            if names::parse_ip_sloppy(host).is_some() {
                errors.push(Error::invalid(&path, host, "must be a DNS name, not an IP address"));
            }
        }
    }
    errors
}
