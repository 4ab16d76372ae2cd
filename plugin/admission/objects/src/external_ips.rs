//! `DenyServiceExternalIPs`: no service takes addresses that are not its own.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::core::v1::Service;

/// The plugin `DenyServiceExternalIPs`.
#[derive(Debug)]
pub struct DenyServiceExternalIPs;

#[async_trait]
impl Plugin for DenyServiceExternalIPs {
    fn name(&self) -> &'static str {
        "DenyServiceExternalIPs"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && resource == "services"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let Some(service) = object.and_then(|object| object.downcast_ref::<Service>()) else {
            return Ok(());
        };
        // What a service has already it may keep.
        let before = attributes
            .old_as::<Service>()
            .map_or(&[][..], |old| &old.spec.external_ips);
        if service.spec.external_ips.iter().all(|address| before.contains(address)) {
            return Ok(());
        }
        Err(attributes.forbidden(object, "Use of external IPs is denied by admission control"))
    }
}
