//! Reviews sent to the API server: who holds a token, and whether somebody may do something.

use std::sync::Arc;
use std::time::Duration;

use apiserver_auth::authentication::{
    BearerToken, CacheSettings, RequestAuthenticator, TokenAuthenticator, TokenCache, TokenReviewer, WebSocketToken,
    WebhookTokens,
};
use apiserver_auth::authorization::{Decision, SubjectAccessReviewer, Webhook, WebhookSettings};
use async_trait::async_trait;
use client_go::api::ApiObject;
use client_go::wait::Backoff;
use client_go::{Client, Error};
use k8s_api::Object;
use k8s_api::authentication::v1::TokenReview;
use k8s_api::authorization::v1::SubjectAccessReview;

/// How often a review is sent before it counts as failed.
const ATTEMPTS: u32 = 5;
/// How long one review may take, with its repetitions.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends reviews with a client; the API server's answer is the word.
#[derive(Clone, Debug)]
pub struct Reviews {
    client: Client,
}

impl Reviews {
    /// Reviews are sent with `client`, who must be allowed to create them.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The authenticators of bearer tokens, in headers and in WebSocket protocols; answers are remembered for `ttl`.
    #[must_use]
    pub fn token_authenticators(&self, ttl: Duration) -> Vec<Arc<dyn RequestAuthenticator>> {
        let webhook = WebhookTokens::new(Arc::new(self.clone()), Vec::new());
        let settings = CacheSettings {
            success: ttl,
            failure: ttl,
            ..CacheSettings::webhook()
        };
        let tokens: Arc<dyn TokenAuthenticator> = Arc::new(TokenCache::new(Arc::new(webhook), settings));
        vec![
            Arc::new(BearerToken::new(tokens.clone())),
            Arc::new(WebSocketToken::new(tokens)),
        ]
    }

    /// The authorizer that asks; a failure refuses.
    #[must_use]
    pub fn authorizer(&self, authorized_ttl: Duration, unauthorized_ttl: Duration) -> Webhook {
        Webhook::new(
            Arc::new(self.clone()),
            WebhookSettings {
                authorized_ttl,
                unauthorized_ttl,
                decision_on_error: Decision::NoOpinion,
            },
        )
    }

    async fn send<T: Object + ApiObject>(&self, review: &T) -> Result<T, String> {
        let api = self.client.cluster::<T>();
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5), 1.5, 0.2);
        let attempts = async {
            for _ in 1..ATTEMPTS {
                match api.create(review).await {
                    Err(error) if worth_repeating(&error) => tokio::time::sleep(backoff.next_delay()).await,
                    outcome => return outcome,
                }
            }
            api.create(review).await
        };
        match tokio::time::timeout(TIMEOUT, attempts).await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("context deadline exceeded".to_owned()),
        }
    }
}

/// A review changes nothing, so that it can be sent again whenever the server may answer next time.
fn worth_repeating(error: &Error) -> bool {
    match error {
        Error::Status(_) => error.is_internal_error() || error.is_too_many_requests() || error.is_server_timeout(),
        Error::Request { .. } | Error::Timeout { .. } | Error::Body(_) => true,
        Error::Decode(_) | Error::Invalid(_) => false,
    }
}

#[async_trait]
impl TokenReviewer for Reviews {
    async fn review(&self, review: &TokenReview) -> Result<TokenReview, String> {
        self.send(review).await
    }
}

#[async_trait]
impl SubjectAccessReviewer for Reviews {
    async fn review(&self, review: &SubjectAccessReview) -> Result<SubjectAccessReview, String> {
        self.send(review).await
    }
}
