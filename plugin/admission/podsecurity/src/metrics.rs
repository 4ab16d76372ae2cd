//! What is counted of evaluations (upstream: `k8s.io/pod-security-admission/metrics`).

use std::sync::Arc;

use apiserver::admission::{Attributes, Operation};
use component_base::metrics::{Children, Family, MetricOpts, MetricsRegistry};
use prometheus::IntCounterVec;

use crate::{Level, LevelVersion, Version};

/// What a level is evaluated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Enforce,
    Audit,
    Warn,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
            Self::Warn => "warn",
        }
    }
}

/// Counts evaluations, exemptions and errors.
#[derive(Clone, Debug)]
pub struct PodSecurityMetrics(Arc<Inner>);

struct Inner {
    evaluations: Family<IntCounterVec>,
    exemptions: Family<IntCounterVec>,
    errors: Family<IntCounterVec>,
    /// What nearly every pod is: created or updated where everything is allowed.
    common: Children<IntCounterVec, 2>,
    /// The newest minor version that is known.
    newest: u32,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PodSecurityMetrics").finish_non_exhaustive()
    }
}

fn resource(attributes: &Attributes<'_>) -> &'static str {
    if attributes.is("", "pods") {
        "pod"
    } else if attributes.is("", "namespaces") {
        "namespace"
    } else {
        "controller"
    }
}

fn operation(attributes: &Attributes<'_>) -> &'static str {
    match attributes.operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Connect => "connect",
    }
}

impl PodSecurityMetrics {
    /// Publishes the metrics; `newest` is the newest minor version that is known.
    #[must_use]
    pub fn new(registry: &MetricsRegistry, newest: u32) -> Self {
        let evaluations = registry.counter_vec(
            MetricOpts::new(
                "pod_security_evaluations_total",
                "Evaluations of a level, without ignored and exempt requests.",
            ),
            &[
                "decision",
                "policy_level",
                "policy_version",
                "mode",
                "request_operation",
                "resource",
                "subresource",
            ],
        );
        let exemptions = registry.counter_vec(
            MetricOpts::new(
                "pod_security_exemptions_total",
                "Requests of exempt users, namespaces and runtime classes, without ignored ones.",
            ),
            &["request_operation", "resource", "subresource"],
        );
        let errors = registry.counter_vec(
            MetricOpts::new(
                "pod_security_errors_total",
                "Errors that prevented a normal evaluation; those that are not fatal made the newest restricted level hold.",
            ),
            &["fatal", "request_operation", "resource", "subresource"],
        );
        let common = Children::new(evaluations.clone(), |number| {
            let operation = ["create", "update"][number];
            let values = ["allow", "privileged", "latest", "enforce", operation, "pod", ""];
            values.map(str::to_owned).to_vec()
        });
        Self(Arc::new(Inner {
            evaluations,
            exemptions,
            errors,
            common,
            newest,
        }))
    }

    /// A level was evaluated.
    pub(crate) fn evaluated(&self, allowed: bool, policy: LevelVersion, mode: Mode, attributes: &Attributes<'_>) {
        let (operation, resource) = (operation(attributes), resource(attributes));
        let privileged = policy.level == Level::Privileged;
        if allowed && privileged && mode == Mode::Enforce && resource == "pod" && attributes.subresource.is_empty() {
            match attributes.operation {
                Operation::Create => return self.0.common.get(0).inc(),
                Operation::Update => return self.0.common.get(1).inc(),
                Operation::Delete | Operation::Connect => {}
            }
        }
        let version = match policy.version {
            // Of every version the privileged level is the same.
            Version::Minor(minor) if !privileged && minor <= self.0.newest => format!("v1.{minor}"),
            Version::Minor(_) if !privileged => "future".to_owned(),
            _ => "latest".to_owned(),
        };
        let decision = if allowed { "allow" } else { "deny" };
        let level = policy.level.to_string();
        let values = [
            decision,
            &level,
            &version,
            mode.as_str(),
            operation,
            resource,
            attributes.subresource,
        ];
        self.0.evaluations.with(&values).inc();
    }

    /// A request was exempt.
    pub(crate) fn exempt(&self, attributes: &Attributes<'_>) {
        let values = [operation(attributes), resource(attributes), attributes.subresource];
        self.0.exemptions.with(&values).inc();
    }

    /// Something could not be evaluated, or (not fatal) not as it should have been.
    pub(crate) fn failed(&self, fatal: bool, attributes: &Attributes<'_>) {
        let fatal = if fatal { "true" } else { "false" };
        let values = [
            fatal,
            operation(attributes),
            resource(attributes),
            attributes.subresource,
        ];
        self.0.errors.with(&values).inc();
    }
}
