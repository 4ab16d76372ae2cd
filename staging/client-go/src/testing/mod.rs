//! A small API server in memory, for tests of clients: objects by path, watches with history, faults on demand.
//!
//! It keeps every promise that informers rely on (one revision a change, watches in order, 410 for what is compacted) and
//! breaks them only as told by [`Faults`]. It validates and defaults nothing.

mod serve;
mod store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub use store::{Change, Store};

use crate::config::Config;
use crate::rest::Client;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query; may be empty.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Seen {
    /// A query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// An answer that takes the place of the server's own.
#[derive(Clone, Debug)]
pub struct Canned {
    /// The HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Canned {
    /// An answer with a body of JSON.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Hook = Box<dyn FnMut(&Seen) -> Option<Canned> + Send>;

/// What goes wrong.
#[derive(Default)]
pub struct Faults {
    /// Watches break after so many events each; 0 for never.
    pub break_watch_after: AtomicUsize,
    /// A broken watch ends within an event.
    pub break_within_event: AtomicBool,
    /// Every event is sent twice.
    pub duplicate_events: AtomicBool,
    /// Watches that ask for initial events are refused.
    pub no_watch_list: AtomicBool,
    /// Answers a request in the server's place, if it gives an answer.
    pub hook: Mutex<Option<Hook>>,
}

pub(crate) struct Shared {
    pub(crate) store: Mutex<Store>,
    pub(crate) changed: tokio::sync::Notify,
    pub(crate) faults: Faults,
    pub(crate) seen: Mutex<Vec<Seen>>,
    pub(crate) broken_watches: AtomicUsize,
    /// Ended by [`FakeServer::break_watches`].
    pub(crate) watches: Mutex<CancellationToken>,
}

/// A running server; it ends when it is dropped.
pub struct FakeServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl FakeServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same with TLS.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start_with(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the loopback interface has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            changed: tokio::sync::Notify::new(),
            faults: Faults::default(),
            seen: Mutex::default(),
            broken_watches: AtomicUsize::new(0),
            watches: Mutex::default(),
        });
        let stop = CancellationToken::new();
        tokio::spawn(serve::accept(listener, tls, shared.clone(), stop.clone()));
        Self { shared, address, stop }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A configuration for it, without limits.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            host: format!("http://{}", self.address),
            qps: -1.0,
            timeout: Some(Duration::from_secs(30)),
            ..Config::default()
        }
    }

    /// A client of it.
    ///
    /// # Panics
    /// Never: the configuration is right.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.config()).expect("the configuration of a fake server is right")
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Answers requests in the server's place whenever `hook` gives an answer.
    pub fn on_request(&self, hook: impl FnMut(&Seen) -> Option<Canned> + Send + 'static) {
        *self.shared.faults.hook.lock() = Some(Box::new(hook));
    }

    /// Changes the objects.
    pub fn with_store<R>(&self, change: impl FnOnce(&mut Store) -> R) -> R {
        let outcome = change(&mut self.shared.store.lock());
        self.shared.changed.notify_waiters();
        outcome
    }

    /// Ends all watches that are running.
    pub fn break_watches(&self) {
        std::mem::take(&mut *self.shared.watches.lock()).cancel();
    }

    /// How many watches were broken as told by the faults.
    #[must_use]
    pub fn broken_watches(&self) -> usize {
        self.shared.broken_watches.load(Ordering::SeqCst)
    }

    /// The requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }
}
