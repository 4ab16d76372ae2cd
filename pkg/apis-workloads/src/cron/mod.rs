//! Cron schedules: five fields or a descriptor, with an optional time zone in front.
//!
//! The grammar, its error texts and the way the next due time is found are those of the parser that
//! upstream uses (`github.com/robfig/cron/v3`, `ParseStandard`): `?` is `*`, `N/step` runs to the
//! field's end, a schedule is due only at whole seconds, and when both days of month and of week are
//! restricted either will do.

mod field;
mod next;
#[cfg(test)]
mod tests;
mod zone;

use jiff::{Zoned, tz::TimeZone};
use k8s_api::primitives::{Duration, DurationError, quote};

pub use field::FieldError;
use field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH};
pub use zone::{ZoneError, load_location};

/// Why a schedule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Nothing was given.
    #[error("empty spec string")]
    Empty,
    /// A time zone and nothing behind it, on which upstream's parser panics.
    #[error("invalid schedule format: runtime error: slice bounds out of range [:-1]")]
    OnlyZone,
    /// The time zone does not exist.
    #[error("provided bad location {0}: {1}")]
    Location(String, ZoneError),
    /// Not five fields.
    #[error("expected exactly 5 fields, found {}: [{}]", .0.len(), .0.join(" "))]
    FieldCount(Vec<String>),
    /// A field is malformed.
    #[error("{0}")]
    Field(FieldError),
    /// `@every` and no duration.
    #[error("failed to parse duration {0}: {1}")]
    Duration(String, DurationError),
    /// `@` and an unknown word.
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Fields(Box<Fields>),
    /// So many whole seconds, one at least.
    Every(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fields {
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
}

/// When something is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    kind: Kind,
    /// The zone that the schedule names; that of the question if it names none.
    zone: Option<TimeZone>,
}

const EVERY: &str = "@every ";

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// If it is malformed, in the words that clients know.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        if text.is_empty() {
            return Err(CronError::Empty);
        }
        let mut rest = text;
        let mut zone = None;
        if let Some(named) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            let (name, behind) = named.split_once(' ').ok_or(CronError::OnlyZone)?;
            zone = Some(load_location(name).map_err(|error| CronError::Location(name.into(), error))?);
            rest = behind.trim();
        }
        let kind = if rest.starts_with('@') {
            descriptor(rest)?
        } else {
            Kind::Fields(Box::new(fields(rest)?))
        };
        Ok(Self { kind, zone })
    }

    /// The first due time after `after`, in the zone of `after`; `None` if there is none within five years.
    #[must_use]
    pub fn next(&self, after: &Zoned) -> Option<Zoned> {
        match &self.kind {
            Kind::Every(seconds) => next::whole_second(after, *seconds),
            Kind::Fields(fields) => {
                let zone = self.zone.as_ref().unwrap_or_else(|| after.time_zone());
                let due = next::next(fields, after.with_time_zone(zone.clone()))?;
                Some(due.with_time_zone(after.time_zone().clone()))
            }
        }
    }
}

impl std::str::FromStr for Schedule {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        Self::parse(text)
    }
}

fn fields(text: &str) -> Result<Fields, CronError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day_of_month, month, day_of_week] = words[..] else {
        return Err(CronError::FieldCount(words.into_iter().map(Into::into).collect()));
    };
    let read = |text, bounds| Field::parse(text, bounds).map_err(CronError::Field);
    Ok(Fields {
        minute: read(minute, &MINUTE)?,
        hour: read(hour, &HOUR)?,
        day_of_month: read(day_of_month, &DAY_OF_MONTH)?,
        month: read(month, &MONTH)?,
        day_of_week: read(day_of_week, &DAY_OF_WEEK)?,
    })
}

fn descriptor(text: &str) -> Result<Kind, CronError> {
    let standard = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(duration) = text.strip_prefix(EVERY) else {
                return Err(CronError::Descriptor(text.into()));
            };
            let duration: Duration = duration
                .parse()
                .map_err(|error| CronError::Duration(text.into(), error))?;
            return Ok(Kind::Every((duration.as_nanos() / 1_000_000_000).max(1)));
        }
    };
    Ok(Kind::Fields(Box::new(fields(standard)?)))
}

/// `strconv.Atoi` and what it says of a text that is no number.
fn atoi(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        let reason = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {reason}", quote(text))
    })
}
