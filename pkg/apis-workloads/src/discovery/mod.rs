//! The discovery group: where the endpoints of services are.

pub mod endpoint_slice;
