//! Events about what repair finds.

use apiserver::registry::Local;
use k8s_api::{
    Object,
    core::v1::{Event, ObjectReference},
    meta::v1::ObjectMeta,
    primitives::MicroTime,
};

/// Tells the cluster what is wrong with an object, by Warning events of one component.
#[derive(Clone, Debug)]
pub struct Reporter {
    events: Local<Event>,
    component: &'static str,
    instance: String,
}

impl Reporter {
    /// A reporter under the name of a component; `instance` tells servers apart.
    #[must_use]
    pub fn new(events: Local<Event>, component: &'static str, instance: String) -> Self {
        Self {
            events,
            component,
            instance,
        }
    }

    /// Logs and records a warning.
    pub(super) async fn warn<T: Object>(&self, object: &T, reason: &str, action: &str, message: String) {
        let metadata = object.metadata();
        tracing::warn!(
            kind = T::KIND,
            namespace = %metadata.namespace,
            name = %metadata.name,
            reason,
            "{message}"
        );
        let now = jiff::Timestamp::now();
        // Events about objects outside of namespaces lie in the default one.
        let namespace = if metadata.namespace.is_empty() {
            "default"
        } else {
            &metadata.namespace
        };
        let event = Event {
            metadata: ObjectMeta {
                name: format!("{}.{:x}", metadata.name, now.as_nanosecond()),
                namespace: namespace.to_owned(),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime::from(now)),
            reporting_component: self.component.to_owned(),
            reporting_instance: self.instance.clone(),
            action: action.to_owned(),
            reason: reason.to_owned(),
            message,
            type_: "Warning".to_owned(),
            involved_object: ObjectReference {
                api_version: T::API_VERSION.to_owned(),
                kind: T::KIND.to_owned(),
                namespace: metadata.namespace.clone(),
                name: metadata.name.clone(),
                uid: metadata.uid.clone(),
                resource_version: metadata.resource_version.clone(),
                ..ObjectReference::default()
            },
            ..Event::default()
        };
        if let Err(error) = self.events.create(&event).await {
            tracing::warn!(%error, "cannot record an event");
        }
    }
}
