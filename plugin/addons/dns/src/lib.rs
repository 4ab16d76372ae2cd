//! DNS for Services and Pods after the Kubernetes DNS specification (schema version 1.1.0), answered from memory.
//!
//! Change events enter the [`store::Store`], which publishes immutable snapshots; the [`authority`] answers questions
//! about the cluster's zone and its reverse names from a snapshot without taking a lock; everything else goes to the
//! [`forward::Forwarder`]. The [`server`] ties them to UDP and TCP sockets: answers from memory are given on the
//! receiving task itself, only forwarded questions get a task of their own.
//!
//! Invariants: an event costs what its service costs, not what the cluster costs; no packet makes the server panic.
//! Counterpart: CoreDNS with its `kubernetes`, `forward`, `cache`, `loop`, `loadbalance`, `health` and `ready` plugins,
//! whose behaviour and metric names this follows where clients or dashboards depend on them.

pub mod authority;
pub mod cache;
pub mod convert;
pub mod forward;
pub mod health;
pub mod metrics;
pub mod resolv_conf;
pub mod server;
pub mod store;
