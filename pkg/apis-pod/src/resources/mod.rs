//! Resources: their names and quantities, what containers ask for and what a pod asks for in all.

mod names;
mod qos;
mod requirements;
#[cfg(test)]
mod tests;

pub use component_helpers::resource::{
    HUGE_PAGES_PREFIX, PodTotals, Side, aggregate, is_huge_page, is_pod_level_set, is_supported_at_pod_level,
};
pub use names::{
    is_extended, is_integer, is_native, is_overcommit_allowed, is_standard, is_standard_quota, is_whole_pages,
    round_up_list, validate_container_name, validate_name, validate_pod_level_name, validate_quantity,
    validate_quota_name,
};
pub use qos::{compute_qos_class, qos_class};
pub use requirements::{Scope, validate_requirements};
