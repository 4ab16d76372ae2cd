//! kube-apiserver.
fn main() {}
