//! [`Tainter`]: nodes that are to lose their pods, a queue a zone, each at its rate.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A bucket of one token.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    /// When there is a token.
    next: Instant,
}

impl Rate {
    fn period(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }
}

#[derive(Debug)]
struct ZoneQueue {
    rate: Rate,
    waiting: VecDeque<String>,
    /// Waiting, or tainted already.
    known: HashSet<String>,
}

/// Nodes that are to lose their pods.
#[derive(Debug)]
pub(super) struct Tainter {
    normal: f64,
    zones: Mutex<HashMap<String, ZoneQueue>>,
    changed: Notify,
}

impl Tainter {
    /// Zones begin with this rate.
    pub(super) fn new(normal: f64) -> Self {
        Self {
            normal,
            zones: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn queue<'q>(&self, zones: &'q mut HashMap<String, ZoneQueue>, zone: &str) -> &'q mut ZoneQueue {
        zones.entry(zone.to_owned()).or_insert_with(|| ZoneQueue {
            rate: Rate {
                per_second: self.normal,
                next: Instant::now(),
            },
            waiting: VecDeque::new(),
            known: HashSet::new(),
        })
    }

    /// A node is to be tainted, unless it waits for that or has been. `anew`: it has no taint, whatever was before.
    pub(super) fn add(&self, zone: &str, node: &str, anew: bool) {
        let mut zones = self.zones.lock();
        let queue = self.queue(&mut zones, zone);
        if anew && !queue.waiting.iter().any(|waiting| waiting == node) {
            queue.known.remove(node);
        }
        if queue.known.insert(node.to_owned()) {
            queue.waiting.push_back(node.to_owned());
            self.changed.notify_one();
        }
    }

    /// A node is not to be tainted.
    pub(super) fn remove(&self, zone: &str, node: &str) {
        let mut zones = self.zones.lock();
        if let Some(queue) = zones.get_mut(zone)
            && queue.known.remove(node)
        {
            queue.waiting.retain(|waiting| waiting != node);
        }
    }

    /// A node was not tainted after all: it waits again.
    pub(super) fn again(&self, zone: &str, node: String) {
        let mut zones = self.zones.lock();
        let queue = self.queue(&mut zones, zone);
        if queue.known.contains(&node) {
            queue.waiting.push_front(node);
            self.changed.notify_one();
        }
    }

    /// From now on a zone has this rate; zero is none at all.
    pub(super) fn set_rate(&self, zone: &str, per_second: f64) {
        let mut zones = self.zones.lock();
        let queue = self.queue(&mut zones, zone);
        if (queue.rate.per_second - per_second).abs() < f64::EPSILON {
            return;
        }
        let now = Instant::now();
        let saturated = queue.rate.per_second > 0.0 && queue.rate.next > now;
        queue.rate.per_second = per_second;
        // Who waits for a token goes on waiting, at the new rate.
        queue.rate.next = if saturated && per_second > 0.0 {
            now + queue.rate.period()
        } else {
            now
        };
        self.changed.notify_one();
    }

    /// Waits for a node whose turn it is, and its zone. Cancel safe.
    pub(super) async fn next(&self) -> (String, String) {
        loop {
            let changed = self.changed.notified();
            let wake = {
                let now = Instant::now();
                let mut zones = self.zones.lock();
                let mut wake: Option<Instant> = None;
                let able = zones.iter_mut().filter(|(_, queue)| queue.rate.per_second > 0.0);
                for (zone, queue) in able {
                    if queue.waiting.is_empty() {
                        continue;
                    }
                    if queue.rate.next <= now {
                        let node = queue.waiting.pop_front().expect("the queue is not empty");
                        queue.rate.next = now + queue.rate.period();
                        return (zone.clone(), node);
                    }
                    wake = Some(wake.map_or(queue.rate.next, |wake| wake.min(queue.rate.next)));
                }
                wake
            };
            match wake {
                None => changed.await,
                Some(wake) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(wake) => {}
                },
            }
        }
    }
}
