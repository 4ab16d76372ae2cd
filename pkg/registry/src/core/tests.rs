//! What the tests of several kinds need.

use apiserver::{registry::StrategyContext, request::UserInfo};
use component_base::feature_gates::FeatureGates;
use k8s_api::Kind;
use serde_json::Value;

/// Runs `test` as a request to `group`/v1 at noon of a day in 2026.
pub(crate) fn with_context<T>(group: &str, test: impl FnOnce(&StrategyContext<'_>) -> T) -> T {
    let (user, gates) = (UserInfo::default(), FeatureGates::default());
    test(&StrategyContext {
        user: &user,
        gates: &gates,
        now: noon(),
        api_group: group,
        api_version: "v1",
    })
}

/// Noon of a day in 2026.
pub(crate) fn noon() -> jiff::Timestamp {
    "2026-01-02T12:00:00Z".parse().expect("a time")
}

/// An object from JSON.
pub(crate) fn object<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("an object")
}
