//! The networking group: how traffic comes in, where it may go, and addresses of services.

pub mod ingress;
pub mod ingress_class;
pub mod ip_address;
pub mod network_policy;
pub mod service_cidr;
