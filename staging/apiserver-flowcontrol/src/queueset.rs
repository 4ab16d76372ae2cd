//! The queues of one priority level, served fairly (upstream: `fairqueuing/queueset`).
//!
//! Time is virtual: it runs as fast as seats are given to each busy queue. A queue's next request finishes at a virtual
//! time; the queue whose request would finish first is served first. All of it is guarded by the level's lock; nothing here
//! waits.
//!
//! **Invariant:** a request counts exactly once: as waiting, as executing, or as lingering (finished, but holding its seats
//! while watchers are told).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use slab::Slab;
use tokio::sync::oneshot;

use crate::{
    dealer::Dealer,
    description::Description,
    integrator::{Integrator, Observed},
    width::Work,
};

/// How long a request is thought to take before it is known.
const ESTIMATED_SERVICE: Duration = Duration::from_millis(3);

/// Seats times nanoseconds.
type SeatTime = i128;

fn seat_time(seats: u32, time: Duration) -> SeatTime {
    i128::from(seats) * time.as_nanos().cast_signed()
}

/// How a level treats what does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Everything is let in.
    Exempt,
    /// What does not fit is refused.
    Reject,
    /// What does not fit waits.
    Queue {
        /// Number of queues.
        queues: usize,
        /// Queues that a flow may use.
        hand: usize,
        /// Requests that may wait in each.
        length: usize,
    },
}

/// A request that waits.
pub(crate) struct Waiting {
    pub(crate) id: u64,
    pub(crate) work: Work,
    pub(crate) about: Description,
    arrival: SeatTime,
    wake: oneshot::Sender<()>,
}

/// A request that was let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Executing {
    /// Its queue; `None` if it went past them.
    queue: Option<usize>,
    pub(crate) work: Work,
    started: Instant,
    /// Where it stands among those that are carried out.
    place: usize,
}

/// A request that is carried out, for dumps.
pub(crate) struct Running {
    /// Its queue; `None` if it went past them.
    pub(crate) queue: Option<usize>,
    pub(crate) work: Work,
    pub(crate) about: Description,
    pub(crate) started: jiff::Timestamp,
}

