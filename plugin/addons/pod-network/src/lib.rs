//! The default pod network: pods get addresses out of their node's pod ranges from Debian's CNI plugins, and nodes route to
//! each other's ranges, directly or through VXLAN.
//!
//! The agent follows the nodes, and brings three things of the machine in line with them: the CNI configuration
//! ([`cni`]), the routes ([`routes`], [`vxlan`]), and the masquerading of what leaves the cluster ([`masquerade`]).
//!
//! Invariants: where another CNI configuration lies in the directory, the network is that one's and nothing of ours is
//! there; routes and rules of others are never touched; everything is written as a whole, so that an agent that was
//! killed leaves nothing half done, and the next one puts it right.
//!
//! Absent on purpose: addresses of pods (host-local's), policies.

mod agent;
mod cni;
mod command;
mod masquerade;
mod nodes;
mod options;
mod routes;
mod vxlan;

pub use agent::{RunError, run};
pub use options::{Mode, Options};
