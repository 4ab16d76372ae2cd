//! `flowcontrol.apiserver.k8s.io`: which requests share which part of the server's concurrency.

pub mod flow_schema;
pub mod priority_level;

#[cfg(test)]
mod tests;
