//! API priority and fairness (upstream: `k8s.io/apiserver/pkg/util/flowcontrol`).
//!
//! A [`FlowController`] sorts requests into flows by the cluster's FlowSchemas and lets each priority level run so many
//! seats at once; what does not fit waits in queues that serve flows fairly, or is refused. Levels lend seats that they do
//! not need. It knows neither HTTP nor storage: the caller names the request, its width, and the configuration objects.
//!
//! **Invariants:** whoever is let in holds a [`Ticket`], whose drop gives the seats back, whatever becomes of the request;
//! there is always a level and a schema for every request, even without any object in the store.

mod allocation;
pub mod bootstrap;
mod controller;
mod dealer;
mod description;
mod dropped;
pub mod dump;
mod integrator;
mod level;
mod matching;
mod metrics;
mod queueset;
mod width;

#[cfg(test)]
mod tests;

pub use controller::{Admitted, FlowController, Refused, dangling_condition};
pub use level::Ticket;
pub use metrics::FlowMetrics;
pub use width::{ListWork, Work, list_work, mutating_work};
