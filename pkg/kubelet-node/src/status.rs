//! The node's status, from the machine, the runtime and the status before.

use k8s_api::core::v1::{
    ContainerImage, DaemonEndpoint, Node, NodeAddress, NodeDaemonEndpoints, NodeFeatures, NodeStatus, NodeSwapStatus,
    ObjectReference,
};
use k8s_api::primitives::Time;
use kubelet_types::pressure::{Pressure, Pressures};

use crate::conditions::{set_pressure, set_ready};
use crate::machine::Machine;
use crate::resources::Resources;
use crate::runtime_state::RuntimeState;

/// What a status is made from.
pub struct NodeStatusInput<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// What there is and what pods may have.
    pub resources: &'a Resources,
    /// The node's addresses, or why there are none.
    pub addresses: Result<&'a [NodeAddress], &'a str>,
    /// The runtime.
    pub runtime: &'a RuntimeState,
    /// What the node is short of.
    pub pressures: &'a Pressures,
    /// The largest images, or why they cannot be listed.
    pub images: &'a [ContainerImage],
    /// Where the node's API is served.
    pub port: i32,
    /// The kubelet's version.
    pub version: &'a str,
    /// What keeps the node from being ready beside the runtime.
    pub errors: &'a [String],
    /// Whether a cloud controller sets the addresses.
    pub external_cloud: bool,
    /// Names of features that schedulers must know of.
    pub declared_features: &'a [String],
    /// The present moment.
    pub now: Time,
}

/// An event that follows from a status: its reason and its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusEvent {
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl NodeStatusInput<'_> {
    /// Brings a status up to date; what is not the kubelet's stays.
    pub(crate) fn apply(&self, name: &str, status: &mut NodeStatus) -> Vec<StatusEvent> {
        let mut events = Vec::new();
        if let Ok(addresses) = self.addresses
            && (!self.external_cloud || status.addresses.is_empty())
        {
            status.addresses = addresses.to_vec();
        }
        self.set_machine(name, status, &mut events);
        status.daemon_endpoints = NodeDaemonEndpoints {
            kubelet_endpoint: DaemonEndpoint { port: self.port },
        };
        status.images = self.images.to_vec();
        status.runtime_handlers = self.runtime.handlers();
        if let Some(policy) = self.runtime.supplemental_groups_policy() {
            status.features = Some(Box::new(NodeFeatures {
                supplemental_groups_policy: Some(policy),
            }));
        }
        status.declared_features = self.declared_features.to_vec();
        let mut transitions = Vec::new();
        for pressure in Pressure::ALL {
            let under = self.pressures.under(pressure);
            transitions.extend(set_pressure(&mut status.conditions, pressure, under, self.now));
        }
        let mut errors = self.runtime.runtime_errors();
        errors.extend(self.runtime.network_error());
        errors.extend(self.addresses.err().map(str::to_owned));
        errors.extend_from_slice(self.errors);
        transitions.extend(set_ready(&mut status.conditions, &errors, self.now));
        events.extend(transitions.into_iter().map(|reason| StatusEvent {
            warning: false,
            reason: reason.to_owned(),
            message: format!("Node {name} status is now: {reason}"),
        }));
        events
    }

    fn set_machine(&self, name: &str, status: &mut NodeStatus, events: &mut Vec<StatusEvent>) {
        let machine = self.machine;
        let info = &mut status.node_info;
        if !info.boot_id.is_empty() && info.boot_id != machine.boot_id {
            events.push(StatusEvent {
                warning: true,
                reason: "Rebooted".to_owned(),
                message: format!("Node {name} has been rebooted, boot id: {}", machine.boot_id),
            });
        }
        info.boot_id.clone_from(&machine.boot_id);
        info.machine_id.clone_from(&machine.machine_id);
        info.system_uuid.clone_from(&machine.system_uuid);
        info.kernel_version.clone_from(&machine.kernel_version);
        info.os_image.clone_from(&machine.os_image);
        let version = self.runtime.version();
        info.container_runtime_version = if version.is_empty() {
            "Unknown".to_owned()
        } else {
            version
        };
        self.version.clone_into(&mut info.kubelet_version);
        info.kube_proxy_version = String::new();
        "linux".clone_into(&mut info.operating_system);
        architecture().clone_into(&mut info.architecture);
        info.swap = (machine.swap > 0).then(|| {
            Box::new(NodeSwapStatus {
                capacity: Some(machine.swap),
            })
        });
        // Extended resources are others'.
        for (name, amount) in &self.resources.capacity {
            status.capacity.insert(name.clone(), amount.clone());
        }
        for (name, amount) in &status.capacity.clone() {
            let own = self.resources.allocatable.get(name);
            if let Some(amount) = own.or((!status.allocatable.contains_key(name)).then_some(amount)) {
                status.allocatable.insert(name.clone(), amount.clone());
            }
        }
    }
}

/// The architecture in Go's words.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The reference to the node that events carry.
#[must_use]
pub fn node_reference(name: &str) -> ObjectReference {
    ObjectReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: name.to_owned(),
        uid: name.to_owned(),
        ..Default::default()
    }
}

/// Whether two statuses differ in more than their heartbeats.
pub(crate) fn has_changed(before: &Node, after: &Node) -> bool {
    let without_heartbeats = |node: &Node| {
        let mut status = node.status.clone();
        for condition in &mut status.conditions {
            condition.last_heartbeat_time = None;
        }
        status
    };
    without_heartbeats(before) != without_heartbeats(after)
        || before.metadata.labels != after.metadata.labels
        || before.metadata.annotations != after.metadata.annotations
}
