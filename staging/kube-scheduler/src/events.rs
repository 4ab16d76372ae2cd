//! Events of the cluster that may make a rejected pod schedulable, and what plugins say to them.

use std::borrow::Cow;
use std::ops::{BitAnd, BitOr};
use std::sync::Arc;

use k8s_api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use k8s_api::storage::v1::{CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment};

use crate::PodInfo;

/// What happened to an object: a set of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionType(u32);

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $text:literal;)*) => {
        impl ActionType {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            fn single_name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

actions! {
    /// An object came.
    ADD = 0 "Add";
    /// An object went.
    DELETE = 1 "Delete";
    /// A node's allocatable resources changed.
    UPDATE_NODE_ALLOCATABLE = 2 "UpdateNodeAllocatable";
    /// A node's labels changed.
    UPDATE_NODE_LABEL = 3 "UpdateNodeLabel";
    /// A node's taints changed, or it became schedulable.
    UPDATE_NODE_TAINT = 4 "UpdateNodeTaint";
    /// A node's conditions changed.
    UPDATE_NODE_CONDITION = 5 "UpdateNodeCondition";
    /// A node's annotations changed.
    UPDATE_NODE_ANNOTATION = 6 "UpdateNodeAnnotation";
    /// A node's declared features changed.
    UPDATE_NODE_DECLARED_FEATURE = 7 "UpdateNodeDeclaredFeature";
    /// A pod's labels changed.
    UPDATE_POD_LABEL = 8 "UpdatePodLabel";
    /// A pod requests less.
    UPDATE_POD_SCALE_DOWN = 9 "UpdatePodScaleDown";
    /// A pod got tolerations.
    UPDATE_POD_TOLERATION = 10 "UpdatePodToleration";
    /// A pod lost its last scheduling gate.
    UPDATE_POD_SCHEDULING_GATES_ELIMINATED = 11 "UpdatePodSchedulingGatesEliminated";
    /// A pod's generated resource claims changed.
    UPDATE_POD_GENERATED_RESOURCE_CLAIM = 12 "UpdatePodGeneratedResourceClaim";
}

impl ActionType {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self((1 << 13) - 1);
    /// Every change of an object.
    pub const UPDATE: Self = Self(Self::ALL.0 & !(Self::ADD.0 | Self::DELETE.0));

    /// The name in event labels; empty for other sets than the named ones.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ALL => "All",
            Self::UPDATE => "Update",
            other => other.single_name().unwrap_or_default(),
        }
    }

    /// Whether the two have an action in common.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for ActionType {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for ActionType {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What kind of object an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventResource {
    /// Any pod; what plugins register.
    Pod,
    /// A pod on a node; what events carry.
    AssignedPod,
    /// A pod without a node; what events carry.
    UnschedulablePod,
    /// A node.
    Node,
    /// A volume.
    PersistentVolume,
    /// A claim.
    PersistentVolumeClaim,
    /// A node's CSI drivers.
    CSINode,
    /// A CSI driver.
    CSIDriver,
    /// A volume's attachment to a node.
    VolumeAttachment,
    /// How much a storage class can provision somewhere.
    CSIStorageCapacity,
    /// A storage class.
    StorageClass,
    /// A claim of devices.
    ResourceClaim,
    /// Everything.
    WildCard,
}

impl EventResource {
    /// The name in event labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::AssignedPod => "AssignedPod",
            Self::UnschedulablePod => "UnschedulablePod",
            Self::Node => "Node",
            Self::PersistentVolume => "PersistentVolume",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::CSINode => "storage.k8s.io/CSINode",
            Self::CSIDriver => "storage.k8s.io/CSIDriver",
            Self::VolumeAttachment => "storage.k8s.io/VolumeAttachment",
            Self::CSIStorageCapacity => "storage.k8s.io/CSIStorageCapacity",
            Self::StorageClass => "storage.k8s.io/StorageClass",
            Self::ResourceClaim => "resource.k8s.io/ResourceClaim",
            Self::WildCard => "*",
        }
    }
}

/// An event, or what a plugin registers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterEvent {
    /// The kind of object.
    pub resource: EventResource,
    /// What happened to it.
    pub action: ActionType,
    /// A label of its own, for the events that the queue makes.
    custom: Option<&'static str>,
}

