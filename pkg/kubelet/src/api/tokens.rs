//! Tokens of service accounts.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use client_go::Client;
use k8s_api::authentication::v1::{self as authentication, BoundObjectReference, TokenRequestSpec};
use k8s_api::core::v1::ServiceAccount;
use kubelet_types::seams::{ApiError, Token, TokenRequest, TokenRequester};

use super::api_error;

/// Asks the API server for tokens.
pub struct ApiTokens(pub Client);

#[async_trait]
impl TokenRequester for ApiTokens {
    async fn request_token(&self, request: &TokenRequest) -> Result<Token, ApiError> {
        let body = authentication::TokenRequest {
            spec: TokenRequestSpec {
                audiences: if request.audience.is_empty() {
                    Vec::new()
                } else {
                    vec![request.audience.clone()]
                },
                expiration_seconds: Some(request.expiration_seconds),
                bound_object_ref: Some(Box::new(BoundObjectReference {
                    api_version: "v1".to_owned(),
                    kind: "Pod".to_owned(),
                    name: request.pod_name.clone(),
                    uid: request.pod_uid.clone(),
                })),
            },
            ..Default::default()
        };
        let accounts = self.0.namespaced::<ServiceAccount>(request.namespace.clone());
        let answer = accounts.create_token(&request.service_account, &body).await;
        let status = answer.map_err(|error| api_error(&error))?.status;
        // A server that does not say when a token ends means what it was asked for.
        let asked = Duration::from_secs(u64::try_from(request.expiration_seconds).unwrap_or_default());
        let expires = status
            .expiration_timestamp
            .map_or_else(|| SystemTime::now() + asked, SystemTime::from);
        Ok(Token {
            token: status.token,
            expires,
        })
    }
}
