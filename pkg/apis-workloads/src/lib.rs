//! Defaults, validation, conversion and warnings of the kinds around workloads: apps, batch,
//! autoscaling, policy, networking, discovery, coordination, scheduling and node.
//!
//! One module a kind below one a group. A kind has `set_defaults` where it has defaults, `validate`,
//! `validate_update`, the checks of its subresources, and `warnings`; all of them are pure functions
//! that report every fault at once, in upstream's order and words. [`cron`] reads schedules and says
//! when they are due.
//!
//! **Invariant:** this crate knows neither storage nor requests. Upstream counterpart:
//! `pkg/apis/{apps,batch,autoscaling,policy,networking,discovery,coordination,scheduling,node}`.

pub mod apps;
pub mod autoscaling;
pub mod batch;
mod common;
pub mod coordination;
pub mod cron;
pub mod discovery;
pub mod networking;
pub mod node;
pub mod policy;
pub mod scheduling;