impl ClusterEvent {
    /// A bound or assumed pod came.
    pub const ASSIGNED_POD_ADD: Self = Self::new(EventResource::AssignedPod, ActionType::ADD);
    /// A bound pod changed.
    pub const ASSIGNED_POD_UPDATE: Self = Self::new(EventResource::AssignedPod, ActionType::UPDATE);
    /// A bound or assumed pod went.
    pub const ASSIGNED_POD_DELETE: Self = Self::new(EventResource::AssignedPod, ActionType::DELETE);
    /// A pod without a node came.
    pub const UNSCHEDULED_POD_ADD: Self = Self::new(EventResource::UnschedulablePod, ActionType::ADD);
    /// A pod without a node changed.
    pub const UNSCHEDULED_POD_UPDATE: Self = Self::new(EventResource::UnschedulablePod, ActionType::UPDATE);
    /// A pod without a node went.
    pub const UNSCHEDULED_POD_DELETE: Self = Self::new(EventResource::UnschedulablePod, ActionType::DELETE);
    /// A pod has been unschedulable for too long.
    pub const UNSCHEDULABLE_TIMEOUT: Self = Self::wild("UnschedulableTimeout");
    /// A plugin asks for a pod to be tried.
    pub const FORCE_ACTIVATE: Self = Self::wild("ForceActivate");

    /// An event.
    #[must_use]
    pub const fn new(resource: EventResource, action: ActionType) -> Self {
        Self {
            resource,
            action,
            custom: None,
        }
    }

    const fn wild(label: &'static str) -> Self {
        Self {
            resource: EventResource::WildCard,
            action: ActionType::ALL,
            custom: Some(label),
        }
    }

    /// The label in metrics and logs.
    #[must_use]
    pub fn label(&self) -> Cow<'static, str> {
        match self.custom {
            Some(label) => Cow::Borrowed(label),
            None => match (self.resource, self.action) {
                (EventResource::AssignedPod, ActionType::ADD) => Cow::Borrowed("AssignedPodAdd"),
                (EventResource::AssignedPod, ActionType::UPDATE) => Cow::Borrowed("AssignedPodUpdate"),
                (EventResource::AssignedPod, ActionType::DELETE) => Cow::Borrowed("AssignedPodDelete"),
                (EventResource::UnschedulablePod, ActionType::ADD) => Cow::Borrowed("UnschedulablePodAdd"),
                (EventResource::UnschedulablePod, ActionType::UPDATE) => Cow::Borrowed("UnschedulablePodUpdate"),
                (resource, action) => Cow::Owned(format!("{}{}", resource.as_str(), action.as_str())),
            },
        }
    }

    /// Whether it concerns everything.
    #[must_use]
    pub fn is_wild_card(&self) -> bool {
        self.resource == EventResource::WildCard && self.action == ActionType::ALL
    }

    /// Whether what is registered here takes in `incoming`. A wild card that comes in is taken in only by a wild card.
    #[must_use]
    pub fn matches(&self, incoming: &Self) -> bool {
        let resource = self.resource == EventResource::WildCard
            || self.resource == incoming.resource
            || (self.resource == EventResource::Pod
                && matches!(
                    incoming.resource,
                    EventResource::AssignedPod | EventResource::UnschedulablePod
                ));
        self.is_wild_card() || (resource && self.action.intersects(incoming.action) && incoming.action <= self.action)
    }
}

/// The object of an event before and after it.
#[derive(Debug)]
pub struct Change<T> {
    /// Before; `None` when it came.
    pub old: Option<Arc<T>>,
    /// After; `None` when it went.
    pub new: Option<Arc<T>>,
}

impl<T> Clone for Change<T> {
    fn clone(&self) -> Self {
        Self {
            old: self.old.clone(),
            new: self.new.clone(),
        }
    }
}

