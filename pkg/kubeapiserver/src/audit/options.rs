//! The flags of the audit log (upstream: `k8s.io/apiserver/pkg/server/options/audit.go`).

use component_base::{
    GoDuration,
    flags::{FlagSet, Flags},
};

/// The flags of the audit log.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// `--audit-policy-file`
    pub policy_file: String,
    /// `--audit-log-…`
    pub log: LogOptions,
    /// `--audit-webhook-…`
    pub webhook: WebhookOptions,
}

/// How records are gathered and bounded, for either backend.
#[derive(Clone, Debug)]
pub struct BackendOptions {
    /// `…-mode`: `batch`, `blocking` or `blocking-strict`.
    pub mode: String,
    /// `…-version`
    pub version: String,
    /// `…-batch-buffer-size`
    pub buffer_size: i32,
    /// `…-batch-max-size`
    pub max_size: i32,
    /// `…-batch-max-wait`
    pub max_wait: GoDuration,
    /// `…-batch-throttle-enable`
    pub throttle: bool,
    /// `…-batch-throttle-qps`
    pub throttle_qps: f32,
    /// `…-batch-throttle-burst`
    pub throttle_burst: i32,
    /// `…-truncate-enabled`
    pub truncate: bool,
    /// `…-truncate-max-batch-size`, in bytes.
    pub max_batch_bytes: i64,
    /// `…-truncate-max-event-size`, in bytes.
    pub max_event_bytes: i64,
}

/// The log file.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// `--audit-log-path`; `-` is standard output, empty is none.
    pub path: String,
    /// `--audit-log-format`: `json` or `legacy`.
    pub format: String,
    /// `--audit-log-maxage`, in days.
    pub max_age: i32,
    /// `--audit-log-maxbackup`
    pub max_backup: i32,
    /// `--audit-log-maxsize`, in megabytes.
    pub max_size: i32,
    /// `--audit-log-compress`
    pub compress: bool,
    /// What both backends have.
    pub backend: BackendOptions,
}

/// The remote service.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// `--audit-webhook-config-file`
    pub config_file: String,
    /// `--audit-webhook-initial-backoff`
    pub initial_backoff: GoDuration,
    /// What both backends have.
    pub backend: BackendOptions,
}

const MEBIBYTE: i64 = 1024 * 1024;

impl Default for AuditOptions {
    fn default() -> Self {
        let backend = |mode: &str| BackendOptions {
            mode: mode.to_owned(),
            version: "audit.k8s.io/v1".to_owned(),
            buffer_size: 10_000,
            max_size: 400,
            max_wait: GoDuration::from_secs(30),
            throttle: true,
            throttle_qps: 10.0,
            throttle_burst: 15,
            truncate: false,
            max_batch_bytes: 10 * MEBIBYTE,
            max_event_bytes: 100 * 1024,
        };
        Self {
            policy_file: String::new(),
            log: LogOptions {
                path: String::new(),
                format: "json".to_owned(),
                max_age: 366,
                max_backup: 100,
                max_size: 100,
                compress: false,
                backend: BackendOptions {
                    max_size: 1,
                    max_wait: GoDuration::ZERO,
                    throttle: false,
                    throttle_qps: 0.0,
                    throttle_burst: 0,
                    ..backend("blocking")
                },
            },
            webhook: WebhookOptions {
                config_file: String::new(),
                initial_backoff: GoDuration::from_secs(10),
                backend: backend("batch"),
            },
        }
    }
}

