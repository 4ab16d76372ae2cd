//! [`SliceTracker`]: whether the cache shows what was written.
//!
//! Without it a reconcile on an old cache would make slices twice.

use std::collections::HashMap;
use std::sync::Arc;

use client_go::cache::{Event, ObjectKey};
use k8s_api::discovery::v1::EndpointSlice;
use parking_lot::Mutex;

/// The label of slices with their service's name.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label of slices with who manages them.
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// The service of a slice.
pub(crate) fn service_key(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice
        .metadata
        .labels
        .get(SERVICE_NAME)
        .filter(|name| !name.is_empty())?;
    Some(ObjectKey::new(&slice.metadata.namespace, name))
}

pub(crate) fn is_managed_by(slice: &EndpointSlice, manager: &str) -> bool {
    slice.metadata.labels.get(MANAGED_BY).is_some_and(|by| by == manager)
}

/// The generations that slices have at least; `None` for those that were deleted.
#[derive(Default)]
pub(crate) struct SliceTracker(Mutex<HashMap<ObjectKey, HashMap<String, Option<i64>>>>);

impl SliceTracker {
    /// A slice was written.
    pub(crate) fn written(&self, service: &ObjectKey, slice: &EndpointSlice) {
        self.0
            .lock()
            .entry(service.clone())
            .or_default()
            .insert(slice.metadata.uid.clone(), Some(slice.metadata.generation));
    }

    /// A slice was deleted.
    pub(crate) fn deleted(&self, service: &ObjectKey, slice: &EndpointSlice) {
        self.0
            .lock()
            .entry(service.clone())
            .or_default()
            .insert(slice.metadata.uid.clone(), None);
    }

    /// The service is gone.
    pub(crate) fn forget(&self, service: &ObjectKey) {
        self.0.lock().remove(service);
    }

    /// Whether the cache is behind what was written.
    pub(crate) fn is_stale(&self, service: &ObjectKey, cached: &[Arc<EndpointSlice>]) -> bool {
        let tracked = self.0.lock();
        let Some(tracked) = tracked.get(service) else {
            return false;
        };
        tracked.iter().any(|(uid, generation)| {
            let shown = cached.iter().find(|slice| slice.metadata.uid == *uid);
            match (generation, shown) {
                (Some(wanted), Some(slice)) => slice.metadata.generation < *wanted,
                (Some(_), None) => true,
                (None, shown) => shown.is_some_and(|slice| slice.metadata.deletion_timestamp.is_none()),
            }
        })
    }

    /// The cache shows a change. Tells whether the service must look: somebody else changed or deleted its slice.
    pub(crate) fn observed(&self, event: &Event<EndpointSlice>) -> bool {
        let slice = event.object();
        let Some(service) = service_key(slice) else {
            return false;
        };
        let mut all = self.0.lock();
        let tracked = all.entry(service).or_default();
        let uid = &slice.metadata.uid;
        match event {
            Event::Added { .. } | Event::Updated { .. } => match tracked.get(uid) {
                Some(Some(known)) if *known >= slice.metadata.generation => false,
                Some(None) => false,
                _ => {
                    tracked.insert(uid.clone(), Some(slice.metadata.generation));
                    true
                }
            },
            Event::Deleted { .. } => !matches!(tracked.remove(uid), Some(None)),
        }
    }
}
