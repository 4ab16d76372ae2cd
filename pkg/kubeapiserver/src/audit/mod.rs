//! The audit log of kube-apiserver, from its flags.

mod options;
mod truncate;
mod webhook;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use apiserver::server::Auditor;
use apiserver_audit::{Backend, Batch, BatchSettings, Event, EventSink, LogBackend, LogFormat, LogSettings, Policy};
use async_trait::async_trait;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use options::{AuditOptions, BackendOptions, LogOptions, WebhookOptions};

use crate::{OptionError, aggregate};
use truncate::Truncate;
use webhook::{Blocking, Webhook};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MEBIBYTE: u64 = 1024 * 1024;

/// A log that takes records in batches.
struct LogSink(LogBackend);

#[async_trait]
impl EventSink for LogSink {
    async fn send(&self, events: &[Event]) -> Result<(), String> {
        // What cannot be written is reported where it is known why.
        self.0.process(events);
        Ok(())
    }
}

impl BackendOptions {
    fn batch(&self) -> BatchSettings {
        let size = |value: i32| usize::try_from(value).unwrap_or_default();
        BatchSettings {
            buffer: size(self.buffer_size),
            max_size: size(self.max_size),
            max_wait: self.max_wait.to_std(),
            throttle_qps: if self.throttle {
                f64::from(self.throttle_qps)
            } else {
                0.0
            },
            throttle_burst: u32::try_from(self.throttle_burst).unwrap_or_default(),
        }
    }

    fn bounded<B: Backend + 'static>(&self, backend: B) -> Arc<dyn Backend> {
        if !self.truncate {
            return Arc::new(backend);
        }
        Arc::new(Truncate {
            backend,
            max_event: usize::try_from(self.max_event_bytes).unwrap_or_default(),
        })
    }

    fn is_strict(&self) -> bool {
        self.mode == "blocking-strict"
    }
}

/// Tasks that send records, and when they are to end.
#[derive(Clone, Debug)]
pub struct AuditTasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Default for AuditTasks {
    fn default() -> Self {
        Self {
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        }
    }
}

impl AuditTasks {
    /// Sends what waits, for at most `limit`.
    pub async fn close(&self, limit: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(limit, self.tracker.wait()).await.is_err() {
            tracing::error!("audit events were still waiting when the server ended");
        }
    }

    fn batch(&self, sink: Arc<dyn EventSink>, settings: BatchSettings) -> Batch {
        let (batch, work) = Batch::new(sink, settings, self.stop.clone());
        self.tracker.spawn(work);
        batch
    }
}

impl AuditOptions {
    /// Reads the policy and opens the log; `None` if nothing is recorded.
    ///
    /// # Errors
    /// What is wrong with the flags or a file.
    pub fn build(&self, tasks: &AuditTasks) -> Result<Option<Arc<Auditor>>, OptionError> {
        let mut errors = Vec::new();
        let (has_log, has_webhook) = (!self.log.path.is_empty(), !self.webhook.config_file.is_empty());
        if has_log {
            self.log.validate(&mut errors);
        }
        if has_webhook {
            self.webhook.backend.validate("webhook", &mut errors);
        }
        aggregate(errors)?;
        if self.policy_file.is_empty() {
            for backend in [("log", has_log), ("webhook", has_webhook)] {
                if backend.1 {
                    tracing::info!(
                        "No audit policy file provided, no events will be recorded for {} backend",
                        backend.0
                    );
                }
            }
            return Ok(None);
        }
        let policy = Policy::load(Path::new(&self.policy_file))
            .map_err(|error| OptionError(format!("loading audit policy file: {error}")))?;
        let mut backends = Vec::new();
        if has_log {
            backends.push(self.log.open(tasks)?);
        }
        if has_webhook {
            let options = &self.webhook;
            let webhook = Webhook::new(Path::new(&options.config_file), options.initial_backoff.to_std())
                .map_err(|error| OptionError(format!("initializing audit webhook: {error}")))?;
            backends.push(if options.backend.mode == "batch" {
                let batch = tasks.batch(Arc::new(webhook), options.backend.batch());
                options.backend.bounded(batch)
            } else {
                options.backend.bounded(Blocking(webhook))
            });
        }
        if backends.is_empty() {
            return Ok(None);
        }
        let strict = (has_log && self.log.backend.is_strict()) || (has_webhook && self.webhook.backend.is_strict());
        Ok(Some(Auditor::new(policy, backends, strict)))
    }
}

impl LogOptions {
    fn validate(&self, errors: &mut Vec<String>) {
        self.backend.validate("log", errors);
        for (flag, value) in [
            ("--audit-log-maxage", self.max_age),
            ("--audit-log-maxbackup", self.max_backup),
            ("--audit-log-maxsize", self.max_size),
        ] {
            if value < 0 {
                errors.push(format!("{flag} {value} can't be a negative number"));
            }
        }
        if !matches!(self.format.as_str(), "json" | "legacy") {
            errors.push(format!(
                "invalid audit log format {}, allowed formats are \"legacy,json\"",
                self.format
            ));
        }
    }

    fn open(&self, tasks: &AuditTasks) -> Result<Arc<dyn Backend>, OptionError> {
        let positive = |value: i32| u32::try_from(value).unwrap_or_default();
        let settings = LogSettings {
            path: self.path.clone().into(),
            format: if self.format == "legacy" {
                LogFormat::Legacy
            } else {
                LogFormat::Json
            },
            max_size: u64::from(positive(self.max_size)) * MEBIBYTE,
            max_age: DAY * positive(self.max_age),
            max_backups: positive(self.max_backup) as usize,
            compress: self.compress,
        };
        let log = LogBackend::new(settings)
            .map_err(|error| OptionError(format!("ensureLogFile: open {}: {error}", self.path)))?;
        Ok(if self.backend.mode == "batch" {
            let batch = tasks.batch(Arc::new(LogSink(log)), self.backend.batch());
            self.backend.bounded(batch)
        } else {
            self.backend.bounded(log)
        })
    }
}
