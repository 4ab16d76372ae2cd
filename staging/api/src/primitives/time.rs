//! Moments in UTC (upstream: `metav1.Time`, `metav1.MicroTime`).
//!
//! Go's zero time (the first second of year 1) stands for "not set" and is `null` in JSON.

use std::{
    fmt,
    num::NonZeroI64,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{TimeError, go::TextVisitor, rfc3339};

/// Seconds from 1970 back to Go's zero time.
const GO_ZERO: i64 = -62_135_596_800;

/// Any count but `i64::MIN`, in a form that leaves `Option` without cost.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ticks(NonZeroI64);

impl Ticks {
    const fn new(count: i64) -> Self {
        match NonZeroI64::new(count ^ i64::MIN) {
            Some(bits) => Self(bits),
            // The smallest count is three hundred thousand years ago; one tick later will do.
            None => Self(NonZeroI64::MIN),
        }
    }

    const fn get(self) -> i64 {
        self.0.get() ^ i64::MIN
    }
}

macro_rules! moment {
    ($(#[$doc:meta])* $name:ident, $per_second:expr, $layout:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(Ticks);

        impl $name {
            const PER_SECOND: i64 = $per_second;

            /// Go's zero time: not set.
            pub const ZERO: Self = Self(Ticks::new(GO_ZERO * $per_second));

            /// The present moment.
            #[must_use]
            pub fn now() -> Self {
                SystemTime::now().into()
            }

            /// The moment so many seconds and nanoseconds after the start of 1970.
            #[must_use]
            pub const fn from_unix(seconds: i64, nanoseconds: i32) -> Self {
                let fraction = nanoseconds as i64 / (1_000_000_000 / $per_second);
                Self(Ticks::new(seconds.saturating_mul($per_second).saturating_add(fraction)))
            }

            /// Whole seconds since the start of 1970.
            #[must_use]
            pub const fn unix_seconds(self) -> i64 {
                self.0.get().div_euclid($per_second)
            }

            /// Nanoseconds of the second.
            #[must_use]
            pub const fn subsec_nanos(self) -> i32 {
                (self.0.get().rem_euclid($per_second) * (1_000_000_000 / $per_second)) as i32
            }

            /// Whether it is Go's zero time.
            #[must_use]
            pub fn is_zero(self) -> bool {
                self == Self::ZERO
            }

            /// How far `earlier` lies back; zero if it does not.
            #[must_use]
            pub fn since(self, earlier: Self) -> std::time::Duration {
                let ticks = u64::try_from(self.0.get().saturating_sub(earlier.0.get())).unwrap_or(0);
                let per_second = Self::PER_SECOND.unsigned_abs();
                let fraction = ticks % per_second * (1_000_000_000 / per_second);
                let fraction = u32::try_from(fraction).expect("a fraction is below a second");
                std::time::Duration::new(ticks / per_second, fraction)
            }

            /// The moment so much later.
            #[must_use]
            pub fn plus(self, duration: std::time::Duration) -> Self {
                let ticks = duration.as_nanos() / (1_000_000_000 / Self::PER_SECOND.unsigned_abs()) as u128;
                Self(Ticks::new(self.0.get().saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX))))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ZERO
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.get().cmp(&other.0.get())
            }
        }

        impl From<SystemTime> for $name {
            fn from(time: SystemTime) -> Self {
                let nanos = match time.duration_since(UNIX_EPOCH) {
                    Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
                    Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |n| -n),
                };
                let ticks = nanos.div_euclid(i128::from(1_000_000_000 / Self::PER_SECOND));
                Self(Ticks::new(i64::try_from(ticks).unwrap_or(i64::MAX)))
            }
        }

        impl From<Timestamp> for $name {
            fn from(time: Timestamp) -> Self {
                let ticks = time.as_nanosecond().div_euclid(i128::from(1_000_000_000 / Self::PER_SECOND));
                Self(Ticks::new(i64::try_from(ticks).expect("ten thousand years are within 64 bits of microseconds")))
            }
        }

        impl From<$name> for Timestamp {
            /// Years that jiff does not know become the first or last moment it does.
            fn from(time: $name) -> Self {
                let bound = if time.unix_seconds() < 0 { Timestamp::MIN } else { Timestamp::MAX };
                Timestamp::new(time.unix_seconds(), time.subsec_nanos()).unwrap_or(bound)
            }
        }

        impl From<$name> for SystemTime {
            fn from(time: $name) -> Self {
                let nanos = u64::try_from(time.subsec_nanos()).expect("a fraction is not negative");
                let fraction = std::time::Duration::from_nanos(nanos);
                let whole = std::time::Duration::from_secs(time.unix_seconds().unsigned_abs());
                let second = if time.unix_seconds() < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
                second + fraction
            }
        }

        impl FromStr for $name {
            type Err = TimeError;

            fn from_str(text: &str) -> Result<Self, TimeError> {
                let (seconds, nanoseconds) = rfc3339::parse(text, $layout)?;
                Ok(Self::from_unix(seconds, nanoseconds))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.is_zero() { serializer.serialize_none() } else { serializer.collect_str(self) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextVisitor { null: || Ok(Self::ZERO), parse: str::parse, go_type: "string" })
            }
        }
    };
}

moment! {
    /// A moment to the second (`2006-01-02T15:04:05Z`). Fractions are dropped when read.
    Time, 1, rfc3339::SECONDS
}

moment! {
    /// A moment to the microsecond (`2006-01-02T15:04:05.000000Z`).
    MicroTime, 1_000_000, rfc3339::MICROS
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_date_time(formatter, self.unix_seconds())?;
        formatter.write_str("Z")
    }
}

impl fmt::Display for MicroTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_date_time(formatter, self.unix_seconds())?;
        write!(formatter, ".{:06}Z", self.subsec_nanos() / 1000)
    }
}

fn write_date_time(formatter: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    let t = rfc3339::civil(seconds);
    let (year, month, day) = (t.year(), t.month(), t.day());
    let (hour, minute, second) = (t.hour(), t.minute(), t.second());
    write!(
        formatter,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    )
}

impl From<Time> for MicroTime {
    fn from(time: Time) -> Self {
        Self::from_unix(time.unix_seconds(), 0)
    }
}

impl From<MicroTime> for Time {
    /// Drops the fraction.
    fn from(time: MicroTime) -> Self {
        Self::from_unix(time.unix_seconds(), 0)
    }
}
