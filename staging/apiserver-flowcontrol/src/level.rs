//! A priority level: its limits, its queues, and the requests in it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_api::flowcontrol::v1::PriorityLevelConfiguration;
use parking_lot::Mutex;

use crate::{
    description::Description,
    dropped::Dropped,
    integrator::Observed,
    matching::Schema,
    metrics::LevelMetrics,
    queueset::{Arrival, Executing, Limit, QueueSet},
    width::Work,
};

/// Weight of the past in the smoothed demand.
const SMOOTHING: f64 = 0.977;
/// The part of a level's seats that one request may take at most.
const MOST_OF_A_LEVEL: f64 = 0.15;

/// What a level's object says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LevelConfig {
    pub(crate) limit: Limit,
    pub(crate) shares: u32,
    lendable_percent: u32,
    borrowing_percent: Option<u32>,
}

fn count(value: i32) -> usize {
    usize::try_from(value).unwrap_or_default()
}

impl LevelConfig {
    /// Reads a validated and defaulted object.
    pub(crate) fn new(level: &PriorityLevelConfiguration) -> Self {
        let number =
            |value: Option<i32>, default: u32| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default);
        if let Some(limited) = level.spec.limited.as_deref().filter(|_| level.spec.type_ == "Limited") {
            let queuing = limited.limit_response.queuing.as_deref();
            return Self {
                limit: match queuing.filter(|_| limited.limit_response.type_ == "Queue") {
                    Some(queuing) => Limit::Queue {
                        queues: count(queuing.queues).max(1),
                        hand: count(queuing.hand_size).max(1),
                        length: count(queuing.queue_length_limit),
                    },
                    None => Limit::Reject,
                },
                shares: number(limited.nominal_concurrency_shares, 30),
                lendable_percent: number(limited.lendable_percent, 0),
                borrowing_percent: limited
                    .borrowing_limit_percent
                    .and_then(|value| u32::try_from(value).ok()),
            };
        }
        let exempt = level.spec.exempt.as_deref();
        Self {
            limit: Limit::Exempt,
            shares: number(exempt.and_then(|exempt| exempt.nominal_concurrency_shares), 0),
            lendable_percent: number(exempt.and_then(|exempt| exempt.lendable_percent), 0),
            borrowing_percent: None,
        }
    }
}

/// Seats of a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seats {
    /// By its shares.
    pub(crate) nominal: u32,
    /// What it keeps when it lends all that it may.
    pub(crate) least: u32,
    /// What it has when it borrows all that it may.
    pub(crate) most: u32,
    /// Now.
    pub(crate) current: u32,
}

/// What the level asked for over time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand {
    pub(crate) highest: u32,
    pub(crate) average: f64,
    pub(crate) deviation: f64,
    pub(crate) smoothed: f64,
}

impl Demand {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seats are small and not negative"
    )]
    fn update(&mut self, observed: &Observed) {
        self.highest = observed.greatest.round() as u32;
        if observed.period.is_zero() {
            return;
        }
        self.average = observed.average;
        self.deviation = observed.deviation;
        let envelope = observed.average + observed.deviation;
        self.smoothed = envelope.max(SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * envelope);
    }
}

pub(crate) struct State {
    pub(crate) config: LevelConfig,
    pub(crate) uid: Box<str>,
    /// Whether the level has lost its object and only serves its requests to their end.
    pub(crate) quiescing: bool,
    pub(crate) seats: Seats,
    pub(crate) demand: Demand,
    pub(crate) queues: QueueSet,
    dropped: Dropped,
}

/// A priority level.
pub(crate) struct Level {
    pub(crate) name: Box<str>,
    pub(crate) metrics: LevelMetrics,
    pub(crate) state: Mutex<State>,
}

