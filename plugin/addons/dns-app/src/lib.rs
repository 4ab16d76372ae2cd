//! The cluster's DNS server as a program, on the host or in a pod.
//!
//! What it answers is the business of `cluster-dns`; here are its flags, its sockets, and the informers that feed it.
//! Counterpart: CoreDNS with the configuration that kubeadm gives it.

mod feed;
mod options;
mod server;

pub use options::Options;
pub use server::{RunError, run};
