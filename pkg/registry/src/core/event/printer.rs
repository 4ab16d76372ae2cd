//! What `kubectl get events` shows.

use apiserver::registry::{Column, Row};
use k8s_api::{core::v1::Event, primitives::MicroTime};

use crate::printing::{NAME, UNKNOWN, age, column, since, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    column("Last Seen", "string"),
    column("Type", "string"),
    column("Reason", "string"),
    column("Object", "string"),
    wide("Subobject", "string"),
    wide("Source", "string"),
    column("Message", "string"),
    wide("First Seen", "string"),
    wide("Count", "string"),
    Column { priority: 1, ..NAME },
];

fn micro_age(time: Option<MicroTime>, now: jiff::Timestamp) -> String {
    match time {
        Some(time) if !time.is_zero() => since(time.into(), now),
        _ => UNKNOWN.to_owned(),
    }
}

/// The cells of an event.
#[must_use]
pub fn row(event: &Event, now: jiff::Timestamp) -> Row {
    let known = |time: &k8s_api::primitives::Time| !time.is_zero();
    let first = match event.first_timestamp.filter(known) {
        None => micro_age(event.event_time, now),
        first => age(first, now),
    };
    let (last, count) = match &event.series {
        Some(series) => (micro_age(series.last_observed_time, now), series.count),
        None => {
            let last = event
                .last_timestamp
                .filter(known)
                .map_or_else(|| first.clone(), |last| age(Some(last), now));
            // Events of the newer kind do not count one.
            (last, event.count.max(i32::from(event.count == 0)))
        }
    };
    let object = &event.involved_object;
    let mut target = object.kind.to_lowercase();
    if !object.name.is_empty() {
        target.push('/');
        target.push_str(&object.name);
    }
    vec![
        last.into(),
        event.type_.as_str().into(),
        event.reason.as_str().into(),
        target.into(),
        object.field_path.as_str().into(),
        source(event).into(),
        event.message.trim().into(),
        first.into(),
        count.into(),
        event.metadata.name.as_str().into(),
    ]
}

/// Who reports, and where.
fn source(event: &Event) -> String {
    let first = |one: &'_ String, other: &'_ String| if one.is_empty() { other.clone() } else { one.clone() };
    let component = first(&event.source.component, &event.reporting_component);
    let instance = first(&event.source.host, &event.reporting_instance);
    if instance.is_empty() {
        return component;
    }
    format!("{component}, {instance}")
}