impl Level {
    pub(crate) fn new(name: &str, config: LevelConfig, metrics: LevelMetrics) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            metrics,
            state: Mutex::new(State {
                config,
                uid: "".into(),
                quiescing: false,
                seats: Seats::default(),
                demand: Demand::default(),
                queues: QueueSet::new(config.limit, 0, Instant::now()),
                dropped: Dropped::default(),
            }),
        })
    }

    /// Takes over an object and what its shares of `total` seats come to; `shares` is the sum of all levels'.
    pub(crate) fn configure(&self, config: LevelConfig, uid: &str, total: u32, shares: f64) {
        let part = f64::from(total) * f64::from(config.shares) / shares.max(1.0);
        let nominal = ceil(part);
        let percent = |percent: u32| round(f64::from(nominal) * f64::from(percent) / 100.0);
        let lendable = percent(config.lendable_percent).min(nominal);
        let borrowing = config.borrowing_percent.map_or(total, percent);
        let mut state = self.state.lock();
        let fresh = state.seats == Seats::default();
        state.config = config;
        state.uid = uid.into();
        let current = if fresh {
            nominal - lendable / 2
        } else {
            state.seats.current
        };
        state.seats = Seats {
            nominal,
            least: nominal - lendable,
            most: nominal + borrowing,
            current,
        };
        state.queues.configure(config.limit);
        state.queues.set_seats(current, Instant::now());
        self.metrics.limits(&state.seats);
    }

    /// Looks at the demand since the last time; returns seats and demand for the division.
    pub(crate) fn observe(&self, now: Instant) -> (LevelConfig, Seats, Demand) {
        let mut state = self.state.lock();
        let observed = state.queues.observe(now);
        state.demand.update(&observed);
        (state.config, state.seats, state.demand)
    }

    /// Takes the seats that a division gave.
    pub(crate) fn adjust(&self, current: u32, target: f64, now: Instant) {
        let mut state = self.state.lock();
        state.seats.current = current;
        state.queues.set_seats(current, now);
        self.metrics.adjusted(&state.seats, &state.demand, target);
    }

    /// The most seats that one request may take; 0 for no limit of its own.
    pub(crate) fn most_seats(&self) -> u32 {
        let state = self.state.lock();
        let Limit::Queue { hand, .. } = state.config.limit else {
            return 0;
        };
        let nominal = state.seats.nominal;
        let by_hand = nominal / u32::try_from(hand).unwrap_or(1).max(1);
        ceil(f64::from(nominal) * MOST_OF_A_LEVEL).min(by_hand).max(1)
    }

    /// What its object says, or said.
    pub(crate) fn config(&self) -> LevelConfig {
        self.state.lock().config
    }

    /// Marks a level that has lost its object, or has one again.
    pub(crate) fn set_quiescing(&self, quiescing: bool) {
        self.state.lock().quiescing = quiescing;
    }

    pub(crate) fn is_quiescing(&self) -> bool {
        self.state.lock().quiescing
    }

    /// Whether no request is in it.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().queues.is_idle()
    }

    pub(crate) fn uid(&self) -> Box<str> {
        self.state.lock().uid.clone()
    }

    /// Notes a refusal; returns the seconds for `Retry-After`.
    pub(crate) fn refused(&self) -> u64 {
        let second = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
        self.state.lock().dropped.note(second)
    }

    /// Lets a request in, at once or within `patience`.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        schema: &Arc<Schema>,
        work: Work,
        hash: u64,
        about: Description,
        patience: Duration,
    ) -> Result<Ticket, &'static str> {
        let arrived = Instant::now();
        let arrival = self.state.lock().queues.arrive(work, hash, arrived, about);
        let executing = match arrival {
            Arrival::Executing(executing) => executing,
            Arrival::Refused(reason) => return Err(reason),
            Arrival::Waits(id, woken) => {
                schema.metrics.waits(&work);
                let mut place = Place {
                    level: self,
                    schema,
                    id: Some(id),
                    work,
                };
                let granted = tokio::time::timeout(patience, woken)
                    .await
                    .is_ok_and(|woken| woken.is_ok());
                let executing = place.decide(!granted);
                schema.metrics.waited(arrived.elapsed(), executing.is_some());
                executing.ok_or("time-out")?
            }
        };
        schema.metrics.begins(&work);
        Ok(Ticket {
            level: self.clone(),
            schema: schema.clone(),
            executing,
            started: Instant::now(),
        })
    }
}

/// A place in a queue, given up by drop: a client that goes away waits no longer.
struct Place<'a> {
    level: &'a Arc<Level>,
    schema: &'a Arc<Schema>,
    id: Option<u64>,
    work: Work,
}

impl Place<'_> {
    /// Whether the request was let in; a place that is still in the queue is given up.
    fn decide(&mut self, timed_out: bool) -> Option<Executing> {
        let id = self.id.take()?;
        let now = Instant::now();
        self.schema.metrics.waits_no_more(&self.work);
        let mut state = self.level.state.lock();
        let executing = state.queues.collect(id);
        if executing.is_none() {
            state.queues.leave(id, timed_out, now);
        }
        executing
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(executing) = self.decide(false) {
            // Let in in the very moment in which the client left.
            self.level.state.lock().queues.finish(&executing, Instant::now());
        }
    }
}

/// The seats of a request; its drop gives them back.
pub struct Ticket {
    level: Arc<Level>,
    schema: Arc<Schema>,
    executing: Executing,
    started: Instant,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Ticket")
            .field("level", &self.level.name)
            .finish_non_exhaustive()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = Instant::now();
        self.level.state.lock().queues.finish(&self.executing, now);
        self.schema.metrics.ends(&self.executing.work, now - self.started);
        let latency = self.executing.work.additional_latency;
        if latency.is_zero() {
            return;
        }
        let (level, executing) = (self.level.clone(), self.executing);
        let release = move || level.state.lock().queues.release(&executing, Instant::now());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    tokio::time::sleep(latency).await;
                    release();
                });
            }
            // The runtime is gone, and with it whoever would wait for the seats.
            Err(_) => release(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seats are small and not negative"
)]
pub(crate) fn ceil(value: f64) -> u32 {
    value.ceil() as u32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seats are small and not negative"
)]
pub(crate) fn round(value: f64) -> u32 {
    value.round() as u32
}
