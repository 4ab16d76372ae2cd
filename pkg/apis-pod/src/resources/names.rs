//! Names of resources and their quantities: what is standard, what is counted in whole numbers,
//! what may be overcommitted.
//!
//! Upstream counterpart: `pkg/apis/core/helper` and the resource checks of `pkg/apis/core/validation`.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use component_helpers::resource::{HUGE_PAGES_PREFIX, is_huge_page, is_supported_at_pod_level};
use k8s_api::{Map, primitives::Quantity};

use crate::rules::{named, one_of};

const REQUESTS_PREFIX: &str = "requests.";
const REQUESTS_HUGE_PAGES_PREFIX: &str = "requests.hugepages-";
const NATIVE_DOMAIN: &str = "kubernetes.io/";

const OBJECT_COUNTS: [&str; 9] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

const STANDARD_QUOTA: [&str; 10] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
];

/// Whether the resource is Kubernetes' own: without a domain, or in `kubernetes.io`.
#[must_use]
pub fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains(NATIVE_DOMAIN)
}

/// Whether the resource is somebody else's, such as a device of a vendor.
#[must_use]
pub fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with(REQUESTS_PREFIX)
        && names::qualified_name(&format!("{REQUESTS_PREFIX}{name}")).is_empty()
}

/// Whether limits may be above what there is.
#[must_use]
pub fn is_overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

/// Whether the resource is counted in whole numbers.
#[must_use]
pub fn is_integer(name: &str) -> bool {
    OBJECT_COUNTS.contains(&name) || is_extended(name)
}

/// Whether a quota knows the resource without a domain.
#[must_use]
pub fn is_standard_quota(name: &str) -> bool {
    STANDARD_QUOTA.contains(&name)
        || OBJECT_COUNTS.contains(&name)
        || is_huge_page(name)
        || name.starts_with(REQUESTS_HUGE_PAGES_PREFIX)
}

/// Whether the resource needs no domain.
#[must_use]
pub fn is_standard(name: &str) -> bool {
    is_standard_quota(name) || name == "storage"
}

fn is_standard_container(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name)
}

/// Whether the quantity is a multiple of the size of the pages.
#[must_use]
pub fn is_whole_pages(name: &str, quantity: &Quantity) -> bool {
    let size = name
        .strip_prefix(HUGE_PAGES_PREFIX)
        .and_then(|size| size.parse::<Quantity>().ok());
    size.is_some_and(|size| {
        size.signum() > 0 && size.milli_value() % 1000 == 0 && quantity.value().checked_rem(size.value()) == Some(0)
    })
}

fn invalid_named(path: &Path<'_>, value: &str, detail: &str) -> Error {
    Error::invalid(path, named(value), detail)
}

/// Checks the name of any resource.
#[must_use]
pub fn validate_name(name: &str, path: &Path<'_>) -> ErrorList {
    let messages = names::qualified_name(name);
    let mut errors: ErrorList = messages
        .iter()
        .map(|message| invalid_named(path, name, message))
        .collect();
    if errors.is_empty() && !name.contains('/') && !is_standard(name) {
        errors.push(invalid_named(
            path,
            name,
            "must be a standard resource type or fully qualified",
        ));
    }
    errors
}

/// Checks the name of a resource that containers use.
#[must_use]
pub fn validate_container_name(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_name(name, path);
    let fault = if !name.contains('/') {
        (!is_standard_container(name)).then_some("must be a standard resource for containers")
    } else {
        (!is_native(name) && !is_extended(name)).then_some("doesn't follow extended resource name standard")
    };
    errors.extend(fault.map(|fault| invalid_named(path, name, fault)));
    errors
}

/// Checks the name of a resource that a pod as a whole uses.
#[must_use]
pub fn validate_pod_level_name(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_name(name, path);
    if errors.is_empty() && !is_supported_at_pod_level(name) {
        errors.extend(one_of(path, name, &["cpu", HUGE_PAGES_PREFIX, "memory"]));
    }
    errors
}

/// Checks the name of a resource that a quota bounds.
#[must_use]
pub fn validate_quota_name(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_name(name, path);
    if !name.contains('/') && !is_standard_quota(name) {
        errors.push(invalid_named(path, name, "must be a standard resource for quota"));
    }
    errors
}

/// Checks that a quantity of `name` is not negative, and whole where the resource is counted.
#[must_use]
pub fn validate_quantity(name: &str, quantity: &Quantity, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if quantity.signum() < 0 {
        let detail = "must be greater than or equal to 0";
        errors.push(Error::invalid(path, quantity.to_string(), detail));
    }
    if is_integer(name) && quantity.milli_value() % 1000 != 0 {
        errors.push(Error::invalid(path, BadValue::json(quantity), "must be an integer"));
    }
    errors
}

/// Rounds every quantity up to thousandths, as resource lists are kept.
pub fn round_up_list(list: &mut Map<Quantity>) {
    for quantity in list.values_mut() {
        quantity.round_up(Quantity::MILLI);
    }
}
