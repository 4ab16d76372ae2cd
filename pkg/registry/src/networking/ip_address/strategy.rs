//! The rules of addresses that are taken.

use apimachinery::field::ErrorList;
use apis_workloads::networking::ip_address;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::networking::v1::IPAddress;

/// The rules of addresses.
#[derive(Clone, Copy, Debug)]
pub struct IPAddressStrategy;

impl Strategy for IPAddressStrategy {
    type Object = IPAddress;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, address: &IPAddress) -> ErrorList {
        ip_address::validate(address)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &IPAddress, old: &IPAddress) -> ErrorList {
        ip_address::validate_update(new, old)
    }
}
