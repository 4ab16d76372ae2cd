//! What every component shares: flags, feature gates, logging, metrics, health, version, serving, shutdown.
//!
//! A binary in `cmd/` parses its options with [`flags`] (the groups in [`options`]), loads its configuration file with
//! [`config`], starts [`logs`], and runs under [`lifecycle`]; whatever it serves over HTTP goes through [`serving`], which
//! knows connections, TLS and draining, and nothing of the API.
//!
//! Nothing here is global but the tracing subscriber: feature gates, metric registries and versions are values that the
//! binary makes once and hands down. Counterpart upstream: `k8s.io/component-base`, and of `k8s.io/apiserver/pkg/server`
//! the serving, health and certificate parts.

pub mod any_certificate;
pub mod command;
pub mod config;
pub mod duration;
pub mod feature_gates;
pub mod files;
pub mod flags;
pub mod health;
pub mod host_ip;
pub mod lifecycle;
pub mod logs;
pub mod metrics;
pub mod options;
pub mod program;
pub mod serving;
pub mod version;

pub use duration::GoDuration;
