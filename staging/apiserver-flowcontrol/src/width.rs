//! How many seats a request takes, and for how long (upstream: `util/flowcontrol/request`).

use std::time::Duration;

/// Most seats of a list.
const MOST_FOR_LISTS: u32 = 100;
/// Most seats of a write.
const MOST_FOR_WRITES: u32 = 10;
/// Memory that stands for one seat.
const BYTES_PER_SEAT: u64 = 100_000;
/// Memory that a list from the cache takes at once at most: it is streamed.
const STREAMED_BYTES: u64 = 1_000_000;
/// Size of an object of which nothing is known.
const UNKNOWN_SIZE: u64 = 1_500_000;
/// Watches that take a seat together while an event goes out to them.
const WATCHES_PER_SEAT: usize = 10;
/// For how long.
const EVENT: Duration = Duration::from_millis(5);

/// The seats of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// While it is carried out.
    pub initial_seats: u32,
    /// Afterwards, while watchers are told.
    pub final_seats: u32,
    /// How long that takes.
    pub additional_latency: Duration,
}

impl Default for Work {
    /// One seat, and nothing afterwards.
    fn default() -> Self {
        Self {
            initial_seats: 1,
            final_seats: 0,
            additional_latency: Duration::ZERO,
        }
    }
}

impl Work {
    /// The wider of the two phases.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.initial_seats.max(self.final_seats)
    }
}

/// What a list, or a watch that begins with one, reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListWork {
    /// Objects of the resource.
    pub objects: u64,
    /// Their average size in bytes; 0 if unknown.
    pub average_bytes: u64,
    /// `limit` of the request; 0 for none.
    pub limit: u64,
    /// Whether the cache answers.
    pub from_cache: bool,
    /// Whether it is narrowed to one object by name.
    pub single: bool,
    /// Whether there is a selector.
    pub selective: bool,
}

fn at_most(level: u32, most: u32) -> u32 {
    if level == 0 { most } else { level.min(most) }
}

/// The width of a list; `most` is what its level grants to one request (0 for no limit of its own).
#[must_use]
pub fn list_work(list: &ListWork, most: u32) -> Work {
    let average = if list.average_bytes == 0 && list.objects != 0 {
        UNKNOWN_SIZE
    } else {
        list.average_bytes
    };
    let limited = if list.limit > 0 {
        list.limit.min(list.objects)
    } else {
        list.objects
    };
    let loaded = match list {
        ListWork { single: true, .. } => 1,
        ListWork { from_cache: true, .. } => limited,
        ListWork { selective: true, .. } => limited.max(list.objects / 2),
        _ => limited,
    };
    let mut bytes = loaded.saturating_mul(average);
    if list.from_cache {
        bytes = bytes.min(STREAMED_BYTES);
    }
    let seats = u32::try_from(bytes.div_ceil(BYTES_PER_SEAT)).unwrap_or(u32::MAX);
    Work {
        initial_seats: seats.clamp(1, at_most(most, MOST_FOR_LISTS).max(1)),
        ..Work::default()
    }
}

/// The width of a write that so many watches will be told of.
#[must_use]
pub fn mutating_work(watches: usize, most: u32) -> Work {
    if watches < WATCHES_PER_SEAT {
        return Work::default();
    }
    let wanted = u32::try_from(watches.div_ceil(WATCHES_PER_SEAT)).unwrap_or(u32::MAX);
    let seats = wanted.min(at_most(most, MOST_FOR_WRITES)).max(1);
    Work {
        initial_seats: 1,
        final_seats: seats,
        // The same area, narrower and longer.
        additional_latency: EVENT.mul_f64(f64::from(wanted) / f64::from(seats)),
    }
}
