//! What the benchmarks share: programs that run, what they use, and the pod that they handle.

pub mod pod;
pub mod process;
pub mod usage;
