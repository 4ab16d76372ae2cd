//! Service accounts: their names, and the tokens that speak for them
//! (upstream: `pkg/serviceaccount`, `k8s.io/apiserver/pkg/authentication/serviceaccount`).

mod authenticator;
mod claims;
mod discovery;
mod issuer;
mod legacy;
mod names;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use apimachinery::status::StatusError;
use async_trait::async_trait;
use k8s_api::core::v1::{Node, Pod, Secret, ServiceAccount};

pub use authenticator::{Keys, ServiceAccountTokens};
pub use claims::{Claims, KubernetesClaims, LEGACY_ISSUER, NumericDate, Reference};
pub use discovery::{Discovery, DiscoveryError, JWKS_PATH, OPENID_CONFIGURATION_PATH};
pub use issuer::{Issued, TokenIssuer, TokenIssuerSettings};
pub use legacy::{LastUse, LegacyTokens};
pub use names::{
    ISSUED_CREDENTIAL_ID, Identity, NODE_NAME, NODE_UID, POD_NAME, POD_UID, group_names, matches_username,
    split_username, username,
};

/// Finds the objects that tokens name. A cache may answer; where it has nothing, the store is asked.
#[async_trait]
pub trait ServiceAccountLookup: Send + Sync {
    /// A service account.
    ///
    /// # Errors
    /// It cannot be looked up.
    async fn service_account(&self, namespace: &str, name: &str) -> Result<Option<Arc<ServiceAccount>>, StatusError>;

    /// A pod.
    ///
    /// # Errors
    /// It cannot be looked up.
    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Arc<Pod>>, StatusError>;

    /// A secret.
    ///
    /// # Errors
    /// It cannot be looked up.
    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Arc<Secret>>, StatusError>;

    /// A node.
    ///
    /// # Errors
    /// It cannot be looked up.
    async fn node(&self, name: &str) -> Result<Option<Arc<Node>>, StatusError>;
}
