//! What the informers tell, into the cache and the queue.

mod changes;

use std::sync::Arc;
use std::time::Instant;

use client_go::cache::{Event, InformerFactory, Registration, SharedInformer};
use k8s_api::Object;
use k8s_api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment};
use scheduler_framework::PodInfo;
use scheduler_framework::events::{ActionType, Change, ClusterEvent, EventObjects, EventResource};

use crate::scheduler::Scheduler;
use changes::{node_events, pod_events};

fn change<T>(old: Option<Arc<T>>, new: Option<Arc<T>>) -> Change<T> {
    Change { old, new }
}

impl Scheduler {
    fn info(&self, pod: &Arc<Pod>) -> Arc<PodInfo> {
        Arc::new(PodInfo::new(pod.clone(), self.pod_options))
    }

    fn handled(&self, event: ClusterEvent, began: Instant) {
        self.metrics.event(&event.label(), began.elapsed());
    }

    /// A pod came, went or changed.
    pub fn on_pod(&self, event: Event<Pod>) {
        match event {
            Event::Added { object, .. } => {
                if is_assigned(&object) {
                    self.assigned_pod(&object);
                } else if self.is_responsible(&object) {
                    let began = Instant::now();
                    self.queue.add(self.info(&object));
                    self.handled(ClusterEvent::UNSCHEDULED_POD_ADD, began);
                }
            }
            Event::Updated { old, new } => match (is_assigned(&old), is_assigned(&new)) {
                (true, _) => self.assigned_pod(&new),
                (false, true) => {
                    self.assigned_pod(&new);
                    if self.is_responsible(&old) {
                        self.queue.delete(&old.metadata.uid);
                    }
                }
                (false, false) if self.is_responsible(&new) => self.waiting_pod_changed(&old, &new),
                (false, false) => {}
            },
            Event::Deleted {
                object,
                final_state_unknown,
            } => {
                if is_assigned(&object) || final_state_unknown {
                    self.assigned_pod_gone(&object);
                }
                if (!is_assigned(&object) || final_state_unknown) && self.is_responsible(&object) {
                    self.waiting_pod_gone(&object);
                }
            }
        }
        self.metrics.cache(self.cache.size());
    }

    /// A pod has a node, or has changed there.
    fn assigned_pod(&self, pod: &Arc<Pod>) {
        let began = Instant::now();
        let info = self.info(pod);
        let before = self.cache.set_pod(&info);
        match before.filter(|before| is_assigned(&before.pod)) {
            None => {
                let event = ClusterEvent::ASSIGNED_POD_ADD;
                self.queue
                    .move_all(event, &EventObjects::Pod(change(None, Some(info))), None);
                self.handled(event, began);
            }
            Some(before) => {
                let objects = EventObjects::Pod(change(Some(before.clone()), Some(info.clone())));
                for event in pod_events(&before, &info) {
                    self.queue.move_all(event, &objects, None);
                }
                self.handled(ClusterEvent::ASSIGNED_POD_UPDATE, began);
            }
        }
    }

    fn assigned_pod_gone(&self, pod: &Arc<Pod>) {
        let began = Instant::now();
        let event = ClusterEvent::ASSIGNED_POD_DELETE;
        if self.cache.remove_pod(&pod.metadata.uid).is_some() {
            let objects = EventObjects::Pod(change(Some(self.info(pod)), None));
            self.queue.move_all(event, &objects, None);
        }
        self.handled(event, began);
    }

    fn waiting_pod_changed(&self, old: &Arc<Pod>, new: &Arc<Pod>) {
        if old.metadata.resource_version == new.metadata.resource_version {
            return;
        }
        let began = Instant::now();
        let uid = &new.metadata.uid;
        if self.cache.is_assumed(uid) {
            if new.metadata.deletion_timestamp.is_some() && old.metadata.deletion_timestamp.is_none() {
                self.assumed_pod_gone(uid);
            }
            return;
        }
        let info = self.info(new);
        let before = self.queue.pod(uid).unwrap_or_else(|| self.info(old));
        let events = pod_events(&before, &info);
        self.queue.update(Some(&before), &info, &events);
        let nominated = before.nominated_node();
        if !nominated.is_empty() && nominated != info.nominated_node() {
            self.nomination_gone(&before);
        }
        self.handled(ClusterEvent::UNSCHEDULED_POD_UPDATE, began);
    }

    /// The node that was kept for a pod is free for pods that are no more important.
    fn nomination_gone(&self, pod: &Arc<PodInfo>) {
        let priority = pod.priority();
        let no_more_important = move |other: &PodInfo| other.priority() <= priority;
        let objects = EventObjects::Pod(change(Some(pod.clone()), None));
        let event = ClusterEvent::ASSIGNED_POD_DELETE;
        self.queue.move_all(event, &objects, Some(&no_more_important));
    }

