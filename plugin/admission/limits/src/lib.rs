//! Admission by how much is used.
//!
//! [`LimitRanger`] completes and bounds single objects, [`ResourceQuota`] bounds what a namespace uses in
//! all, [`EventRateLimit`] how many events are written in a time.

mod event_rate_limit;
mod limit_ranger;
mod resource_quota;

pub use event_rate_limit::{EventRateLimit, EventRateLimitConfiguration, RateLimit};
pub use limit_ranger::LimitRanger;
pub use resource_quota::{LimitedResource, QuotaAccess, ResourceQuota, ResourceQuotaConfiguration};

/// Several faults in one text, as upstream strings errors together: each once, in brackets if there are more.
fn aggregate(faults: Vec<String>) -> Option<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(faults.len());
    for fault in faults {
        if !distinct.contains(&fault) {
            distinct.push(fault);
        }
    }
    match distinct.len() {
        0 => None,
        1 => distinct.pop(),
        _ => Some(format!("[{}]", distinct.join(", "))),
    }
}
