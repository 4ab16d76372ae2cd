//! Answers of upstream resolvers, kept for as long as their records live, at most half a minute.
//!
//! Sharded, so that lookups of different names do not wait for each other; bounded: a full shard loses its expired
//! entries, and if that is not enough an arbitrary one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{LowerName, RecordType};
use parking_lot::Mutex;
use tokio::time::Instant;

const SHARDS: usize = 16;

/// What makes two questions the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    pub(crate) name: LowerName,
    pub(crate) kind: RecordType,
    /// DNSSEC records were asked for.
    pub(crate) dnssec: bool,
    /// Checking was disabled.
    pub(crate) checking_disabled: bool,
}

/// How long and how much is kept.
#[derive(Clone, Copy, Debug)]
pub struct CacheOptions {
    /// Entries in all; 0 turns the cache off.
    pub capacity: usize,
    /// Longest life of an entry.
    pub max_ttl: Duration,
    /// Shortest life of an entry, whatever its records say.
    pub min_ttl: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            capacity: 9984,
            max_ttl: Duration::from_secs(30),
            min_ttl: Duration::from_secs(5),
        }
    }
}

#[derive(Debug)]
struct Entry {
    message: Arc<Message>,
    stored: Instant,
    expires: Instant,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct Cache {
    options: CacheOptions,
    hasher: ahash::RandomState,
    shards: Vec<Mutex<HashMap<CacheKey, Entry, ahash::RandomState>>>,
}

impl Cache {
    pub(crate) fn new(options: CacheOptions) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            options,
            hasher: ahash::RandomState::new(),
            shards,
        }
    }

    fn shard(&self, key: &CacheKey) -> &Mutex<HashMap<CacheKey, Entry, ahash::RandomState>> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let hash = self.hasher.hash_one(key) as usize;
        &self.shards[hash % SHARDS]
    }

    /// A living entry, with its age in seconds.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<(Arc<Message>, u32)> {
        let now = Instant::now();
        let shard = self.shard(key).lock();
        let entry = shard.get(key).filter(|entry| entry.expires > now)?;
        let age = u32::try_from(now.duration_since(entry.stored).as_secs()).unwrap_or(u32::MAX);
        Some((entry.message.clone(), age))
    }

    /// Keeps an answer; failures are not kept.
    pub(crate) fn put(&self, key: CacheKey, message: Arc<Message>) {
        let per_shard = self.options.capacity.div_ceil(SHARDS);
        if self.options.capacity == 0 || message.metadata.truncation {
            return;
        }
        let Some(ttl) = time_to_live(&message) else { return };
        let ttl = Duration::from_secs(u64::from(ttl)).clamp(self.options.min_ttl, self.options.max_ttl);
        let now = Instant::now();
        let mut shard = self.shard(&key).lock();
        if shard.len() >= per_shard && !shard.contains_key(&key) {
            shard.retain(|_, entry| entry.expires > now);
            if shard.len() >= per_shard
                && let Some(victim) = shard.keys().next().cloned()
            {
                shard.remove(&victim);
            }
        }
        shard.insert(
            key,
            Entry {
                message,
                stored: now,
                expires: now + ttl,
            },
        );
    }

    /// Number of entries, expired ones included.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    pub(crate) fn max_ttl(&self) -> u32 {
        u32::try_from(self.options.max_ttl.as_secs()).unwrap_or(u32::MAX)
    }
}

/// The life of an answer: the shortest of its records; of a negative one: that of its SOA. `None` for failures.
fn time_to_live(message: &Message) -> Option<u32> {
    if !matches!(
        message.metadata.response_code,
        ResponseCode::NoError | ResponseCode::NXDomain
    ) {
        return None;
    }
    let records = if message.answers.is_empty() {
        &message.authorities
    } else {
        &message.answers
    };
    Some(records.iter().map(|record| record.ttl).min().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::{Name, RData, Record};

    use super::*;

    fn key(number: usize) -> CacheKey {
        let name = Name::from_ascii(format!("n{number}.example.")).unwrap();
        CacheKey {
            name: name.into(),
            kind: RecordType::A,
            dnssec: false,
            checking_disabled: false,
        }
    }

    fn answer(ttl: u32) -> Arc<Message> {
        let mut message = Message::new(1, MessageType::Response, OpCode::Query);
        let data = RData::from(std::net::IpAddr::from([192, 0, 2, 1]));
        message.add_answer(Record::from_rdata(Name::from_ascii("n.example.").unwrap(), ttl, data));
        Arc::new(message)
    }

    #[tokio::test(start_paused = true)]
    async fn entries_live_as_long_as_their_records() {
        let cache = Cache::new(CacheOptions::default());
        for (number, ttl) in [(1, 10), (2, 1), (3, 3600)] {
            cache.put(key(number), answer(ttl));
        }
        let alive = |cache: &Cache| {
            (1..=3)
                .filter(|number| cache.get(&key(*number)).is_some())
                .collect::<Vec<_>>()
        };
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(alive(&cache), [1, 2, 3]);
        assert_eq!(cache.get(&key(1)).expect("alive").1, 4);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(alive(&cache), [1, 3], "the least life is five seconds");
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(alive(&cache), [3]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(alive(&cache), [] as [usize; 0], "the longest life is thirty seconds");
    }

    #[test]
    fn the_size_is_bounded_and_failures_are_not_kept() {
        let cache = Cache::new(CacheOptions {
            capacity: 64,
            ..CacheOptions::default()
        });
        for number in 0..1000 {
            cache.put(key(number), answer(30));
        }
        assert!(cache.len() <= 64);
        let mut failure = (*answer(30)).clone();
        failure.metadata.response_code = ResponseCode::ServFail;
        cache.put(key(5000), Arc::new(failure));
        assert!(cache.get(&key(5000)).is_none());
    }
}
