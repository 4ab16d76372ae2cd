//! Makes one event of many: counts equal ones, combines similar ones, cuts off sources that tell too much
//! (upstream: `tools/record/events_cache.go`).

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use k8s_api::core::v1::Event;
use tokio::time::Instant;

/// Entries in each memory.
const CACHE: usize = 4096;
/// So many similar events with different messages within the interval, and they become one.
const MAX_SIMILAR: usize = 10;
const SIMILAR_INTERVAL: Duration = Duration::from_secs(600);
/// Events of one source about one object: so many at once, then one in five minutes.
const SPAM_BURST: f64 = 25.0;
const SPAM_RATE: f64 = 1.0 / 300.0;

/// A memory that forgets what was used least recently.
struct Lru<K, V> {
    entries: HashMap<K, (V, u64)>,
    clock: u64,
}

impl<K, V> Default for Lru<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            clock: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, V: Default> Lru<K, V> {
    fn entry(&mut self, key: &K) -> &mut V {
        self.clock += 1;
        if !self.entries.contains_key(key) && self.entries.len() >= CACHE {
            // Half of it goes at once, so that the search for the oldest is rare.
            let mut ages: Vec<u64> = self.entries.values().map(|(_, used)| *used).collect();
            let middle = ages.len() / 2;
            let (_, median, _) = ages.select_nth_unstable(middle);
            let median = *median;
            self.entries.retain(|_, (_, used)| *used > median);
        }
        let entry = self.entries.entry(key.clone()).or_default();
        entry.1 = self.clock;
        &mut entry.0
    }
}

struct Tokens {
    left: f64,
    at: Instant,
}

#[derive(Default)]
struct Similar {
    messages: HashSet<String>,
    last: Option<Instant>,
}

#[derive(Clone, Default)]
struct Logged {
    count: i32,
    name: String,
    first: Option<k8s_api::primitives::Time>,
    resource_version: String,
}

/// What tells events apart.
type Key = Vec<String>;

/// The memory of one broadcaster.
#[derive(Default)]
pub(super) struct Correlator {
    spam: Lru<Key, Option<Tokens>>,
    similar: Lru<Key, Similar>,
    logged: Lru<Key, Logged>,
}

fn source_and_object(event: &Event) -> Key {
    let object = &event.involved_object;
    [
        &event.source.component,
        &event.source.host,
        &object.kind,
        &object.namespace,
        &object.name,
        &object.uid,
        &object.api_version,
    ]
    .map(Clone::clone)
    .into()
}

fn similar_key(event: &Event) -> Key {
    let mut key = source_and_object(event);
    key.extend(
        [
            &event.type_,
            &event.reason,
            &event.reporting_component,
            &event.reporting_instance,
        ]
        .map(Clone::clone),
    );
    key
}

fn full_key(event: &Event) -> Key {
    let mut key = similar_key(event);
    key.extend([event.involved_object.field_path.clone(), event.message.clone()]);
    key
}

impl Correlator {
    /// The event to write: with a count above one it is to be patched. `None` if it is not worth it.
    pub(super) fn correlate(&mut self, mut event: Event, now: Instant) -> Option<Event> {
        let key = self.aggregate(&mut event, now);
        let logged = self.logged.entry(&key);
        if logged.count > 0 {
            logged.count = logged.count.saturating_add(1);
            event.count = logged.count;
            event.first_timestamp = logged.first;
            event.metadata.name.clone_from(&logged.name);
            event.metadata.resource_version.clone_from(&logged.resource_version);
        } else {
            *logged = Logged {
                count: 1,
                name: event.metadata.name.clone(),
                first: event.first_timestamp,
                resource_version: String::new(),
            };
        }
        self.allowed(&event, now).then_some(event)
    }

    /// Counts the event with those that differ in their message only; after ten of them they are one.
    fn aggregate(&mut self, event: &mut Event, now: Instant) -> Key {
        let key = similar_key(event);
        let similar = self.similar.entry(&key);
        if similar
            .last
            .is_none_or(|last| now.saturating_duration_since(last) > SIMILAR_INTERVAL)
        {
            similar.messages.clear();
        }
        similar.last = Some(now);
        similar.messages.insert(event.message.clone());
        if similar.messages.len() < MAX_SIMILAR {
            return full_key(event);
        }
        // One more is never needed to know that there are ten.
        let surplus = similar
            .messages
            .iter()
            .find(|message| **message != event.message)
            .cloned();
        if let Some(surplus) = surplus {
            similar.messages.remove(&surplus);
        }
        event.message = format!("(combined from similar events): {}", event.message);
        key
    }

    fn allowed(&mut self, event: &Event, now: Instant) -> bool {
        let slot = self.spam.entry(&source_and_object(event));
        let tokens = slot.get_or_insert(Tokens {
            left: SPAM_BURST,
            at: now,
        });
        let gained = now.saturating_duration_since(tokens.at).as_secs_f64() * SPAM_RATE;
        tokens.left = (tokens.left + gained).min(SPAM_BURST);
        tokens.at = now;
        let allowed = tokens.left >= 1.0;
        if allowed {
            tokens.left -= 1.0;
        }
        allowed
    }

    /// Notes what the server made of an event.
    pub(super) fn written(&mut self, event: &Event) {
        let key = if event.message.starts_with("(combined from similar events): ") {
            similar_key(event)
        } else {
            full_key(event)
        };
        *self.logged.entry(&key) = Logged {
            count: event.count.max(1),
            name: event.metadata.name.clone(),
            first: event.first_timestamp,
            resource_version: event.metadata.resource_version.clone(),
        };
    }
}
