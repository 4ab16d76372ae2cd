//! Tokens of service accounts, renewed before they end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kubelet_types::clock::SharedClock;
use kubelet_types::seams::{ApiError, Token, TokenRequest, TokenRequester};
use parking_lot::Mutex;

/// No token is kept for longer.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// Keeps tokens until four fifths of their life are over.
pub struct TokenCache {
    requester: Arc<dyn TokenRequester>,
    clock: SharedClock,
    tokens: Mutex<HashMap<TokenRequest, Token>>,
}

impl TokenCache {
    /// An empty cache.
    #[must_use]
    pub fn new(requester: Arc<dyn TokenRequester>, clock: SharedClock) -> Self {
        Self {
            requester,
            clock,
            tokens: Mutex::new(HashMap::new()),
        }
    }

    /// A token that is good for at least a fifth of its life; if it cannot be renewed, the old one as long as it lasts.
    ///
    /// # Errors
    /// If there is no old one that still lasts.
    pub async fn token(&self, request: &TokenRequest) -> Result<Token, ApiError> {
        let held = self.tokens.lock().get(request).cloned();
        let now = self.clock.now();
        if let Some(token) = &held
            && now < renewal(token, request)
        {
            return Ok(token.clone());
        }
        match self.requester.request_token(request).await {
            Ok(token) => {
                self.tokens.lock().insert(request.clone(), token.clone());
                Ok(token)
            }
            Err(error) => match held.filter(|token| now < token.expires) {
                Some(token) => {
                    tracing::error!(%error, pod = request.pod_name, "the token could not be renewed, the old one is used on");
                    Ok(token)
                }
                None => Err(ApiError::Other(format!("failed to fetch token: {error}"))),
            },
        }
    }

    /// Forgets the tokens of a pod.
    pub fn forget_pod(&self, uid: &str) {
        self.tokens.lock().retain(|request, _| request.pod_uid != uid);
    }

    /// When the earliest token of a pod is to be renewed.
    #[must_use]
    pub fn next_renewal(&self, uid: &str) -> Option<SystemTime> {
        let tokens = self.tokens.lock();
        let own = tokens.iter().filter(|(request, _)| request.pod_uid == uid);
        own.map(|(request, token)| renewal(token, request)).min()
    }
}

/// When a token has lived four fifths of its life, or a day.
fn renewal(token: &Token, request: &TokenRequest) -> SystemTime {
    let lifetime = Duration::from_secs(u64::try_from(request.expiration_seconds).unwrap_or_default());
    let issued = token.expires.checked_sub(lifetime).unwrap_or(SystemTime::UNIX_EPOCH);
    issued + (lifetime * 4 / 5).min(MAX_AGE)
}
