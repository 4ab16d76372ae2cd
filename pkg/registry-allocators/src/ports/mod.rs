//! Node ports: a bitmap over the range of ports, kept in one record of the store.

mod bitmap;
mod node_ports;
mod operation;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use bitmap::Bitmap;
pub use node_ports::{NodePorts, PortError};
pub(crate) use operation::PortOperation;
pub use record::RangeAllocationMedia;
