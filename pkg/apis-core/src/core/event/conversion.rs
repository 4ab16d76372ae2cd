//! Between core/v1 and events.k8s.io/v1.

use k8s_api::{core::v1 as core, events::v1 as events};

/// The stored form of an event of events.k8s.io/v1.
#[must_use]
pub fn from_v1(event: events::Event) -> core::Event {
    let series = |series: Box<events::EventSeries>| {
        Box::new(core::EventSeries {
            count: series.count,
            last_observed_time: series.last_observed_time,
        })
    };
    core::Event {
        metadata: event.metadata,
        action: event.action,
        count: event.deprecated_count,
        event_time: event.event_time,
        first_timestamp: event.deprecated_first_timestamp,
        involved_object: event.regarding,
        last_timestamp: event.deprecated_last_timestamp,
        message: event.note,
        reason: event.reason,
        related: event.related,
        reporting_component: event.reporting_controller,
        reporting_instance: event.reporting_instance,
        series: event.series.map(series),
        source: event.deprecated_source,
        type_: event.type_,
    }
}

/// The form of a stored event in events.k8s.io/v1.
#[must_use]
pub fn to_v1(event: &core::Event) -> events::Event {
    let series = |series: &core::EventSeries| {
        Box::new(events::EventSeries {
            count: series.count,
            last_observed_time: series.last_observed_time,
        })
    };
    events::Event {
        metadata: event.metadata.clone(),
        action: event.action.clone(),
        deprecated_count: event.count,
        deprecated_first_timestamp: event.first_timestamp,
        deprecated_last_timestamp: event.last_timestamp,
        deprecated_source: event.source.clone(),
        event_time: event.event_time,
        note: event.message.clone(),
        reason: event.reason.clone(),
        regarding: event.involved_object.clone(),
        related: event.related.clone(),
        reporting_controller: event.reporting_component.clone(),
        reporting_instance: event.reporting_instance.clone(),
        series: event.series.as_deref().map(series),
        type_: event.type_.clone(),
    }
}
