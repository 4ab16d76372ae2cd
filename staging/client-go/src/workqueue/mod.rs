//! Work queues: keys that wait to be reconciled (upstream: `util/workqueue`).
//!
//! **Invariants.** A key is worked on by one worker at a time; one that is added while it is worked on comes again
//! afterwards, once, however often it was added; none is lost.

mod metrics;
mod queue;
mod rate_limiter;
#[cfg(test)]
mod tests;
mod worker;

pub use metrics::WorkQueueMetrics;
pub use queue::WorkQueue;
pub use rate_limiter::{Bucket, ItemExponentialFailure, ItemFastSlow, MaxOf, RateLimiter, default_limiter};
pub use worker::{Outcome, run_workers};