impl BackendOptions {
    /// Everything that is wrong; `plugin` is `log` or `webhook`.
    pub(super) fn validate(&self, plugin: &str, errors: &mut Vec<String>) {
        const MODES: [&str; 3] = ["batch", "blocking", "blocking-strict"];
        if !MODES.contains(&self.mode.as_str()) {
            errors.push(format!(
                "invalid audit {plugin} mode {}, allowed modes are {:?}",
                self.mode,
                MODES.join(",")
            ));
        }
        if self.mode == "batch" {
            let positive = |what: &str, value: String, positive: bool, errors: &mut Vec<String>| {
                if !positive {
                    errors.push(format!(
                        "invalid audit batch {plugin} {what} {value}, must be a positive number"
                    ));
                }
            };
            positive(
                "buffer size",
                self.buffer_size.to_string(),
                self.buffer_size > 0,
                errors,
            );
            positive("max batch size", self.max_size.to_string(), self.max_size > 0, errors);
            if self.throttle {
                positive(
                    "throttle QPS",
                    self.throttle_qps.to_string(),
                    self.throttle_qps > 0.0,
                    errors,
                );
                positive(
                    "throttle burst",
                    self.throttle_burst.to_string(),
                    self.throttle_burst > 0,
                    errors,
                );
            }
        }
        if self.version != "audit.k8s.io/v1" {
            errors.push("invalid group version, allowed versions are [\"audit.k8s.io/v1\"]".to_owned());
        }
        if self.truncate && (self.max_event_bytes <= 0 || self.max_batch_bytes < self.max_event_bytes) {
            errors.push(format!(
                "invalid audit truncate {plugin} max event size {}, must be a positive number and at most the max batch \
                 size {}",
                self.max_event_bytes, self.max_batch_bytes
            ));
        }
    }
}

/// Adds the flags that both backends have, under their names.
macro_rules! backend_flags {
    ($flags:ident, $backend:expr, $prefix:literal) => {
        $flags
            .add(
                concat!("audit-", $prefix, "-mode"),
                &mut $backend.mode,
                "batch, blocking (requests wait for their records) or blocking-strict (and fail without them)",
            )
            .add(
                concat!("audit-", $prefix, "-version"),
                &mut $backend.version,
                "version of the records",
            )
            .add(
                concat!("audit-", $prefix, "-batch-buffer-size"),
                &mut $backend.buffer_size,
                "records that may wait for a batch",
            )
            .add(
                concat!("audit-", $prefix, "-batch-max-size"),
                &mut $backend.max_size,
                "most records of a batch",
            )
            .add(
                concat!("audit-", $prefix, "-batch-max-wait"),
                &mut $backend.max_wait,
                "how long a batch that is not full waits",
            )
            .add(
                concat!("audit-", $prefix, "-batch-throttle-enable"),
                &mut $backend.throttle,
                "bound the rate of batches",
            )
            .add(
                concat!("audit-", $prefix, "-batch-throttle-qps"),
                &mut $backend.throttle_qps,
                "batches a second",
            )
            .add(
                concat!("audit-", $prefix, "-batch-throttle-burst"),
                &mut $backend.throttle_burst,
                "batches that may go at once",
            )
            .add(
                concat!("audit-", $prefix, "-truncate-enabled"),
                &mut $backend.truncate,
                "leave bodies out of records that are too large, and records that are too large without",
            )
            .add(
                concat!("audit-", $prefix, "-truncate-max-batch-size"),
                &mut $backend.max_batch_bytes,
                "largest batch in bytes",
            )
            .add(
                concat!("audit-", $prefix, "-truncate-max-event-size"),
                &mut $backend.max_event_bytes,
                "largest record in bytes",
            )
    };
}

impl Flags for AuditOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let (log, webhook) = (&mut self.log, &mut self.webhook);
        flags
            .section("auditing")
            .add(
                "audit-policy-file",
                &mut self.policy_file,
                "Policy file: which requests are recorded, and how much of them",
            )
            .add(
                "audit-log-path",
                &mut log.path,
                "file that records are written to; - for standard output",
            )
            .add(
                "audit-log-format",
                &mut log.format,
                "json or legacy (a line of text a record)",
            )
            .add("audit-log-maxage", &mut log.max_age, "days that old files stay")
            .add("audit-log-maxbackup", &mut log.max_backup, "old files that stay")
            .add("audit-log-maxsize", &mut log.max_size, "largest file in megabytes")
            .add("audit-log-compress", &mut log.compress, "compress old files");
        backend_flags!(flags, log.backend, "log");
        flags
            .add(
                "audit-webhook-config-file",
                &mut webhook.config_file,
                "kubeconfig file of a service that takes records",
            )
            .add(
                "audit-webhook-initial-backoff",
                &mut webhook.initial_backoff,
                "pause before a batch is sent again",
            );
        backend_flags!(flags, webhook.backend, "webhook");
    }
}
