//! Token authenticators put together.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;

use super::{AuthenticationError, Outcome, Response, TokenAuthenticator};

/// Asks one authenticator after the other until one knows the token. An error does not end the search.
pub struct TokenUnion(Vec<Arc<dyn TokenAuthenticator>>);

impl TokenUnion {
    /// In this order.
    #[must_use]
    pub fn new(authenticators: Vec<Arc<dyn TokenAuthenticator>>) -> Self {
        Self(authenticators)
    }
}

#[async_trait]
impl TokenAuthenticator for TokenUnion {
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome {
        let mut errors = Vec::new();
        for authenticator in &self.0 {
            match authenticator.authenticate_token(token, audiences, now).await {
                Ok(Some(response)) => return Ok(Some(response)),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        AuthenticationError::aggregate(errors).map_or(Ok(None), Err)
    }
}

/// Tokens that know no audience: they are meant for the API's own.
pub struct AudienceAgnostic {
    implicit: Vec<String>,
    tokens: Arc<dyn TokenAuthenticator>,
}

impl AudienceAgnostic {
    /// `implicit` are the API's own audiences.
    #[must_use]
    pub fn new(implicit: Vec<String>, tokens: Arc<dyn TokenAuthenticator>) -> Self {
        Self { implicit, tokens }
    }
}

/// Those of `left` that are in `right`.
pub(crate) fn intersect(left: &[String], right: &[String]) -> Vec<String> {
    left.iter()
        .filter(|audience| right.contains(audience))
        .cloned()
        .collect()
}

#[async_trait]
impl TokenAuthenticator for AudienceAgnostic {
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome {
        if audiences.is_empty() {
            return self.tokens.authenticate_token(token, audiences, now).await;
        }
        let meant_for = intersect(&self.implicit, audiences);
        if meant_for.is_empty() {
            return Ok(None);
        }
        let Some(response) = self.tokens.authenticate_token(token, audiences, now).await? else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Response {
            audiences: meant_for,
            ..(*response).clone()
        })))
    }
}
