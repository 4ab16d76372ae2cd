//! What a pod asks for in all.

mod effective;
mod totals;

use k8s_api::core::v1::Container;

pub use effective::{PodTotals, is_pod_level_set};
pub use totals::{Side, aggregate};

/// Prefix of pages of a size.
pub const HUGE_PAGES_PREFIX: &str = "hugepages-";

/// Whether the resource is pages of a size.
#[must_use]
pub fn is_huge_page(name: &str) -> bool {
    name.starts_with(HUGE_PAGES_PREFIX)
}

/// Whether a pod as a whole may ask for the resource.
#[must_use]
pub fn is_supported_at_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || is_huge_page(name)
}

/// Whether an init container runs beside those that follow.
#[must_use]
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}
