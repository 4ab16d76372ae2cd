//! Slices: endpoints shared out over them with as few writes as can be.
//!
//! A slice that is already written is filled up before another one is touched, one that nothing changes in is left alone,
//! and one that is to go is used again for what is to be made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client_go::Client;
use client_go::api::DeleteOptions;
use client_go::cache::ObjectKey;
use controller::workload::SyncError;
use k8s_api::Map;
use k8s_api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_api::meta::v1::{ObjectMeta, OwnerReference};
use k8s_api::primitives::Time;

use crate::tracker::SliceTracker;
use crate::trigger::{self, ANNOTATION};

/// What all slices of an owner have.
pub(crate) struct SliceOwner {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) reference: OwnerReference,
    pub(crate) labels: Map<String>,
    pub(crate) annotations: Map<String>,
    /// The most endpoints of a slice.
    pub(crate) limit: usize,
}

/// Endpoints that share address type and ports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) address_type: String,
    pub(crate) ports: Vec<EndpointPort>,
    pub(crate) endpoints: Vec<Endpoint>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) create: Vec<EndpointSlice>,
    pub(crate) update: Vec<EndpointSlice>,
    pub(crate) delete: Vec<Arc<EndpointSlice>>,
}

type PortKey = (
    String,
    Vec<(Option<String>, Option<i32>, Option<String>, Option<String>)>,
);

fn port_key(address_type: &str, ports: &[EndpointPort]) -> PortKey {
    let mut ports: Vec<_> = ports
        .iter()
        .map(|port| {
            (
                port.name.clone(),
                port.port,
                port.protocol.clone(),
                port.app_protocol.clone(),
            )
        })
        .collect();
    ports.sort();
    (address_type.to_owned(), ports)
}

/// What an endpoint is, whatever state it is in.
type Identity = (Vec<String>, String, String);

fn identity(endpoint: &Endpoint) -> Identity {
    let target = endpoint.target_ref.as_deref();
    (
        endpoint.addresses.clone(),
        target.map(|target| target.namespace.clone()).unwrap_or_default(),
        target.map(|target| target.name.clone()).unwrap_or_default(),
    )
}

fn prefix(name: &str) -> String {
    let prefix = format!("{name}-");
    let fits = apimachinery::names::dns1123_subdomain(&apimachinery::names::mask_trailing_dash(&prefix)).is_empty();
    if fits { prefix } else { name.to_owned() }
}

impl SliceOwner {
    fn new_slice(&self, address_type: &str, ports: &[EndpointPort]) -> EndpointSlice {
        EndpointSlice {
            metadata: ObjectMeta {
                generate_name: prefix(&self.name),
                namespace: self.namespace.clone(),
                labels: self.labels.clone(),
                annotations: self.annotations.clone(),
                owner_references: vec![self.reference.clone()],
                ..ObjectMeta::default()
            },
            address_type: address_type.to_owned(),
            ports: ports.to_vec(),
            endpoints: Vec::new(),
        }
    }

    fn owns(&self, slice: &EndpointSlice) -> bool {
        let owners = &slice.metadata.owner_references;
        owners.iter().any(|owner| owner.uid == self.reference.uid)
    }

    fn has_metadata(&self, slice: &EndpointSlice) -> bool {
        let mut annotations = slice.metadata.annotations.clone();
        annotations.remove(ANNOTATION);
        slice.metadata.labels == self.labels && annotations == self.annotations
    }

    /// What is to be done for these groups. `placeholders` are address types that keep an empty slice when there is no
    /// endpoint, so that consumers know the service has none.
    pub(crate) fn plan(&self, existing: &[Arc<EndpointSlice>], groups: Vec<Group>, placeholders: &[&str]) -> Plan {
        let mut plan = Plan::default();
        let mut by_ports: BTreeMap<PortKey, Vec<Arc<EndpointSlice>>> = BTreeMap::new();
        for slice in existing {
            if self.owns(slice) {
                let key = port_key(&slice.address_type, &slice.ports);
                by_ports.entry(key).or_default().push(slice.clone());
            } else {
                plan.delete.push(slice.clone());
            }
        }
        for group in groups {
            let present = by_ports
                .remove(&port_key(&group.address_type, &group.ports))
                .unwrap_or_default();
            self.plan_group(group, present, &mut plan);
        }
        plan.delete.extend(by_ports.into_values().flatten());
        for address_type in placeholders {
            self.keep_placeholder(address_type, existing, &mut plan);
        }
        self.reuse(&mut plan);
        plan
    }

