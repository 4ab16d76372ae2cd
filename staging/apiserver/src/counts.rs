//! What caches and stores count of themselves: plain numbers where things happen, made into metrics when somebody asks.
//!
//! A number costs its writer one addition and takes no lock; of which resource it is nobody looks up.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus::proto;

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn inc(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds in milliseconds: upstream's for requests to etcd. Those for waiting are the first of them.
const BOUNDS: [u32; 24] = [
    5,
    25,
    50,
    100,
    200,
    400,
    600,
    800,
    1000,
    1250,
    1500,
    2000,
    3000,
    4000,
    5000,
    6000,
    8000,
    10_000,
    15_000,
    20_000,
    30_000,
    45_000,
    60_000,
    u32::MAX,
];
/// How many bounds there are for times that nobody waits longer than three seconds for.
pub(crate) const SHORT: usize = 13;
/// And for all others.
pub(crate) const LONG: usize = 23;

/// How long something took, by bounds.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    /// The last is for what took longer than all bounds.
    counts: [AtomicU64; BOUNDS.len()],
    microseconds: AtomicU64,
}

impl Durations {
    pub(crate) fn observe(&self, took: Duration) {
        let milliseconds = took.as_micros().div_ceil(1000);
        let place = BOUNDS.partition_point(|bound| u128::from(*bound) < milliseconds);
        self.counts[place.min(LONG)].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// As a histogram with so many of the bounds.
    pub(crate) fn histogram(&self, bounds: usize) -> proto::Histogram {
        let mut histogram = proto::Histogram::default();
        let mut below = 0;
        let buckets = BOUNDS.iter().zip(&self.counts).take(bounds).map(|(bound, count)| {
            below += count.load(Ordering::Relaxed);
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(f64::from(*bound) / 1000.0);
            bucket.set_cumulative_count(below);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(self.count());
        let microseconds = self.microseconds.load(Ordering::Relaxed);
        histogram.set_sample_sum(Duration::from_micros(microseconds).as_secs_f64());
        histogram
    }
}

/// What a cache has done since it began.
#[derive(Debug, Default)]
pub(crate) struct CacheCounts {
    /// Lists from the store that made it anew.
    pub(crate) initializations: Count,
    /// Objects that watches began with.
    pub(crate) initial_events: Count,
    /// Events from the store.
    pub(crate) received: Count,
    /// Events handed on to those that watch.
    pub(crate) dispatched: Count,
    /// Lists that were answered from it, and objects in their answers.
    pub(crate) lists: Count,
    pub(crate) returned: Count,
    /// How long readers waited until it was as new as they wanted.
    pub(crate) waited: Durations,
}

/// What was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    List,
    Create,
    Update,
    Delete,
}

impl Operation {
    pub(crate) const ALL: [Self; 5] = [Self::Get, Self::List, Self::Create, Self::Update, Self::Delete];

    /// As the metrics' label says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The requests of one kind to the store.
#[derive(Debug, Default)]
pub(crate) struct OperationCounts {
    pub(crate) took: Durations,
    pub(crate) errors: Count,
}

/// What one resource has asked of the store.
#[derive(Debug, Default)]
pub(crate) struct StoreCounts {
    operations: [OperationCounts; Operation::ALL.len()],
    /// Lists that were read from the store, what was read for them, looked at, and answered.
    pub(crate) lists: Count,
    pub(crate) fetched: Count,
    pub(crate) evaluated: Count,
    pub(crate) returned: Count,
}

impl StoreCounts {
    /// Runs a request to the store. That another write came first is an answer, no error.
    pub(crate) async fn timed<T>(
        &self,
        operation: Operation,
        request: impl Future<Output = apiserver_storage::Result<T>>,
    ) -> apiserver_storage::Result<T> {
        let begun = std::time::Instant::now();
        let result = request.await;
        let counts = self.of(operation);
        counts.took.observe(begun.elapsed());
        if matches!(&result, Err(error) if !matches!(error, apiserver_storage::Error::Conflict(_))) {
            counts.errors.inc();
        }
        result
    }

    pub(crate) fn of(&self, operation: Operation) -> &OperationCounts {
        &self.operations[operation as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_below_their_bounds() {
        let durations = Durations::default();
        for milliseconds in [0, 5, 6, 3000, 3001, 100_000] {
            durations.observe(Duration::from_millis(milliseconds));
        }
        let short = durations.histogram(SHORT);
        let counts: Vec<(f64, u64)> = short
            .get_bucket()
            .iter()
            .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
            .collect();
        assert_eq!((counts[0], counts[1], counts[12]), ((0.005, 2), (0.025, 3), (3.0, 4)));
        assert_eq!((counts.len(), short.get_sample_count()), (SHORT, 6));
        assert!((short.get_sample_sum() - 106.012).abs() < 1e-9);
        assert_eq!(durations.histogram(LONG).get_bucket()[LONG - 1].cumulative_count(), 5);
    }

    #[tokio::test]
    async fn conflicts_are_answers() {
        use apiserver_storage::{Conflict, Error};
        let counts = StoreCounts::default();
        let conflict = Conflict {
            key: "k".into(),
            current: None,
            revision: 1,
        };
        for result in [Ok(()), Err(Error::Conflict(Box::new(conflict))), Err(Error::Closed)] {
            let _ = counts.timed(Operation::Update, async { result }).await;
        }
        let update = counts.of(Operation::Update);
        assert_eq!((update.took.count(), update.errors.get()), (3, 1));
        assert_eq!(counts.of(Operation::Create).took.count(), 0);
    }
}