#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) executing: usize,
    pub(crate) seats_in_use: u32,
    next_dispatch: SeatTime,
    work: SeatTime,
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.executing == 0
    }

    /// A queue that was not served for a while gets no more for it than one that just came.
    fn bound(&mut self) {
        if let Some(oldest) = self.waiting.front() {
            self.next_dispatch = self.next_dispatch.max(oldest.arrival);
        }
    }

    /// For dumps: seat-seconds.
    pub(crate) fn figures(&self) -> (f64, u32, u32, f64) {
        let seats = |pick: fn(&Work) -> u32| self.waiting.iter().map(|waiting| pick(&waiting.work)).sum();
        (
            seconds(self.next_dispatch),
            seats(|work| work.initial_seats),
            seats(Work::seats),
            seconds(self.work),
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn seconds(time: SeatTime) -> f64 {
    time as f64 / 1e9
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) dispatched: u64,
    pub(crate) rejected: u64,
    pub(crate) timed_out: u64,
    pub(crate) cancelled: u64,
}

/// What becomes of a request that comes in.
pub(crate) enum Arrival {
    /// It may go on.
    Executing(Executing),
    /// It waits for the signal; then [`QueueSet::collect`] it.
    Waits(u64, oneshot::Receiver<()>),
    /// It is refused, for this reason.
    Refused(&'static str),
}

/// The queues of one level.
pub(crate) struct QueueSet {
    limit: Limit,
    /// Seats at once, as far as the level has them now.
    seats: u32,
    dealer: Dealer,
    pub(crate) queues: Vec<Queue>,
    now: SeatTime,
    last: Instant,
    busy: usize,
    pub(crate) seats_in_use: u32,
    pub(crate) seats_waiting: u32,
    pub(crate) executing: usize,
    pub(crate) waiting: usize,
    enqueued: usize,
    served: usize,
    next_id: u64,
    pub(crate) running: Slab<Running>,
    /// Requests that were let in and do not know it yet.
    granted: Vec<(u64, Executing)>,
    demand: Integrator,
    pub(crate) counts: Counts,
}

fn work_of(work: &Work) -> SeatTime {
    seat_time(work.initial_seats, ESTIMATED_SERVICE) + seat_time(work.final_seats, work.additional_latency)
}

impl QueueSet {
    pub(crate) fn new(limit: Limit, seats: u32, now: Instant) -> Self {
        let mut set = Self {
            limit: Limit::Reject,
            seats,
            dealer: Dealer::new(1, 1),
            queues: Vec::new(),
            now: 0,
            last: now,
            busy: 0,
            seats_in_use: 0,
            seats_waiting: 0,
            executing: 0,
            waiting: 0,
            enqueued: 0,
            served: 0,
            next_id: 0,
            running: Slab::new(),
            granted: Vec::new(),
            demand: Integrator::new(now),
            counts: Counts::default(),
        };
        set.configure(limit);
        set
    }

    /// Changes the configuration; what waits is served as before.
    pub(crate) fn configure(&mut self, limit: Limit) {
        self.limit = limit;
        if let Limit::Queue { queues, hand, .. } = limit {
            self.dealer = Dealer::new(queues, hand);
            if self.queues.len() < queues {
                self.queues.resize_with(queues, Queue::default);
            }
        }
        self.shrink();
    }

    /// Changes the seats, and lets in what fits now.
    pub(crate) fn set_seats(&mut self, seats: u32, now: Instant) {
        self.advance(now);
        self.seats = seats;
        self.dispatch(now);
    }

    /// What was asked for since the last call.
    pub(crate) fn observe(&mut self, now: Instant) -> Observed {
        self.demand.reset(now)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting == 0 && self.executing == 0
    }

    /// Queues beyond the configured ones go when they are empty.
    fn shrink(&mut self) {
        let wanted = match self.limit {
            Limit::Queue { queues, .. } => queues,
            _ => 0,
        };
        while self.queues.len() > wanted
            && self
                .queues
                .last()
                .is_some_and(|queue| queue.is_idle() && queue.seats_in_use == 0)
        {
            self.queues.pop();
        }
    }

    fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.last);
        self.last = now;
        if self.busy > 0 {
            let seats = (self.seats_in_use + self.seats_waiting).min(self.seats);
            self.now += seat_time(seats, elapsed) / self.busy as i128;
        }
    }

    fn note_demand(&mut self, now: Instant) {
        self.demand.set(f64::from(self.seats_in_use + self.seats_waiting), now);
    }

    fn fits(&self, seats: u32) -> bool {
        if self.limit == Limit::Exempt {
            return true;
        }
        // What is wider than the level runs alone.
        (seats > self.seats && self.executing == 0) || self.seats_in_use + seats <= self.seats
    }

    fn begin(
        &mut self,
        queue: Option<usize>,
        work: Work,
        now: Instant,
        about: Description,
        started: jiff::Timestamp,
    ) -> Executing {
        self.executing += 1;
        self.seats_in_use += work.seats();
        self.counts.dispatched += 1;
        if let Some(index) = queue {
            let queue = &mut self.queues[index];
            self.busy += usize::from(queue.is_idle());
            queue.executing += 1;
            queue.seats_in_use += work.seats();
            queue.next_dispatch += work_of(&work);
        }
        Executing {
            queue,
            work,
            started: now,
            place: self.running.insert(Running {
                queue,
                work,
                about,
                started,
            }),
        }
    }

    /// Takes a request in; `hash` is its flow's.
    pub(crate) fn arrive(&mut self, work: Work, hash: u64, now: Instant, about: Description) -> Arrival {
        let arrived = about.arrived;
        self.advance(now);
        let Limit::Queue { length, .. } = self.limit else {
            if !self.fits(work.seats()) {
                self.counts.rejected += 1;
                self.counts.cancelled += 1;
                return Arrival::Refused("concurrency-limit");
            }
            let executing = self.begin(None, work, now, about, arrived);
            self.note_demand(now);
            return Arrival::Executing(executing);
        };
        let index = self.choose(hash);
        if self.queues[index].is_idle() {
            self.queues[index].next_dispatch = self.now;
        }
        if self.waiting == 0 && self.fits(work.seats()) {
            // Nobody is passed over.
            let executing = self.begin(Some(index), work, now, about, arrived);
            self.note_demand(now);
            return Arrival::Executing(executing);
        }
        if self.seats_in_use >= self.seats && self.queues[index].waiting.len() >= length {
            self.counts.rejected += 1;
            return Arrival::Refused("queue-full");
        }
        let (wake, woken) = oneshot::channel();
        let id = self.next_id;
        self.next_id += 1;
        let queue = &mut self.queues[index];
        self.busy += usize::from(queue.is_idle());
        queue.waiting.push_back(Waiting {
            id,
            work,
            about,
            arrival: self.now,
            wake,
        });
        queue.work += work_of(&work);
        queue.bound();
        self.waiting += 1;
        self.seats_waiting += work.seats();
        self.note_demand(now);
        self.dispatch(now);
        Arrival::Waits(id, woken)
    }

    /// Of the flow's hand the queue with the least work; equals take turns.
    fn choose(&mut self, hash: u64) -> usize {
        let hand = self.dealer.deal(hash);
        let offset = self.enqueued % hand.len();
        self.enqueued = self.enqueued.wrapping_add(1);
        (0..hand.len())
            .map(|step| hand[(offset + step) % hand.len()])
            .min_by_key(|index| self.queues[*index].work)
            .expect("a hand is never empty")
    }

    /// Lets in as many as fit, the fairest first.
    fn dispatch(&mut self, now: Instant) {
        while self.waiting > 0 && (self.seats_in_use < self.seats || self.executing == 0) {
            let Some(index) = self.fairest() else { return };
            let front = self.queues[index]
                .waiting
                .front()
                .expect("the fairest queue has a request");
            if !self.fits(front.work.seats()) {
                return;
            }
            self.served = index;
            let queue = &mut self.queues[index];
            let Waiting {
                id,
                mut work,
                about,
                wake,
                ..
            } = queue.waiting.pop_front().expect("the same");
            queue.work -= work_of(&work);
            self.waiting -= 1;
            self.seats_waiting -= work.seats();
            if work.final_seats > self.seats {
                // A level that has shrunk: the same area, narrower and longer.
                let area = f64::from(work.final_seats) / f64::from(self.seats.max(1));
                work.additional_latency = work.additional_latency.mul_f64(area);
                work.final_seats = self.seats.max(1);
            }
            let lone = self.queues[index].is_idle();
            self.busy -= usize::from(lone);
            let executing = self.begin(Some(index), work, now, about, jiff::Timestamp::now());
            self.queues[index].bound();
            self.granted.push((id, executing));
            if wake.send(()).is_err() {
                // Nobody waits any more; the waiter's guard gives the seats back.
                tracing::trace!(id, "a request left while it was let in");
            }
            self.note_demand(now);
        }
    }

    fn fairest(&mut self) -> Option<usize> {
        let count = self.queues.len();
        (1..=count)
            .map(|step| (self.served + step) % count)
            .filter_map(|index| {
                let queue = &self.queues[index];
                let front = queue.waiting.front()?;
                Some((queue.next_dispatch + work_of(&front.work), index))
            })
            .min_by_key(|(finish, _)| *finish)
            .map(|(_, index)| index)
    }

    /// Takes what was let in for a request that waited; `None` if it was not.
    pub(crate) fn collect(&mut self, id: u64) -> Option<Executing> {
        let position = self.granted.iter().position(|(granted, _)| *granted == id)?;
        Some(self.granted.swap_remove(position).1)
    }

    /// Takes a request out that waits no longer.
    pub(crate) fn leave(&mut self, id: u64, timed_out: bool, now: Instant) {
        self.advance(now);
        for queue in &mut self.queues {
            let Some(position) = queue.waiting.iter().position(|waiting| waiting.id == id) else {
                continue;
            };
            let waiting = queue.waiting.remove(position).expect("the position was just found");
            queue.work -= work_of(&waiting.work);
            queue.bound();
            self.busy -= usize::from(queue.is_idle());
            self.waiting -= 1;
            self.seats_waiting -= waiting.work.seats();
            self.counts.rejected += 1;
            self.counts.cancelled += 1;
            self.counts.timed_out += u64::from(timed_out);
            self.note_demand(now);
            return;
        }
    }

    /// A request is done. If it lingers, its seats come back with [`QueueSet::release`].
    pub(crate) fn finish(&mut self, request: &Executing, now: Instant) {
        self.advance(now);
        self.executing -= 1;
        self.running.remove(request.place);
        if let Some(index) = request.queue {
            let queue = &mut self.queues[index];
            queue.executing -= 1;
            // It was charged for an estimate; now the truth is known.
            let actual = now.saturating_duration_since(request.started);
            queue.next_dispatch += seat_time(request.work.initial_seats, actual)
                - seat_time(request.work.initial_seats, ESTIMATED_SERVICE);
            queue.bound();
            self.busy -= usize::from(queue.is_idle());
        }
        if request.work.additional_latency.is_zero() {
            self.give_back(request, now);
        }
        self.dispatch(now);
    }

    /// A request's watchers have been told.
    pub(crate) fn release(&mut self, request: &Executing, now: Instant) {
        self.advance(now);
        self.give_back(request, now);
        self.dispatch(now);
    }

    fn give_back(&mut self, request: &Executing, now: Instant) {
        self.seats_in_use -= request.work.seats();
        if let Some(index) = request.queue {
            self.queues[index].seats_in_use -= request.work.seats();
        }
        self.note_demand(now);
        self.shrink();
    }
}
