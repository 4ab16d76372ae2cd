//! Container logs as the runtime writes them (`<time> <stream> <tag> <text>`).
//!
//! - [`parse`]: one line;
//! - [`read_logs`]: a log with the options of the API, followed if asked;
//! - [`rotate`]: a log that has grown too large is moved away, compressed later, and the oldest are removed.
//!
//! Upstream counterpart: `k8s.io/cri-client/pkg/logs` and `pkg/kubelet/logs`.

mod line;
mod reader;
mod rotation;

pub use line::{LogLine, ParseLineError, Stream, parse};
pub use reader::{LogError, LogOptions, StillRunning, read_logs};
pub use rotation::{RotationPolicy, rotate};

#[cfg(test)]
mod tests;
