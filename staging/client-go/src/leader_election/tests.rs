//! Several candidates on paused time, with locks that fail, hang and answer late.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use apimachinery::status::{GroupResource, StatusError};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

#[derive(Default)]
struct Shared {
    record: Mutex<Option<(Record, u64)>>,
    leaders: AtomicUsize,
    most: AtomicUsize,
    terms: AtomicUsize,
}

/// A candidate's view of the record.
#[derive(Clone)]
struct Memory {
    shared: Arc<Shared>,
    /// This candidate's requests hang.
    hangs: Arc<AtomicBool>,
    /// Requests take up to this long, and what they change is changed somewhere in between.
    latency: Duration,
    random: Arc<Mutex<StdRng>>,
}

fn conflict() -> crate::Error {
    StatusError::conflict(GroupResource::new("coordination.k8s.io", "leases"), "test", "changed").into()
}

impl Memory {
    fn new(shared: &Arc<Shared>, latency: Duration, seed: u64) -> Self {
        let random = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
        Self {
            shared: shared.clone(),
            hangs: Arc::default(),
            latency,
            random,
        }
    }

    async fn travel(&self) {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let share = self.random.lock().random::<f64>();
        sleep(self.latency.mul_f64(share)).await;
    }

    fn versioned(version: u64) -> Version {
        let mut lease = k8s_api::coordination::v1::Lease::default();
        lease.metadata.resource_version = version.to_string();
        Version(lease)
    }
}

impl Lock for Memory {
    fn name(&self) -> &str {
        "test"
    }

    async fn get(&self) -> Result<Option<(Record, Version)>, crate::Error> {
        self.travel().await;
        let found = self.shared.record.lock().clone();
        self.travel().await;
        Ok(found.map(|(record, version)| (record, Self::versioned(version))))
    }

    async fn create(&self, record: &Record) -> Result<Version, crate::Error> {
        self.travel().await;
        {
            let mut present = self.shared.record.lock();
            if present.is_some() {
                return Err(conflict());
            }
            *present = Some((record.clone(), 1));
        }
        self.travel().await;
        Ok(Self::versioned(1))
    }

    async fn update(&self, record: &Record, version: &Version) -> Result<Version, crate::Error> {
        self.travel().await;
        let next = {
            let mut present = self.shared.record.lock();
            let (stored, at) = present.as_mut().expect("updates follow a create");
            if at.to_string() != version.0.metadata.resource_version {
                return Err(conflict());
            }
            record.clone_into(stored);
            *at += 1;
            *at
        };
        self.travel().await;
        Ok(Self::versioned(next))
    }
}

/// Counts who works, as long as it lives.
struct Working(Arc<Shared>);

