//! Resources: their names and quantities, what containers ask for and what a pod asks for in all.

mod effective;
mod names;
mod qos;
mod requirements;
#[cfg(test)]
mod tests;
mod totals;

pub use effective::{PodTotals, is_pod_level_set};
pub use names::{
    HUGE_PAGES_PREFIX, is_extended, is_huge_page, is_integer, is_native, is_overcommit_allowed, is_standard,
    is_standard_quota, is_supported_at_pod_level, is_whole_pages, round_up_list, validate_container_name,
    validate_name, validate_pod_level_name, validate_quantity, validate_quota_name,
};
pub use qos::{compute_qos_class, qos_class};
pub use requirements::{Scope, validate_requirements};
pub use totals::{Side, aggregate};
