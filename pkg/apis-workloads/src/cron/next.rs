//! The search for the next due time.
//!
//! Field by field from the month down, in steps of local time. Around changes of the clock the
//! result is the one that Go's calendar arithmetic gives, so that a schedule fires here when it
//! fires upstream.

use jiff::{SignedDuration, Timestamp, ToSpan, Zoned, civil, tz::TimeZone};

use super::{Fields, field::Field};

/// How many years ahead a due time is looked for.
const YEARS: i16 = 5;

/// `after` and so many seconds, without its fraction.
pub(super) fn whole_second(after: &Zoned, seconds: i64) -> Option<Zoned> {
    let fraction = i64::from(after.subsec_nanosecond());
    let step = SignedDuration::from_secs(seconds).checked_sub(SignedDuration::from_nanos(fraction))?;
    after.checked_add(step).ok()
}

/// The time whose clock shows `local`. Where the clock skips it or shows it twice, Go's choice.
fn at(local: civil::DateTime, zone: &TimeZone) -> Option<Zoned> {
    let as_utc = local.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let mut instant = as_utc;
    if zone.to_offset(as_utc).seconds() != 0 {
        let guess = minus_offset(as_utc, zone, as_utc)?;
        instant = minus_offset(as_utc, zone, guess)?;
    }
    Some(instant.to_zoned(zone.clone()))
}

fn minus_offset(as_utc: Timestamp, zone: &TimeZone, valid_at: Timestamp) -> Option<Timestamp> {
    let offset = i64::from(zone.to_offset(valid_at).seconds());
    as_utc.checked_sub(SignedDuration::from_secs(offset)).ok()
}

fn day_matches(fields: &Fields, time: &Zoned) -> bool {
    let of_month = fields.day_of_month.contains(time.day());
    let of_week = fields.day_of_week.contains(time.weekday().to_sunday_zero_offset());
    if fields.day_of_month.star || fields.day_of_week.star {
        of_month && of_week
    } else {
        of_month || of_week
    }
}

/// The smaller units are set to their least once, before the first step.
struct Search<'a> {
    fields: &'a Fields,
    zone: TimeZone,
    time: Zoned,
    stepped: bool,
}

/// Whether a level found its value, or wrapped around into the one above.
enum Found {
    Here,
    Wrapped,
}

impl Search<'_> {
    fn date(&self, day: i8, hour: i8) -> Option<Zoned> {
        at(
            civil::date(self.time.year(), self.time.month(), day).at(hour, 0, 0, 0),
            &self.zone,
        )
    }

    fn month(&mut self) -> Option<Found> {
        while !self.fields.month.contains(self.time.month()) {
            if !self.stepped {
                self.stepped = true;
                self.time = self.date(1, 0)?;
            }
            self.time = at(self.time.datetime().checked_add(1.month()).ok()?, &self.zone)?;
            if self.time.month() == 1 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Here)
    }

    fn day(&mut self) -> Option<Found> {
        while !day_matches(self.fields, &self.time) {
            if !self.stepped {
                self.stepped = true;
                self.time = self.date(self.time.day(), 0)?;
            }
            self.time = at(self.time.datetime().checked_add(1.day()).ok()?, &self.zone)?;
            // Where midnight is skipped or comes twice the time is an hour off.
            let hour = i64::from(self.time.hour());
            let correction = match hour {
                0 => 0,
                13.. => 24 - hour,
                _ => -hour,
            };
            self.time = self.plus(SignedDuration::from_hours(correction))?;
            if self.time.day() == 1 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Here)
    }

    fn hour(&mut self) -> Option<Found> {
        while !self.fields.hour.contains(self.time.hour()) {
            if !self.stepped {
                self.stepped = true;
                self.time = self.date(self.time.day(), self.time.hour())?;
            }
            self.time = self.plus(SignedDuration::from_hours(1))?;
            if self.time.hour() == 0 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Here)
    }

    fn minute(&mut self) -> Option<Found> {
        while !self.fields.minute.contains(self.time.minute()) {
            if !self.stepped {
                self.stepped = true;
                self.truncate_to_minute()?;
            }
            self.time = self.plus(SignedDuration::from_mins(1))?;
            if self.time.minute() == 0 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Here)
    }

    fn second(&mut self) -> Option<Found> {
        while self.time.second() != 0 {
            self.stepped = true;
            self.time = self.plus(SignedDuration::from_secs(1))?;
            if self.time.second() == 0 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Here)
    }

    fn plus(&self, duration: SignedDuration) -> Option<Zoned> {
        self.time.checked_add(duration).ok()
    }

    fn truncate_to_minute(&mut self) -> Option<()> {
        // Whole minutes since the epoch, as Go truncates: not those of a zone with odd seconds.
        let over = self.time.timestamp().as_second().rem_euclid(60);
        self.time = self.plus(SignedDuration::from_secs(-over))?;
        Some(())
    }
}

pub(super) fn next(fields: &Fields, after: Zoned) -> Option<Zoned> {
    if [fields.month, fields.hour, fields.minute]
        .into_iter()
        .any(Field::is_empty)
    {
        return None;
    }
    let last_year = whole_second(&after, 1)?.year() + YEARS;
    let mut search = Search {
        fields,
        zone: after.time_zone().clone(),
        time: whole_second(&after, 1)?,
        stepped: false,
    };
    let levels = [Search::month, Search::day, Search::hour, Search::minute, Search::second];
    'wrap: loop {
        if search.time.year() > last_year {
            return None;
        }
        for level in levels {
            if matches!(level(&mut search)?, Found::Wrapped) {
                continue 'wrap;
            }
        }
        return Some(search.time);
    }
}
