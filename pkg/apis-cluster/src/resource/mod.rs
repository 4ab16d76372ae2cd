//! `resource.k8s.io`: devices that drivers offer, classes of them, and claims for them.

mod claim_spec;
pub mod device_class;
mod names;
pub mod resource_claim;
pub mod resource_claim_template;
pub mod resource_slice;
mod set;
mod show;
mod taints;
#[cfg(test)]
mod tests;

use k8s_api::resource::v1::ResourceClaimSpec;

/// One device where nothing else is asked for.
fn set_claim_defaults(spec: &mut ResourceClaimSpec) {
    let set = |mode: &mut String, count: &mut i64| {
        if mode.is_empty() {
            "ExactCount".clone_into(mode);
        }
        if mode == "ExactCount" && *count == 0 {
            *count = 1;
        }
    };
    for request in &mut spec.devices.requests {
        if let Some(exactly) = &mut request.exactly {
            set(&mut exactly.allocation_mode, &mut exactly.count);
        }
        for alternative in &mut request.first_available {
            set(&mut alternative.allocation_mode, &mut alternative.count);
        }
    }
}