impl Working {
    fn start(shared: &Arc<Shared>) -> Self {
        shared.terms.fetch_add(1, Ordering::SeqCst);
        let now = shared.leaders.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(now, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.leaders.fetch_sub(1, Ordering::SeqCst);
    }
}

fn candidate(name: &str, lock: Memory, stop: CancellationToken) -> tokio::task::JoinHandle<Result<(), ElectionError>> {
    let elector = LeaderElector::new(lock.clone(), LeaderElectionConfig::new(name)).unwrap();
    tokio::spawn(async move {
        elector
            .run(stop, async |leading| {
                let _working = Working::start(&lock.shared);
                leading.cancelled().await;
            })
            .await
    })
}

#[tokio::test(start_paused = true)]
async fn one_of_many_leads_and_the_next_takes_over_at_once_after_a_release() {
    let shared = Arc::new(Shared::default());
    let stops: Vec<_> = (0..3).map(|_| CancellationToken::new()).collect();
    let mut tasks = Vec::new();
    for (i, stop) in stops.iter().enumerate() {
        let lock = Memory::new(&shared, Duration::from_millis(10), i as u64);
        tasks.push(candidate(&format!("c{i}"), lock, stop.clone()));
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(shared.leaders.load(Ordering::SeqCst), 1);
    assert_eq!(shared.terms.load(Ordering::SeqCst), 1, "a healthy leader stays");
    let holder = shared.record.lock().clone().unwrap().0.holder;
    let index: usize = holder[1..].parse().unwrap();
    stops[index].cancel();
    // A retry period with its jitter, and the released lease's second.
    sleep(Duration::from_millis(5500)).await;
    let (record, _) = shared.record.lock().clone().unwrap();
    assert_ne!(record.holder, holder);
    assert!(!record.holder.is_empty(), "nobody took over: {record:?}");
    assert_eq!(record.transitions, 1);
    assert_eq!(record.lease_duration_seconds, 15);
    assert_eq!(shared.most.load(Ordering::SeqCst), 1);
    stops.iter().for_each(CancellationToken::cancel);
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(
        shared.record.lock().clone().unwrap().0.holder,
        "",
        "the last one releases the lease"
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_begins() {
    let shared = Arc::new(Shared::default());
    let first = Memory::new(&shared, Duration::from_millis(10), 1);
    let leader = candidate("first", first.clone(), CancellationToken::new());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(shared.leaders.load(Ordering::SeqCst), 1);
    let stop = CancellationToken::new();
    let second = candidate(
        "second",
        Memory::new(&shared, Duration::from_millis(10), 2),
        stop.clone(),
    );
    sleep(Duration::from_secs(5)).await;
    first.hangs.store(true, Ordering::SeqCst);
    let started = Instant::now();
    assert_eq!(leader.await.unwrap(), Err(ElectionError::Lost));
    let elapsed = started.elapsed();
    assert!(
        elapsed <= Duration::from_secs(10),
        "the renew deadline has passed: {elapsed:?}"
    );
    assert_eq!(shared.leaders.load(Ordering::SeqCst), 0);
    sleep(Duration::from_secs(15)).await;
    assert_eq!(shared.leaders.load(Ordering::SeqCst), 1, "the second one leads");
    assert_eq!(shared.most.load(Ordering::SeqCst), 1);
    stop.cancel();
    assert_eq!(second.await.unwrap(), Ok(()));
}

/// Candidates whose connections come and go, for an hour each.
#[tokio::test(start_paused = true)]
async fn never_two_leaders_however_requests_fare() {
    for seed in 0..8 {
        let mut random = StdRng::seed_from_u64(seed);
        let shared = Arc::new(Shared::default());
        let stop = CancellationToken::new();
        let mut locks = Vec::new();
        let mut tasks = Vec::new();
        for i in 0..4_u64 {
            let lock = Memory::new(
                &shared,
                Duration::from_millis(random.random_range(1..4000)),
                seed * 100 + i,
            );
            locks.push(lock.clone());
            let (lock, stop) = (lock, stop.clone());
            tasks.push(tokio::spawn(async move {
                // A candidate that has lost stands again, as a program does that is started anew.
                while !stop.is_cancelled() {
                    let outcome = candidate(&format!("c{i}"), lock.clone(), stop.clone()).await.unwrap();
                    assert!(matches!(outcome, Ok(()) | Err(ElectionError::Lost)));
                }
            }));
        }
        for _ in 0..120 {
            let lock = &locks[random.random_range(0..locks.len())];
            lock.hangs.store(random.random_range(0..3) == 0, Ordering::SeqCst);
            sleep(Duration::from_secs(random.random_range(1..60))).await;
        }
        assert_eq!(shared.most.load(Ordering::SeqCst), 1, "seed {seed}");
        assert!(shared.terms.load(Ordering::SeqCst) > 1, "seed {seed}: leaders changed");
        locks.iter().for_each(|lock| lock.hangs.store(false, Ordering::SeqCst));
        stop.cancel();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_far_off_changes_nothing() {
    let shared = Arc::new(Shared::default());
    let long_ago = MicroTime::from_unix(0, 0);
    let record = Record {
        holder: "other".to_owned(),
        lease_duration_seconds: 15,
        acquired: Some(long_ago),
        renewed: Some(long_ago),
        transitions: 7,
    };
    *shared.record.lock() = Some((record, 1));
    let stop = CancellationToken::new();
    let task = candidate("me", Memory::new(&shared, Duration::ZERO, 1), stop.clone());
    sleep(Duration::from_secs(14)).await;
    assert_eq!(
        shared.terms.load(Ordering::SeqCst),
        0,
        "a renewal of 1970 is fresh when it is first seen"
    );
    sleep(Duration::from_secs(6)).await;
    assert_eq!(shared.leaders.load(Ordering::SeqCst), 1);
    assert_eq!(shared.record.lock().clone().unwrap().0.transitions, 8);
    stop.cancel();
    assert_eq!(task.await.unwrap(), Ok(()));
}

#[test]
fn impossible_periods_are_refused() {
    let shared = Arc::new(Shared::default());
    let check = |change: fn(&mut LeaderElectionConfig)| {
        let mut config = LeaderElectionConfig::new("me");
        change(&mut config);
        LeaderElector::new(Memory::new(&shared, Duration::ZERO, 0), config)
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(check(|_| {}), None);
    assert_eq!(
        check(|c| c.renew_deadline = Duration::from_secs(15)).as_deref(),
        Some("leaseDuration must be greater than renewDeadline")
    );
    assert_eq!(
        check(|c| c.retry_period = Duration::from_secs(9)).as_deref(),
        Some("renewDeadline must be greater than retryPeriod*JitterFactor")
    );
    assert_eq!(check(|c| c.identity.clear()).as_deref(), Some("Lock identity is empty"));
}
