//! Events of the kubelet.

use client_go::events::{self, EventRecorder as Recorder};
use k8s_api::core::v1::ObjectReference;
use kubelet_types::seams::{EventRecorder, EventType};

/// Tells events to a broadcaster.
pub struct ApiEvents(pub Recorder);

impl EventRecorder for ApiEvents {
    fn event(&self, object: &ObjectReference, kind: EventType, reason: &str, message: &str) {
        let kind = match kind {
            EventType::Normal => events::EventType::Normal,
            EventType::Warning => events::EventType::Warning,
        };
        tracing::info!(v = 2, object = object.name, kind = %kind, reason, message, "Event occurred");
        self.0.event_for(object.clone(), None, kind, reason, "", message);
    }
}
