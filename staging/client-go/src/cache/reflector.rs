//! Keeps an informer's store like the server's: list, then watch, and on from the last revision whatever happens.
//!
//! A watch that ends is resumed after the last revision that was seen; only a revision that the server has forgotten makes
//! a new list necessary. Failures are repeated after 0.8 to 30 seconds, twice as long each time, with jitter. A watch that
//! has stood starts that anew when it breaks, and so does any whose connection breaks: the server was well, so that many
//! restarts of it do not add up (upstream's back-off forgets only after two minutes without a failure).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, sleep};

use super::informer::Inner;
use crate::api::{ApiObject, ListOptions, WatchOptions};
use crate::pager;
use crate::rest::Error;
use crate::rest::watch::{Watch, WatchEvent};
use crate::wait::Backoff;

/// Watches are ended by the server after this long to twice as long, so that clients spread over servers again.
const WATCH_TIMEOUT: Duration = Duration::from_secs(300);
/// A watch that stands for this long is no failure, however it ends; nor is one that ends well sooner, after an event.
const SHORT_WATCH: Duration = Duration::from_secs(1);

pub(super) struct Reflector<T> {
    informer: Arc<Inner<T>>,
    /// The revision to resume from, once there was a list.
    revision: Option<String>,
    /// The server has forgotten the revision: the next list is of the newest state.
    expired: bool,
    watch_list: bool,
}

enum Ended {
    /// The server ended the watch, as it does.
    Well,
    /// Nothing came of it.
    Short,
    /// The connection broke, or the server said that something failed after the watch had stood.
    Broken(Error),
}

/// What came of the initial events of a watch.
enum Filled<T> {
    /// All of them; the watch goes on.
    All(Watch<T>),
    /// The watch ended before.
    Ended(Ended),
}

impl<T: ApiObject> Reflector<T> {
    pub(super) fn new(informer: Arc<Inner<T>>) -> Self {
        let watch_list = informer.options.watch_list;
        Self {
            informer,
            revision: None,
            expired: false,
            watch_list,
        }
    }

    pub(super) async fn run(mut self) -> Infallible {
        let mut backoff = Backoff::reflector();
        loop {
            let resource = self.informer.api.resource().names().resource.clone();
            match self.list_and_watch().await {
                Ok(Ended::Well) => {
                    backoff.reset();
                    continue;
                }
                Ok(Ended::Short) => tracing::debug!(resource, "a watch ended at once without an event"),
                Ok(Ended::Broken(error)) => {
                    tracing::warn!(resource, %error, "a watch broke");
                    backoff.reset();
                }
                Err(error) if is_forgotten(&error) => {
                    tracing::debug!(resource, %error, "the watch's revision is forgotten, listing again");
                    (self.revision, self.expired) = (None, true);
                }
                Err(error) => tracing::warn!(resource, %error, "failed to list or watch"),
            }
            sleep(backoff.next_delay()).await;
        }
    }

    async fn list_and_watch(&mut self) -> Result<Ended, Error> {
        if let Some(revision) = self.revision.clone() {
            let started = Instant::now();
            let watch = self.watch(revision, false).await?;
            return self.follow(watch, started).await;
        }
        if self.watch_list {
            let started = Instant::now();
            match self.fill_by_watch().await {
                Ok(Filled::All(watch)) => return self.follow(watch, started).await,
                Ok(Filled::Ended(ended)) => return Ok(ended),
                Err(error) if lacks_watch_list(&error) => self.watch_list = false,
                // Servers on an old etcd say it that way, and it may be better the next time.
                Err(error) if error.is_internal_error() => {
                    tracing::debug!(%error, "initial events cannot be had, listing");
                }
                Err(error) => return Err(error),
            }
        }
        self.fill_by_list().await?;
        Ok(Ended::Well)
    }

