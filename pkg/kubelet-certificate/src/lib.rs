//! The kubelet's certificates: asked for by certificate signing requests, kept in files, and renewed before they end.
//!
//! - [`Store`]: the present pair as `<name>-current.pem`, a link to the file of its day; readable by the owner only;
//! - [`Wanted`] and [`obtain`]: one request, from a new key to the signed certificate;
//! - [`Rotator`]: renews at a random moment late in a certificate's life;
//! - [`bootstrap`]: the first client certificate and the kubeconfig that uses it.
//!
//! Invariant: a key never leaves the process before its certificate is there, but to a file of mode 0600. Upstream
//! counterpart: `k8s.io/client-go/util/certificate` and `pkg/kubelet/certificate`.

pub mod bootstrap;
mod request;
mod rotate;
mod store;

pub use request::{ObtainError, Wanted, obtain};
pub use rotate::Rotator;
pub use store::{Pair, Store, StoreError};

#[cfg(test)]
mod tests;
