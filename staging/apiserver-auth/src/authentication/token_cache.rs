//! Answers about tokens, remembered for a short time (upstream: `pkg/authentication/token/cache`).
//!
//! Entries are found by a keyed digest of token and audiences, so that the table holds no token and nobody
//! can choose tokens that collide. Concurrent requests with the same unknown token wait for one answer.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use aws_lc_rs::{
    hmac,
    rand::{self, SystemRandom},
};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::{Outcome, TokenAuthenticator, TokenCacheMetrics};

/// How long answers are remembered, and how many.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// Of tokens that hold.
    pub success: Duration,
    /// Of tokens that do not.
    pub failure: Duration,
    /// Most entries; the oldest make room.
    pub entries: usize,
}

impl Default for CacheSettings {
    /// The API server's own: 10 seconds for success, nothing for failure.
    fn default() -> Self {
        Self {
            success: Duration::from_secs(10),
            failure: Duration::ZERO,
            entries: 4096,
        }
    }
}

impl CacheSettings {
    /// A token review webhook's default: 2 minutes for both.
    #[must_use]
    pub fn webhook() -> Self {
        Self {
            success: Duration::from_secs(120),
            failure: Duration::from_secs(120),
            entries: 4096,
        }
    }
}

type Digest = [u8; 32];

struct Answer {
    outcome: Outcome,
    until: Instant,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Digest, Arc<OnceCell<Answer>>>,
    order: VecDeque<Digest>,
}

/// Remembers another authenticator's answers.
pub struct TokenCache {
    tokens: Arc<dyn TokenAuthenticator>,
    settings: CacheSettings,
    key: hmac::Key,
    table: Mutex<Table>,
    metrics: Option<Arc<TokenCacheMetrics>>,
}

impl TokenCache {
    /// An empty cache before `tokens`.
    #[must_use]
    pub fn new(tokens: Arc<dyn TokenAuthenticator>, settings: CacheSettings) -> Self {
        let seed = rand::generate::<Digest>(&SystemRandom::new()).expect("the system's source of randomness works");
        Self {
            tokens,
            settings,
            key: hmac::Key::new(hmac::HMAC_SHA256, &seed.expose()),
            table: Mutex::default(),
            metrics: None,
        }
    }

    /// The same, counting what it does.
    #[must_use]
    pub fn measured(self, metrics: Arc<TokenCacheMetrics>) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }

    fn digest(&self, token: &str, audiences: &[String]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in std::iter::once(token).chain(audiences.iter().map(String::as_str)) {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// The cell of a token: a live or pending one, or a new one in its place.
    fn cell(&self, digest: Digest, now: Instant) -> Arc<OnceCell<Answer>> {
        let mut table = self.table.lock();
        if let Some(cell) = table.entries.get(&digest)
            && cell.get().is_none_or(|answer| answer.until > now)
        {
            return cell.clone();
        }
        let cell = Arc::new(OnceCell::new());
        if table.entries.insert(digest, cell.clone()).is_none() {
            table.order.push_back(digest);
        }
        while table.entries.len() > self.settings.entries {
            let Some(oldest) = table.order.pop_front() else { break };
            table.entries.remove(&oldest);
        }
        cell
    }
}

#[async_trait]
impl TokenAuthenticator for TokenCache {
    async fn authenticate_token(&self, token: &str, audiences: &[String], now: SystemTime) -> Outcome {
        let begun = Instant::now();
        let cell = self.cell(self.digest(token, audiences), begun);
        let metrics = self.metrics.as_deref();
        if let Some(answer) = cell.get() {
            metrics.inspect(|metrics| metrics.answered(true, begun));
            return answer.outcome.clone();
        }
        let _blocked = metrics.map(TokenCacheMetrics::blocked);
        let answer = cell
            .get_or_init(|| async {
                let _fetching = metrics.map(TokenCacheMetrics::fetching);
                let outcome = self.tokens.authenticate_token(token, audiences, now).await;
                metrics.inspect(|metrics| metrics.fetched(outcome.is_ok()));
                let ttl = match &outcome {
                    Ok(Some(_)) => self.settings.success,
                    // An error may pass; a token that nobody knows stays unknown for a while.
                    Ok(None) => self.settings.failure,
                    Err(_) => Duration::ZERO,
                };
                Answer {
                    outcome,
                    until: Instant::now() + ttl,
                }
            })
            .await;
        metrics.inspect(|metrics| metrics.answered(false, begun));
        answer.outcome.clone()
    }
}
