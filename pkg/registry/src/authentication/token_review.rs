//! Whose a token is.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::endpoints::Call;
use apiserver_auth::authentication::{Chain, Request};
use async_trait::async_trait;
use http::HeaderMap;
use k8s_api::authentication::v1::TokenReview;

use crate::review::Review;

/// Asks the server's own authenticators.
pub struct TokenReviews {
    chain: Arc<Chain>,
    audiences: Vec<String>,
}

impl TokenReviews {
    /// `audiences` are the API's own, for reviews that name none.
    #[must_use]
    pub fn new(chain: Arc<Chain>, audiences: Vec<String>) -> Self {
        Self { chain, audiences }
    }
}

impl std::fmt::Debug for TokenReviews {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TokenReviews")
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Review for TokenReviews {
    type Object = TokenReview;

    fn validate(&self, call: &Call<'_>, review: &TokenReview) -> Result<(), StatusError> {
        let namespace = &call.context.info.namespace;
        if !namespace.is_empty() {
            return Err(StatusError::bad_request(format!(
                "namespace is not allowed on this type: {namespace}"
            )));
        }
        if review.spec.token.is_empty() {
            return Err(StatusError::bad_request(
                "token is required for TokenReview in authentication",
            ));
        }
        Ok(())
    }

    async fn answer(&self, call: &Call<'_>, mut review: TokenReview) -> Result<TokenReview, StatusError> {
        let audiences = if review.spec.audiences.is_empty() {
            &self.audiences
        } else {
            &review.spec.audiences
        };
        let request = Request {
            peer_certificates: &[],
            headers: &HeaderMap::new(),
            path: "",
            audiences,
            now: call.context.received.into(),
        };
        let response = match self.chain.review(&review.spec.token, &request).await {
            Ok(response) => response,
            Err(error) => {
                review.status.error = error.to_string();
                return Ok(review);
            }
        };
        let Some(response) = response else { return Ok(review) };
        if !audiences.is_empty() && !response.audiences.iter().any(|one| audiences.contains(one)) {
            tracing::error!(want = ?audiences, got = ?response.audiences, "error validating audience");
            return Err(StatusError::internal_error("error validating audiences"));
        }
        review.status.authenticated = true;
        review.status.user = super::user_info(&response.user);
        review.status.audiences.clone_from(&response.audiences);
        Ok(review)
    }
}