    fn plan_group(&self, group: Group, present: Vec<Arc<EndpointSlice>>, plan: &mut Plan) {
        let mut wanted: BTreeMap<Identity, Endpoint> = group
            .endpoints
            .into_iter()
            .map(|endpoint| (identity(&endpoint), endpoint))
            .collect();
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        for slice in present {
            let kept: Vec<Endpoint> = slice
                .endpoints
                .iter()
                .filter_map(|endpoint| wanted.remove(&identity(endpoint)))
                .collect();
            if kept == slice.endpoints && self.has_metadata(&slice) {
                unchanged.push(slice);
            } else if kept.is_empty() {
                plan.delete.push(slice);
            } else {
                changed.push(self.changed(&slice, kept));
            }
        }
        let mut rest: Vec<Endpoint> = wanted.into_values().collect();
        for slice in &mut changed {
            let room = self.limit.saturating_sub(slice.endpoints.len()).min(rest.len());
            slice.endpoints.extend(rest.drain(..room));
        }
        while !rest.is_empty() {
            // What is left goes into the fullest slice that has room for all of it, or into a new one.
            let fullest = unchanged
                .iter()
                .enumerate()
                .filter(|(_, slice)| slice.endpoints.len() + rest.len() <= self.limit)
                .max_by_key(|(_, slice)| slice.endpoints.len())
                .map(|(index, _)| index);
            if let Some(index) = fullest {
                let slice = unchanged.swap_remove(index);
                let mut endpoints = slice.endpoints.clone();
                endpoints.append(&mut rest);
                changed.push(self.changed(&slice, endpoints));
            } else {
                let mut slice = self.new_slice(&group.address_type, &group.ports);
                let count = rest.len().min(self.limit.max(1));
                slice.endpoints.extend(rest.drain(..count));
                plan.create.push(slice);
            }
        }
        plan.update.extend(changed);
    }

    fn changed(&self, slice: &EndpointSlice, endpoints: Vec<Endpoint>) -> EndpointSlice {
        let mut slice = slice.clone();
        slice.metadata.labels = self.labels.clone();
        let trigger = slice.metadata.annotations.get(ANNOTATION).cloned();
        slice.metadata.annotations = self.annotations.clone();
        if let Some(trigger) = trigger {
            slice.metadata.annotations.insert(ANNOTATION.to_owned(), trigger);
        }
        slice.endpoints = endpoints;
        slice
    }

    fn keep_placeholder(&self, address_type: &str, existing: &[Arc<EndpointSlice>], plan: &mut Plan) {
        let of_type = |slice: &EndpointSlice| slice.address_type == address_type;
        let deleted: BTreeSet<&str> = plan.delete.iter().map(|slice| slice.metadata.uid.as_str()).collect();
        let stays = existing
            .iter()
            .any(|slice| of_type(slice) && !deleted.contains(slice.metadata.uid.as_str()));
        if stays || plan.create.iter().any(of_type) {
            return;
        }
        let is_placeholder = |slice: &Arc<EndpointSlice>| {
            of_type(slice)
                && slice.endpoints.is_empty()
                && slice.ports.is_empty()
                && self.owns(slice)
                && self.has_metadata(slice)
        };
        match plan.delete.iter().position(is_placeholder) {
            Some(index) => {
                plan.delete.remove(index);
            }
            None => plan.create.push(self.new_slice(address_type, &[])),
        }
    }

    /// A slice that is to go takes the content of one that is to be made.
    fn reuse(&self, plan: &mut Plan) {
        let mut index = 0;
        while index < plan.delete.len() {
            let gone = &plan.delete[index];
            let fits = |slice: &EndpointSlice| slice.address_type == gone.address_type;
            let place = if self.owns(gone) {
                plan.create.iter().rposition(fits)
            } else {
                None
            };
            match place {
                Some(place) => {
                    let made = plan.create.remove(place);
                    let mut reused = self.changed(gone, made.endpoints);
                    reused.ports = made.ports;
                    plan.update.push(reused);
                    plan.delete.remove(index);
                }
                None => index += 1,
            }
        }
    }
}

impl Plan {
    /// Writes what was planned. `time` is since when the change was to be told.
    pub(crate) async fn carry_out(
        self,
        client: &Client,
        service: &ObjectKey,
        tracker: &SliceTracker,
        time: Option<Time>,
        owner_goes: bool,
    ) -> Result<(), SyncError> {
        let api = client.namespaced::<EndpointSlice>(service.namespace());
        let failed = |verb: &str, name: &str| {
            let name = if name.is_empty() {
                String::new()
            } else {
                format!("{name} ")
            };
            format!("failed to {verb} {name}EndpointSlice for Service {service}")
        };
        for mut slice in self.create.into_iter().filter(|_| !owner_goes) {
            trigger::annotate(&mut slice.metadata, time);
            match api.create(&slice).await {
                Ok(created) => tracker.written(service, &created),
                // Everything in the namespace goes.
                Err(error) if controller_objects::is_namespace_terminating(&error) => return Ok(()),
                Err(source) => {
                    let context = failed("create", "");
                    return Err(SyncError::Context { context, source });
                }
            }
        }
        for mut slice in self.update {
            trigger::annotate(&mut slice.metadata, time);
            let updated = api.update(&slice).await.map_err(|source| SyncError::Context {
                context: failed("update", &slice.metadata.name),
                source,
            })?;
            tracker.written(service, &updated);
        }
        for slice in self.delete {
            match api.delete(&slice.metadata.name, &DeleteOptions::default()).await {
                Err(source) if !source.is_not_found() => {
                    let context = failed("delete", &slice.metadata.name);
                    return Err(SyncError::Context { context, source });
                }
                _ => tracker.deleted(service, &slice),
            }
        }
        Ok(())
    }
}
