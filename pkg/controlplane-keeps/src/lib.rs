//! What the API server itself keeps in the cluster: the `kubernetes` Service with its endpoints, the range of service
//! addresses, its lease, and the objects that every cluster starts with.
//!
//! Each thing is a [hook](Hooks) that runs after the server has begun to serve; `/readyz` passes once all of them
//! have done their first work. Everything goes through [`Local`](apiserver::registry::Local), the server's own
//! access to its resources.
//!
//! Upstream counterpart: `pkg/controlplane/controller/*`, `pkg/controlplane/reconcilers`, and the post-start hooks of
//! `pkg/registry/*/rest`.

mod api_services;
mod authentication_trust;
mod flow_control;
mod hooks;
mod identity;
mod keeper;
mod kubernetes_service;
mod namespaces;
mod periodic;
mod priority_classes;
mod service_cidr;
mod stores;
mod token_tracking;

pub use authentication_trust::{AuthenticationTrust, RequestHeaderTrust};
pub use hooks::Hooks;
pub use keeper::{Keeper, KeeperConfig};
pub use kubernetes_service::ReconcilerType;
pub use stores::{MissingStore, Stores};
