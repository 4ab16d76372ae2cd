//! Tokens that a remote service knows (upstream: `plugin/pkg/authenticator/token/webhook`).

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use k8s_api::authentication::v1::{TokenReview, TokenReviewSpec};

use super::{AuthenticationError, Outcome, Response, TokenAuthenticator, tokens::intersect};
use crate::user::UserInfo;

/// Sends one review and returns the answer; retries and the time limit are its own.
#[async_trait]
pub trait TokenReviewer: Send + Sync {
    /// Asks the service.
    ///
    /// # Errors
    /// It did not answer.
    async fn review(&self, review: &TokenReview) -> Result<TokenReview, String>;
}

/// Asks a remote service about tokens.
pub struct WebhookTokens {
    reviewer: Arc<dyn TokenReviewer>,
    implicit: Vec<String>,
}

impl WebhookTokens {
    /// `implicit` are the API's own audiences, for services that know of none.
    #[must_use]
    pub fn new(reviewer: Arc<dyn TokenReviewer>, implicit: Vec<String>) -> Self {
        Self { reviewer, implicit }
    }
}

#[async_trait]
impl TokenAuthenticator for WebhookTokens {
    async fn authenticate_token(&self, token: &str, audiences: &[String], _now: SystemTime) -> Outcome {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                audiences: audiences.to_vec(),
            },
            ..TokenReview::default()
        };
        let status = self
            .reviewer
            .review(&review)
            .await
            .map_err(AuthenticationError::new)?
            .status;
        let checked = !audiences.is_empty();
        let meant_for = if status.audiences.is_empty() {
            // A service that says nothing of audiences speaks for the API's own.
            intersect(&self.implicit, audiences)
        } else {
            intersect(audiences, &status.audiences)
        };
        if checked && meant_for.is_empty() {
            return Ok(None);
        }
        if !status.authenticated {
            return if status.error.is_empty() {
                Ok(None)
            } else {
                Err(AuthenticationError::new(status.error))
            };
        }
        let user = status.user;
        Ok(Some(Arc::new(Response {
            user: Arc::new(UserInfo {
                name: user.username,
                uid: user.uid,
                groups: user.groups,
                extra: user.extra.into_iter().collect(),
            }),
            audiences: meant_for,
            ..Response::default()
        })))
    }
}