impl<T> Change<T> {
    /// The object as it is now, or was last.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<T>> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

/// The objects of an event.
#[derive(Clone, Debug)]
pub enum EventObjects {
    /// None: the event is about everything, or about one pod that it names by UID.
    None,
    /// Of a pod.
    Pod(Change<PodInfo>),
    /// Of a node.
    Node(Change<Node>),
    /// Of a volume.
    PersistentVolume(Change<PersistentVolume>),
    /// Of a claim.
    PersistentVolumeClaim(Change<PersistentVolumeClaim>),
    /// Of a node's drivers.
    CSINode(Change<CSINode>),
    /// Of a driver.
    CSIDriver(Change<CSIDriver>),
    /// Of a storage capacity.
    CSIStorageCapacity(Change<CSIStorageCapacity>),
    /// Of a storage class.
    StorageClass(Change<StorageClass>),
    /// Of an attachment.
    VolumeAttachment(Change<VolumeAttachment>),
}

macro_rules! object_access {
    ($($(#[$doc:meta])* $name:ident $variant:ident $ty:ty;)*) => {
        impl EventObjects {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> Option<&Change<$ty>> {
                match self {
                    Self::$variant(change) => Some(change),
                    _ => None,
                }
            }
        )*}
    };
}

object_access! {
    /// The pod, if it is about one.
    pod Pod PodInfo;
    /// The node, if it is about one.
    node Node Node;
    /// The volume, if it is about one.
    volume PersistentVolume PersistentVolume;
    /// The claim, if it is about one.
    claim PersistentVolumeClaim PersistentVolumeClaim;
    /// The node's drivers, if it is about those.
    csi_node CSINode CSINode;
    /// The driver, if it is about one.
    csi_driver CSIDriver CSIDriver;
    /// The capacity, if it is about one.
    capacity CSIStorageCapacity CSIStorageCapacity;
    /// The class, if it is about one.
    class StorageClass StorageClass;
    /// The attachment, if it is about one.
    attachment VolumeAttachment VolumeAttachment;
}

/// Whether an event may make a pod schedulable that this plugin rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueingHint {
    /// It does not.
    Skip,
    /// It may.
    Queue,
}

impl QueueingHint {
    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "QueueSkip",
            Self::Queue => "Queue",
        }
    }
}

impl From<bool> for QueueingHint {
    fn from(queue: bool) -> Self {
        if queue { Self::Queue } else { Self::Skip }
    }
}

/// Says whether an event helps a pod.
pub type HintFn = Arc<dyn Fn(&PodInfo, &EventObjects) -> QueueingHint + Send + Sync>;

/// What a plugin registers for.
#[derive(Clone)]
pub struct EventHint {
    /// The events.
    pub event: ClusterEvent,
    /// Says whether one helps a pod; without it each does.
    pub hint: Option<HintFn>,
}

impl EventHint {
    /// Every such event helps.
    #[must_use]
    pub fn always(resource: EventResource, action: ActionType) -> Self {
        Self {
            event: ClusterEvent::new(resource, action),
            hint: None,
        }
    }

    /// An event helps if the function says so.
    pub fn when(
        resource: EventResource,
        action: ActionType,
        hint: impl Fn(&PodInfo, &EventObjects) -> QueueingHint + Send + Sync + 'static,
    ) -> Self {
        Self {
            event: ClusterEvent::new(resource, action),
            hint: Some(Arc::new(hint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for (event, label) in [
            (ClusterEvent::ASSIGNED_POD_ADD, "AssignedPodAdd"),
            (ClusterEvent::UNSCHEDULED_POD_UPDATE, "UnschedulablePodUpdate"),
            (
                ClusterEvent::new(EventResource::Node, ActionType::UPDATE_NODE_LABEL),
                "NodeUpdateNodeLabel",
            ),
            (
                ClusterEvent::new(EventResource::CSINode, ActionType::ADD),
                "storage.k8s.io/CSINodeAdd",
            ),
            (ClusterEvent::FORCE_ACTIVATE, "ForceActivate"),
        ] {
            assert_eq!(event.label(), label);
        }
    }

    #[test]
    fn what_is_registered_takes_in() {
        let node = |action| ClusterEvent::new(EventResource::Node, action);
        let pod = |action| ClusterEvent::new(EventResource::Pod, action);
        let add_or_label = node(ActionType::ADD | ActionType::UPDATE_NODE_LABEL);
        let wild = ClusterEvent::new(EventResource::WildCard, ActionType::ALL);
        for (registered, incoming, expected) in [
            (add_or_label, node(ActionType::ADD), true),
            (add_or_label, node(ActionType::UPDATE_NODE_LABEL), true),
            (add_or_label, node(ActionType::UPDATE_NODE_TAINT), false),
            (node(ActionType::ADD), pod(ActionType::ADD), false),
            (pod(ActionType::DELETE), ClusterEvent::ASSIGNED_POD_DELETE, true),
            (
                pod(ActionType::UPDATE_POD_LABEL),
                ClusterEvent::UNSCHEDULED_POD_UPDATE,
                false,
            ),
            (wild, node(ActionType::ADD), true),
            (add_or_label, ClusterEvent::UNSCHEDULABLE_TIMEOUT, false),
            (wild, ClusterEvent::UNSCHEDULABLE_TIMEOUT, true),
        ] {
            assert_eq!(registered.matches(&incoming), expected, "{registered:?} {incoming:?}");
        }
    }
}
