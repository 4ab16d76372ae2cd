//! Service proxying on a node: what kube-proxy does between the API and the kernel's packet filter.
//!
//! Data flows one way. Services and EndpointSlices enter the change trackers ([`service`], [`endpoints`]), which
//! collect pending changes; a sync takes those out, turns each changed service into a [`plan::ServicePortPlan`]
//! (which endpoints take which traffic) and hands the plans to a [`backend::Backend`], which writes rules.
//!
//! Invariants: the cost of a sync follows the number of changed services, not the size of the cluster; a backend
//! never touches rules it did not make; after any failure the next sync rebuilds everything.
//!
//! Counterpart upstream: `pkg/proxy` of kube-proxy.

pub mod backend;
pub mod config;
pub mod conntrack;
pub mod convert;
pub mod endpoints;
pub mod health;
pub mod iptables;
pub mod local_traffic;
pub mod metrics;
pub mod nftables;
pub mod node_ports;
pub mod plan;
pub mod proxier;
pub mod runner;
pub mod service;
pub mod sysctl;
pub mod types;

#[cfg(test)]
mod fixtures;
mod hash;
pub mod process;
