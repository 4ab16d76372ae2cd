//! What accompanies a request on its way through the server.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{Notes, RequestInfo, UserInfo};

/// One request: who asks for what, and what the client is to be told besides the answer.
#[derive(Debug)]
pub struct RequestContext {
    /// Who asks.
    pub user: Arc<UserInfo>,
    /// What is asked for.
    pub info: RequestInfo,
    /// When the request came in; the one clock reading that the request's changes are stamped with.
    pub received: jiff::Timestamp,
    /// The `User-Agent` header; empty if absent.
    pub user_agent: String,
    /// What the request's audit event is to hold.
    pub audit: Notes,
    /// When the server began to work on it.
    pub begun: Instant,
    /// Nanoseconds that others took.
    waited: AtomicU64,
    warnings: Mutex<Vec<String>>,
    annotations: Mutex<BTreeMap<String, String>>,
}

impl RequestContext {
    /// A request that has nothing to tell yet.
    #[must_use]
    pub fn new(user: Arc<UserInfo>, info: RequestInfo, received: jiff::Timestamp, user_agent: String) -> Self {
        Self {
            user,
            info,
            received,
            user_agent,
            audit: Notes::default(),
            begun: Instant::now(),
            waited: AtomicU64::new(0),
            warnings: Mutex::default(),
            annotations: Mutex::default(),
        }
    }

    /// The same, taking notes for its audit event.
    #[must_use]
    pub fn audited(self, audit: Notes) -> Self {
        Self { audit, ..self }
    }

    /// Notes that for so long others were waited for: webhooks, or those before the request in a queue.
    pub fn add_waited(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// For how long others were waited for.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    /// Adds a `Warning` header to the answer, once for each text.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let mut warnings = self.warnings.lock();
        if !text.is_empty() && !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Adds an annotation to the request's audit event; the first value of a key stays.
    pub fn annotate(&self, key: impl Into<String>, value: impl Into<String>) {
        self.annotations
            .lock()
            .entry(key.into())
            .or_insert_with(|| value.into());
    }

    /// The warnings so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().clone()
    }

    /// The audit annotations so far.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.lock().clone()
    }
}
