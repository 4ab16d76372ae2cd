//! What a component other than the API server serves, to whom, and when it may work.
//!
//! [`options`] are the flags that components share; they complete to a [`Guard`], which asks the API server who a caller is
//! (TokenReview) and whether it may (SubjectAccessReview). [`Router`] answers health, metrics and configuration behind it,
//! and [`Serving`] puts both on a port. [`election`] lets one replica work at a time.
//!
//! **Invariants.** Nothing is answered that the guard did not let pass; what cannot be asked is refused. *Deliberate
//! absence*: anything of one component, and API resources. Counterpart upstream: `DelegatingAuthenticationOptions` and
//! `DelegatingAuthorizationOptions` of `k8s.io/apiserver`, `controller-manager/app/serve.go`, `component-base/configz`.

mod cluster_authentication;
pub mod election;
mod guard;
mod health;
pub mod options;
mod paths;
pub mod process;
pub mod reviews;
mod router;
mod serve;

#[cfg(test)]
mod tests;

pub use cluster_authentication::{CONFIG_MAP, CONFIG_MAP_NAMESPACE};
pub use guard::{Guard, PathAttributes, Refusal, RequestAttributes};
pub use health::HealthRegistry;
pub use options::{Authentication, DelegatingAuthenticationOptions, DelegatingAuthorizationOptions, DelegationError};
pub use paths::{AllowedPaths, PathError};
pub use router::Router;
pub use serve::{Serving, ServingError};