    fn waiting_pod_gone(&self, pod: &Arc<Pod>) {
        let began = Instant::now();
        let uid = &pod.metadata.uid;
        self.queue.delete(uid);
        if self.cache.is_assumed(uid) {
            self.assumed_pod_gone(uid);
        } else if !pod.status.nominated_node_name.is_empty() {
            self.nomination_gone(&self.info(pod));
        }
        self.handled(ClusterEvent::UNSCHEDULED_POD_DELETE, began);
    }

    /// A pod was deleted between its assumption and its binding.
    fn assumed_pod_gone(&self, uid: &str) {
        let Some(info) = self.cache.pod(uid) else { return };
        // One that waits at Permit is forgotten by its binding cycle.
        let waits = self.binding_pods.waiting(uid);
        let rejected = waits.is_some_and(|waiting| waiting.reject("", "removed"));
        if !rejected && let Err(error) = self.cache.forget_pod(&info) {
            tracing::debug!(%error, pod = info.key(), "assumed pod was already forgotten");
        }
        let objects = EventObjects::Pod(change(Some(info), None));
        self.queue.move_all(ClusterEvent::ASSIGNED_POD_DELETE, &objects, None);
    }

    /// A node came, went or changed.
    pub fn on_node(&self, event: Event<Node>) {
        let began = Instant::now();
        match event {
            Event::Added { object, .. } => {
                self.cache.set_node(&object);
                let event = ClusterEvent::new(EventResource::Node, ActionType::ADD);
                self.queue
                    .move_all(event, &EventObjects::Node(change(None, Some(object))), None);
                self.handled(event, began);
            }
            Event::Updated { old, new } => {
                self.cache.set_node(&new);
                let events = node_events(&old, &new);
                let objects = EventObjects::Node(change(Some(old), Some(new)));
                for event in events {
                    self.queue.move_all(event, &objects, None);
                    self.handled(event, began);
                }
            }
            Event::Deleted { object, .. } => {
                let event = ClusterEvent::new(EventResource::Node, ActionType::DELETE);
                let name = object.metadata.name.clone();
                self.queue
                    .move_all(event, &EventObjects::Node(change(Some(object), None)), None);
                self.cache.remove_node(&name);
                self.handled(event, began);
            }
        }
    }

    /// The events that any plugin has registered for.
    fn registered(&self, resource: EventResource) -> ActionType {
        let hints = self.profiles.values().flat_map(|profile| &profile.hints);
        let of = hints.filter(|(_, hint)| hint.event.resource == resource);
        of.fold(ActionType::NONE, |all, (_, hint)| all | hint.event.action)
    }

    fn follow<T: Object>(
        self: &Arc<Self>,
        informers: &InformerFactory,
        resource: EventResource,
        objects: impl Fn(Change<T>) -> EventObjects + Send + Sync + 'static,
    ) -> Option<Registration> {
        let registered = self.registered(resource);
        if registered == ActionType::NONE {
            return None;
        }
        let informer: SharedInformer<T> = informers.informer();
        let scheduler = self.clone();
        Some(informer.add_handler(move |event: Event<T>| {
            let began = Instant::now();
            let (action, change) = match event {
                Event::Added { object, .. } => (ActionType::ADD, change(None, Some(object))),
                Event::Updated { old, new } => (ActionType::UPDATE, change(Some(old), Some(new))),
                Event::Deleted { object, .. } => (ActionType::DELETE, change(Some(object), None)),
            };
            if registered.intersects(action) {
                let event = ClusterEvent::new(resource, action);
                scheduler.queue.move_all(event, &objects(change), None);
                scheduler.handled(event, began);
            }
        }))
    }

    /// Follows everything that matters. The registrations tell when everything that was there has been taken in.
    #[must_use]
    pub fn follow_informers(self: &Arc<Self>, informers: &InformerFactory) -> Vec<Registration> {
        use EventResource as R;
        let (pods, nodes) = (self.clone(), self.clone());
        let node_informer: SharedInformer<Node> = informers.informer();
        let mut registrations = vec![
            node_informer.add_handler(move |event| nodes.on_node(event)),
            scheduler_plugins::context::pods(informers).add_handler(move |event| pods.on_pod(event)),
        ];
        registrations.extend(
            [
                self.follow::<PersistentVolume>(informers, R::PersistentVolume, EventObjects::PersistentVolume),
                self.follow::<PersistentVolumeClaim>(
                    informers,
                    R::PersistentVolumeClaim,
                    EventObjects::PersistentVolumeClaim,
                ),
                self.follow::<CSINode>(informers, R::CSINode, EventObjects::CSINode),
                self.follow::<CSIDriver>(informers, R::CSIDriver, EventObjects::CSIDriver),
                self.follow::<CSIStorageCapacity>(informers, R::CSIStorageCapacity, EventObjects::CSIStorageCapacity),
                self.follow::<StorageClass>(informers, R::StorageClass, EventObjects::StorageClass),
                self.follow::<VolumeAttachment>(informers, R::VolumeAttachment, EventObjects::VolumeAttachment),
            ]
            .into_iter()
            .flatten(),
        );
        registrations
    }
}

fn is_assigned(pod: &Pod) -> bool {
    !pod.spec.node_name.is_empty()
}
