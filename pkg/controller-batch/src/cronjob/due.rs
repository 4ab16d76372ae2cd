//! When a job was due last, and when the next one is.

use std::time::Duration;

use apis_workloads::cron::{Schedule, load_location};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use k8s_api::batch::v1::CronJob;
use k8s_api::primitives::Time;

/// How long after its time a job is looked for, so that clocks that differ a little do not miss it.
pub(super) const DELTA: Duration = Duration::from_millis(100);
/// More missed times than this are worth a warning.
const MANY: i64 = 100;

/// The last due time that no job was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) time: Option<Time>,
    /// Whether so many were missed that something is wrong.
    pub(super) too_many: bool,
}

fn zoned(time: Time) -> Zoned {
    let timestamp = Timestamp::from_second(time.unix_seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    // A schedule without a zone goes by the machine's, as upstream's does.
    timestamp.to_zoned(TimeZone::system())
}

fn after(schedule: &Schedule, time: Time) -> Option<Time> {
    schedule
        .next(&zoned(time))
        .map(|next| Time::from_unix(next.timestamp().as_second(), 0))
}

/// What counts from: the last schedule, or the beginning.
fn earliest(cron_job: &CronJob, now: Time, with_deadline: bool) -> Time {
    let mut earliest = cron_job.metadata.creation_timestamp.unwrap_or(now);
    if let Some(last) = cron_job.status.last_schedule_time {
        earliest = last;
    }
    if let Some(deadline) = cron_job.spec.starting_deadline_seconds.filter(|_| with_deadline) {
        earliest = earliest.max(Time::from_unix(now.unix_seconds().saturating_sub(deadline), 0));
    }
    earliest
}

/// The last due time since the last job, at or before `now`.
///
/// # Errors
/// The schedule makes no sense.
fn recent(cron_job: &CronJob, now: Time, schedule: &Schedule, with_deadline: bool) -> Result<Due, &'static str> {
    let none = Due {
        time: None,
        too_many: false,
    };
    let earliest = earliest(cron_job, now, with_deadline);
    let Some(first) = after(schedule, earliest).filter(|first| *first <= now) else {
        return Ok(none);
    };
    let once = Due {
        time: Some(first),
        too_many: false,
    };
    let Some(second) = after(schedule, first).filter(|second| *second <= now) else {
        return Ok(once);
    };
    let period = second.unix_seconds() - first.unix_seconds();
    if period < 1 {
        return Err("time difference between two schedules is less than 1 second");
    }
    // Not every missed time is gone through: the count tells about where the last one is.
    let missed = (now.unix_seconds() - first.unix_seconds()) / period + 1;
    let mut time = Time::from_unix(first.unix_seconds() + (missed - 2) * period, 0);
    let mut last = None;
    while let Some(next) = after(schedule, time).filter(|next| *next <= now) {
        last = Some(next);
        time = next;
    }
    Ok(Due {
        time: last,
        too_many: missed > MANY,
    })
}

/// The last due time that a job can still be started for.
///
/// # Errors
/// The schedule makes no sense.
pub(super) fn most_recent(cron_job: &CronJob, now: Time, schedule: &Schedule) -> Result<Due, &'static str> {
    recent(cron_job, now, schedule, true)
}

/// The next due time.
pub(super) fn next(cron_job: &CronJob, now: Time, schedule: &Schedule) -> Option<Time> {
    let from = match recent(cron_job, now, schedule, false) {
        Ok(Due { time: Some(time), .. }) => time,
        Ok(Due {
            time: None,
            too_many: false,
        }) => earliest(cron_job, now, false),
        _ => now,
    };
    after(schedule, from)
        .filter(|next| *next > now)
        .or_else(|| after(schedule, now))
}

/// `Mon, 02 Jan 2006 15:04:05 +0000`.
pub(super) fn rfc1123(time: Time) -> String {
    let utc = Timestamp::from_second(time.unix_seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    utc.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The moment as it is in a zone: `2006-01-02T15:04:05+02:00`, or `…Z`.
pub(super) fn rfc3339_in(time: Time, zone: &str) -> String {
    let zone = load_location(zone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_second(time.unix_seconds())
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(zone);
    let text = at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}
