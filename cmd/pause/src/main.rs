//! The process that holds a pod sandbox's namespaces and reaps its orphans.
fn main() {}
