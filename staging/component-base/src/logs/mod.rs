//! Logging in klog's manner on `tracing`.
//!
//! Events have a verbosity as klog's do: errors, warnings and plain `info!` are always written; `debug!` from `-v=4` on,
//! `trace!` from `-v=6` on; a field `v = N` says it exactly (`info!(v = 2, ...)`, `debug!(v = 3, ...)`). The field itself is
//! not printed. `--vmodule` sets another threshold for single files. Libraries below us (HTTP, TLS) come at 8 and 10 only.
//!
//! One event is one line and one write. Values never pass through here that are secret: types that hold one wrap it in
//! [`Redacted`], whose text is the same for all.
//!
//! Counterpart upstream: `k8s.io/klog/v2` and `k8s.io/component-base/logs`.

mod configuration;
mod format;
mod layer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt;

use crate::feature_gates::FeatureGates;

pub use configuration::{
    FlushFrequency, FormatOptions, LoggingConfiguration, LoggingError, OutputRouting, VModule, VModuleItem, Verbosity,
};
pub use layer::KlogLayer;

/// A value that must not be seen: its `Debug` and `Display` say only that it is there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Redacted<T>(pub T);

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("--- REDACTED ---")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

/// Where lines go.
pub type Stream = Box<dyn Write + Send>;

/// The running log: its verbosity can be changed, its buffers flushed.
#[derive(Clone)]
pub struct LogHandle {
    shared: Arc<layer::Shared>,
}

impl LogHandle {
    /// The present threshold.
    #[must_use]
    pub fn verbosity(&self) -> u32 {
        self.shared.verbosity()
    }

    /// Sets the threshold, as `PUT /debug/flags/v` does.
    pub fn set_verbosity(&self, verbosity: u32) {
        self.shared.set_verbosity(verbosity);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The stream cannot be written to.
    pub fn flush(&self) -> io::Result<()> {
        self.shared.flush()
    }

    /// Flushes at this period until cancelled, and once more then. Without a buffer there is nothing to do and it ends.
    pub async fn run_flusher(self, period: Duration, cancelled: CancellationToken) {
        while self.shared.buffered() {
            let stop = tokio::select! {
                () = tokio::time::sleep(period) => false,
                () = cancelled.cancelled() => true,
            };
            // A log that cannot be written has nowhere to say so.
            let _ = self.flush();
            if stop {
                return;
            }
        }
    }
}

/// Makes the layer and its handle; `info` is used only where the configuration splits the streams.
///
/// # Errors
/// The configuration is invalid.
pub fn layer(
    configuration: &LoggingConfiguration,
    gates: &FeatureGates,
    info: Stream,
    error: Stream,
) -> Result<(KlogLayer, LogHandle), LoggingError> {
    configuration.validate(gates)?;
    let shared = Arc::new(layer::Shared::new(configuration, info, error));
    Ok((KlogLayer::new(Arc::clone(&shared)), LogHandle { shared }))
}

/// Makes the configured log the process's own, on standard error (and standard output where streams are split).
///
/// # Errors
/// The configuration is invalid, or the process has a log already.
pub fn init(configuration: &LoggingConfiguration, gates: &FeatureGates) -> Result<LogHandle, LoggingError> {
    let (layer, handle) = layer(configuration, gates, Box::new(io::stdout()), Box::new(io::stderr()))?;
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(|_| LoggingError::AlreadyApplied)?;
    Ok(handle)
}
