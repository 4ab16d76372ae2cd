//! What the benchmarks share: programs that run, what they use, how long things take, and the pod that they handle.

pub mod latency;
pub mod pod;
pub mod process;
pub mod usage;
