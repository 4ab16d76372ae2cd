//! Brings what is recorded as taken in line with the Services there are: a server may die between taking an address
//! or port and writing its Service, or between the end of a Service and giving back.
//!
//! Upstream counterpart: `ipallocator/controller/repairip.go`, `portallocator/controller/repair.go`.

mod addresses;
mod ports;
mod report;

pub use addresses::AddressRepair;
pub use ports::{PortRepair, PortRepairError};
pub use report::Reporter;
