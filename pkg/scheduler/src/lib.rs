//! kube-scheduler (upstream: `pkg/scheduler` and `cmd/kube-scheduler/app`).
//!
//! Pods wait in the [`queue`]; one thread takes them out, one after the other, looks for a node in a snapshot of the
//! [`cache`] with the plugins of the pod's profile ([`framework`]), and assumes that the pod is there; the binding goes on
//! beside it ([`scheduler`]). Events from the informers ([`event_handlers`]) change the cache and bring pods back that they
//! may help.

pub mod app;
pub mod cache;
pub mod event_handlers;
pub mod extender;
pub mod framework;
pub mod metrics;
pub mod queue;
pub mod scheduler;
