//! What Services are given: addresses in the cluster and ports of the nodes.
//!
//! Addresses are taken by creating `IPAddress` objects in the ranges of the `ServiceCIDR` objects, node ports by setting
//! a bit in one record of the store, so that any number of servers on one store agree. [`ServiceHooks`] takes them
//! ahead of a Service's write and gives them back when it fails, changes or goes; [`repair`] finds what a
//! server that died left behind.
//!
//! Upstream counterpart: `pkg/registry/core/service/{ipallocator,portallocator,storage}`.

mod addresses;
mod ports;
pub mod repair;
mod service;

pub use addresses::{AddressError, AddressRange, ClusterIps, RangeError};
pub use ports::{NodePorts, PortError, RangeAllocationMedia};
pub use service::{Allocators, ServiceHooks};
