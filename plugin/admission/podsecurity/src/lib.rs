//! The admission plugin `PodSecurity`: the levels of the Pod Security Standards.
//!
//! A namespace's labels say which level of which version is enforced, audited and warned of. Pods that
//! violate the enforced level are refused; workloads, whose pods come later, are only warned of and
//! audited. When a namespace's enforced level gets stricter its existing pods are looked at.
//!
//! The levels are tables of [`checks`], each with the version from which on it has been like this; an
//! [`Evaluator`] lines them up for every version once. Upstream: `k8s.io/pod-security-admission`.

pub mod checks;
mod config;
mod evaluator;
mod existing;
mod level;
mod metrics;
mod plugin;
#[cfg(test)]
mod tests;
mod workload;

pub use config::{ConfigError, Defaults, Exemptions, PodSecurityConfiguration};
pub use evaluator::{Evaluator, Verdict};
pub use level::{Level, LevelVersion, Policy, Version};
pub use metrics::PodSecurityMetrics;
pub use plugin::PodSecurity;
