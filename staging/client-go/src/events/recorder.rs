//! [`EventRecorder`]: what components call.

use std::fmt;

use k8s_api::core::v1::{self as core, ObjectReference};
use k8s_api::events::v1 as events;
use k8s_api::meta::v1::ObjectMeta;
use k8s_api::primitives::{MicroTime, Time};
use k8s_api::{HasMetadata, Kind};
use tokio::sync::mpsc;

/// The longest note.
const NOTE_LIMIT: usize = 1024;

/// Whether an event is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// As it should be.
    Normal,
    /// Somebody may want to look.
    Warning,
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// What an event is about.
#[must_use]
pub fn reference<T: HasMetadata>(object: &T) -> ObjectReference {
    let metadata = object.metadata();
    ObjectReference {
        api_version: T::API_VERSION.to_owned(),
        kind: <T as Kind>::KIND.to_owned(),
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

/// What was told, before it is put into either form.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    regarding: ObjectReference,
    related: Option<Box<ObjectReference>>,
    kind: EventType,
    reason: String,
    action: String,
    note: String,
    annotations: Vec<(String, String)>,
    at: MicroTime,
    component: String,
    instance: String,
}

/// Tells events; clones tell the same broadcaster.
#[derive(Clone)]
pub struct EventRecorder {
    queue: mpsc::Sender<Recorded>,
    component: String,
    instance: String,
}

impl EventRecorder {
    pub(super) fn new(queue: mpsc::Sender<Recorded>, component: &str, instance: &str) -> Self {
        Self {
            queue,
            component: component.to_owned(),
            instance: instance.to_owned(),
        }
    }

    /// Tells what happened to an object.
    pub fn event<T: HasMetadata>(&self, object: &T, kind: EventType, reason: &str, note: impl Into<String>) {
        self.event_for(reference(object), None, kind, reason, "", note);
    }

    /// Tells what happened to an object, with annotations.
    pub fn annotated_event<T: HasMetadata>(
        &self,
        object: &T,
        annotations: Vec<(String, String)>,
        kind: EventType,
        reason: &str,
        note: impl Into<String>,
    ) {
        let mut recorded = self.recorded(reference(object), kind, reason, note.into());
        recorded.annotations = annotations;
        self.send(recorded);
    }

    /// Tells what happened to `regarding`, what was done (`action`) and to what else it matters.
    pub fn event_for(
        &self,
        regarding: ObjectReference,
        related: Option<ObjectReference>,
        kind: EventType,
        reason: &str,
        action: &str,
        note: impl Into<String>,
    ) {
        let mut recorded = self.recorded(regarding, kind, reason, note.into());
        recorded.related = related.map(Box::new);
        action.clone_into(&mut recorded.action);
        self.send(recorded);
    }

    fn recorded(&self, regarding: ObjectReference, kind: EventType, reason: &str, note: String) -> Recorded {
        Recorded {
            regarding,
            related: None,
            kind,
            reason: reason.to_owned(),
            action: String::new(),
            note,
            annotations: Vec::new(),
            at: MicroTime::now(),
            component: self.component.clone(),
            instance: self.instance.clone(),
        }
    }

    fn send(&self, recorded: Recorded) {
        if let Err(error) = self.queue.try_send(recorded) {
            let (mpsc::error::TrySendError::Full(lost) | mpsc::error::TrySendError::Closed(lost)) = &error;
            tracing::error!(
                reason = lost.reason,
                object = lost.regarding.name,
                "unable to record event: too many queued events, dropped event"
            );
        }
    }
}

impl Recorded {
    fn metadata(&self) -> ObjectMeta {
        let namespace = if self.regarding.namespace.is_empty() {
            "default"
        } else {
            &self.regarding.namespace
        };
        let seconds = u128::try_from(self.at.unix_seconds()).unwrap_or(0);
        let nanos = seconds * 1_000_000_000 + u128::try_from(self.at.subsec_nanos()).unwrap_or(0);
        // The clock's microseconds are not enough to tell two events of one object apart.
        let nanos = nanos + u128::from(rand::random::<u16>() % 1000);
        ObjectMeta {
            name: format!("{}.{nanos:x}", self.regarding.name),
            namespace: namespace.to_owned(),
            annotations: self.annotations.iter().cloned().collect(),
            ..ObjectMeta::default()
        }
    }

    pub(super) fn into_core(self) -> core::Event {
        let time = Time::from_unix(self.at.unix_seconds(), 0);
        core::Event {
            metadata: self.metadata(),
            involved_object: self.regarding,
            related: self.related,
            reason: self.reason,
            message: self.note,
            action: self.action,
            first_timestamp: Some(time),
            last_timestamp: Some(time),
            count: 1,
            type_: self.kind.to_string(),
            source: core::EventSource {
                component: self.component.clone(),
                host: self.instance.clone(),
            },
            reporting_component: self.component,
            reporting_instance: self.instance,
            ..core::Event::default()
        }
    }

    pub(super) fn into_event(self) -> events::Event {
        let mut note = self.note.clone();
        if note.len() > NOTE_LIMIT {
            note.truncate(note.floor_char_boundary(NOTE_LIMIT));
        }
        events::Event {
            metadata: self.metadata(),
            event_time: Some(self.at),
            reporting_controller: self.component,
            reporting_instance: self.instance,
            action: self.action,
            reason: self.reason,
            regarding: self.regarding,
            related: self.related,
            note,
            type_: self.kind.to_string(),
            ..events::Event::default()
        }
    }
}
