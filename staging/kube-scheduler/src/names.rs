//! The names of the plugins in the tree, which configuration files use.

/// Binds by the API's `binding` subresource.
pub const DEFAULT_BINDER: &str = "DefaultBinder";
/// Makes room by removing pods of lower priority.
pub const DEFAULT_PREEMPTION: &str = "DefaultPreemption";
/// Claims of devices.
pub const DYNAMIC_RESOURCES: &str = "DynamicResources";
/// Prefers nodes that have the images.
pub const IMAGE_LOCALITY: &str = "ImageLocality";
/// Affinity and anti-affinity to other pods.
pub const INTER_POD_AFFINITY: &str = "InterPodAffinity";
/// Node selectors and affinity to nodes.
pub const NODE_AFFINITY: &str = "NodeAffinity";
/// `spec.nodeName`.
pub const NODE_NAME: &str = "NodeName";
/// Host ports.
pub const NODE_PORTS: &str = "NodePorts";
/// Prefers nodes whose resources are used evenly.
pub const NODE_RESOURCES_BALANCED_ALLOCATION: &str = "NodeResourcesBalancedAllocation";
/// Requests against what nodes have.
pub const NODE_RESOURCES_FIT: &str = "NodeResourcesFit";
/// `spec.unschedulable` of nodes.
pub const NODE_UNSCHEDULABLE: &str = "NodeUnschedulable";
/// How many volumes a CSI driver attaches to a node.
pub const NODE_VOLUME_LIMITS: &str = "NodeVolumeLimits";
/// Spreads pods over zones and nodes.
pub const POD_TOPOLOGY_SPREAD: &str = "PodTopologySpread";
/// Orders the queue by priority.
pub const PRIORITY_SORT: &str = "PrioritySort";
/// Holds pods back while they have scheduling gates.
pub const SCHEDULING_GATES: &str = "SchedulingGates";
/// Taints and tolerations.
pub const TAINT_TOLERATION: &str = "TaintToleration";
/// Binds volumes and claims.
pub const VOLUME_BINDING: &str = "VolumeBinding";
/// Volumes that only one pod or node may use.
pub const VOLUME_RESTRICTIONS: &str = "VolumeRestrictions";
/// The zones of volumes.
pub const VOLUME_ZONE: &str = "VolumeZone";

/// What stands for the extenders among the plugins that rejected a pod.
pub const EXTENDER: &str = "Extender";