    async fn watch(&self, resource_version: String, send_initial_events: bool) -> Result<Watch<T>, Error> {
        let options = WatchOptions {
            label_selector: self.informer.options.label_selector.clone(),
            field_selector: self.informer.options.field_selector.clone(),
            resource_version,
            bookmarks: true,
            send_initial_events,
            timeout: Some(WATCH_TIMEOUT.mul_f64(1.0 + rand::rng().random::<f64>())),
        };
        self.informer.api.watch(&options).await
    }

    /// Fills the store from a watch's initial events.
    async fn fill_by_watch(&mut self) -> Result<Filled<T>, Error> {
        let mut watch = self.watch(String::new(), true).await?;
        // A connection that breaks may leave an object twice: the later one counts.
        let mut objects = std::collections::BTreeMap::new();
        while let Some(event) = watch.next().await {
            let event = match event {
                Err(error @ Error::Body(_)) => return Ok(Filled::Ended(Ended::Broken(error))),
                event => event?,
            };
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    objects.insert((object.namespace().to_owned(), object.name().to_owned()), object);
                }
                WatchEvent::Deleted(object) => {
                    objects.remove(&(object.namespace().to_owned(), object.name().to_owned()));
                }
                WatchEvent::Bookmark {
                    resource_version,
                    initial_events_end: true,
                } => {
                    self.informer.replace(objects.into_values().collect());
                    (self.revision, self.expired) = (Some(resource_version), false);
                    return Ok(Filled::All(watch));
                }
                WatchEvent::Bookmark { .. } => {}
            }
        }
        Ok(Filled::Ended(Ended::Short))
    }

    async fn fill_by_list(&mut self) -> Result<(), Error> {
        let options = ListOptions {
            label_selector: self.informer.options.label_selector.clone(),
            field_selector: self.informer.options.field_selector.clone(),
            // The first list may come from any server's cache; after an expiry only the newest state leads on.
            resource_version: if self.expired { String::new() } else { "0".to_owned() },
            ..ListOptions::default()
        };
        let list = pager::list_all(&self.informer.api, &options).await?;
        self.informer.replace(list.items);
        (self.revision, self.expired) = (Some(list.metadata.resource_version), false);
        Ok(())
    }

    async fn follow(&mut self, mut watch: Watch<T>, started: Instant) -> Result<Ended, Error> {
        let mut events = 0_u64;
        while let Some(event) = watch.next().await {
            let event = match event {
                Err(error @ Error::Body(_)) => return Ok(Ended::Broken(error)),
                Err(error) if !is_forgotten(&error) && started.elapsed() >= SHORT_WATCH => {
                    return Ok(Ended::Broken(error));
                }
                event => event?,
            };
            events += 1;
            let revision = match &event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                    object.resource_version()
                }
                WatchEvent::Bookmark { resource_version, .. } => resource_version,
            };
            if self.is_behind(revision) {
                continue;
            }
            self.revision = Some(revision.to_owned());
            self.informer.apply(event);
        }
        Ok(if events == 0 && started.elapsed() < SHORT_WATCH {
            Ended::Short
        } else {
            Ended::Well
        })
    }

    /// Whether the event of this revision was seen already. Revisions that are no numbers have no order.
    fn is_behind(&self, revision: &str) -> bool {
        let last = self.revision.as_deref().and_then(|last| last.parse::<u64>().ok());
        matches!((last, revision.parse::<u64>()), (Some(last), Ok(revision)) if revision <= last)
    }
}

/// Whether the server no longer knows the revision.
fn is_forgotten(error: &Error) -> bool {
    error.is_expired() || error.is_gone()
}

/// Whether the server does not know, or does not allow, initial events.
fn lacks_watch_list(error: &Error) -> bool {
    error.is_invalid()
        || error.status().is_some_and(|status| {
            use apimachinery::status::Reason::{BadRequest, MethodNotAllowed, NotAcceptable};
            status.is(BadRequest) || status.is(MethodNotAllowed) || status.is(NotAcceptable)
        })
}
