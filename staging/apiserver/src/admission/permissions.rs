//! What plugins ask of the authorizer.

use std::{fmt, sync::Arc};

use apiserver_auth::authorization::{Attributes, Authorization, Authorizer};

use crate::request::UserInfo;

/// Asks the server's authorizer whether a user may do something else than what he asks for.
#[derive(Clone)]
pub struct Permissions(Arc<dyn Authorizer>);

impl fmt::Debug for Permissions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permissions").finish_non_exhaustive()
    }
}

impl Permissions {
    /// Asks this authorizer.
    #[must_use]
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self(authorizer)
    }

    /// The authorizer's answer.
    pub async fn ask(&self, attributes: &Attributes<'_>) -> Authorization {
        self.0.authorize(attributes).await
    }

    /// Whether the user may use a signer of certificates in this way (`sign`, `approve`, `attest`), by its name or by
    /// that of its whole domain.
    pub async fn may_use_signer(&self, user: &UserInfo, verb: &str, signer: &str) -> bool {
        let domain = signer.split('/').next().unwrap_or_default();
        for name in [signer, &format!("{domain}/*")] {
            let attributes = Attributes {
                name,
                ..Attributes::resource(user, verb, "certificates.k8s.io", "*", "signers")
            };
            if self.ask(&attributes).await.is_allowed() {
                return true;
            }
        }
        false
    }
}
