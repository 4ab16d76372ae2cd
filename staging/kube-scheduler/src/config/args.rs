//! The plugins' arguments.

use std::fmt;

use component_base::GoDuration;
use k8s_api::Kind as _;
use k8s_api::core::v1::{NodeAffinity, Pod, TopologySpreadConstraint};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::names;
use crate::resource::{CPU, MEMORY};

/// The highest score in the shapes of configuration files.
pub const MAX_CUSTOM_SCORE: i32 = 10;

/// Arguments of `DefaultPreemption`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DefaultPreemptionArgs {
    /// The least share of nodes that are tried out.
    pub min_candidate_nodes_percentage: i32,
    /// The least number of nodes that are tried out.
    pub min_candidate_nodes_absolute: i32,
}

impl Default for DefaultPreemptionArgs {
    fn default() -> Self {
        Self {
            min_candidate_nodes_percentage: 10,
            min_candidate_nodes_absolute: 100,
        }
    }
}

/// Arguments of `InterPodAffinity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct InterPodAffinityArgs {
    /// What required affinity of other pods to this one counts for in scoring.
    pub hard_pod_affinity_weight: i32,
    /// Whether preferences of other pods are left out of account where the pod has none of its own.
    pub ignore_preferred_terms_of_existing_pods: bool,
}

impl Default for InterPodAffinityArgs {
    fn default() -> Self {
        Self {
            hard_pod_affinity_weight: 1,
            ignore_preferred_terms_of_existing_pods: false,
        }
    }
}

/// A member of an API type in a configuration file: decoded by the API's codec, which is not serde's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api<T>(pub T);

macro_rules! api_member {
    ($ty:ty, $error:literal, |$pod:ident| $take:expr, |$value:ident| $give:expr) => {
        impl<'de> Deserialize<'de> for Api<$ty> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $value = Value::deserialize(deserializer)?;
                let $pod = Pod::from_value($give)
                    .map_err(|error| serde::de::Error::custom(format!(concat!($error, ": {}"), error)))?;
                Ok(Self($take))
            }
        }
    };
}

api_member!(
    Vec<TopologySpreadConstraint>,
    "malformed topology spread constraints",
    |pod| pod.spec.topology_spread_constraints,
    |value| json!({"spec": {"topologySpreadConstraints": value}})
);
api_member!(
    Option<Box<NodeAffinity>>,
    "malformed node affinity",
    |pod| pod.spec.affinity.and_then(|affinity| affinity.node_affinity),
    |value| json!({"spec": {"affinity": {"nodeAffinity": value}}})
);

impl Serialize for Api<Vec<TopologySpreadConstraint>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pod = Pod::default();
        pod.spec.topology_spread_constraints.clone_from(&self.0);
        pod.to_value()["spec"]["topologySpreadConstraints"].serialize(serializer)
    }
}

impl Serialize for Api<Option<Box<NodeAffinity>>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pod = Pod::default();
        pod.spec.affinity = Some(Box::default());
        if let Some(affinity) = &mut pod.spec.affinity {
            affinity.node_affinity.clone_from(&self.0);
        }
        pod.to_value()["spec"]["affinity"]["nodeAffinity"].serialize(serializer)
    }
}

/// Arguments of `NodeAffinity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NodeAffinityArgs {
    /// What every pod requires and prefers of nodes beside its own affinity.
    pub added_affinity: Api<Option<Box<NodeAffinity>>>,
}

/// A resource and what it counts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceSpec {
    /// The resource.
    pub name: String,
    /// 1 to 100.
    #[serde(default)]
    pub weight: i64,
}

pub(super) fn default_resources() -> Vec<ResourceSpec> {
    [CPU, MEMORY]
        .map(|name| ResourceSpec {
            name: name.to_owned(),
            weight: 1,
        })
        .into()
}

/// A point of a curve from use to score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UtilizationShapePoint {
    /// Use in percent.
    pub utilization: i32,
    /// Score, 0 to 10.
    pub score: i32,
}

/// How `NodeResourcesFit` scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ScoringStrategy {
    /// `LeastAllocated`, `MostAllocated` or `RequestedToCapacityRatio`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The resources that count.
    pub resources: Vec<ResourceSpec>,
    /// The curve of `RequestedToCapacityRatio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_to_capacity_ratio: Option<RequestedToCapacityRatio>,
}

/// Scores nodes that are used little.
pub const LEAST_ALLOCATED: &str = "LeastAllocated";
/// Scores nodes that are used much.
pub const MOST_ALLOCATED: &str = "MostAllocated";
/// Scores by a curve.
pub const REQUESTED_TO_CAPACITY_RATIO: &str = "RequestedToCapacityRatio";

impl Default for ScoringStrategy {
    fn default() -> Self {
        Self {
            kind: LEAST_ALLOCATED.to_owned(),
            resources: default_resources(),
            requested_to_capacity_ratio: None,
        }
    }
}

/// The curve of `RequestedToCapacityRatio`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RequestedToCapacityRatio {
    /// Its points.
    pub shape: Vec<UtilizationShapePoint>,
}

/// Arguments of `NodeResourcesFit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NodeResourcesFitArgs {
    /// Extended resources that are not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_resources: Vec<String>,
    /// Prefixes of extended resources that are not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_resource_groups: Vec<String>,
    /// How nodes are scored.
    pub scoring_strategy: ScoringStrategy,
}

/// Arguments of `NodeResourcesBalancedAllocation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NodeResourcesBalancedAllocationArgs {
    /// The resources whose use is compared.
    pub resources: Vec<ResourceSpec>,
}

impl Default for NodeResourcesBalancedAllocationArgs {
    fn default() -> Self {
        Self {
            resources: default_resources(),
        }
    }
}

/// Constraints that the scheduler sets where pods have none.
pub const SYSTEM_DEFAULTING: &str = "System";
/// Constraints that the file sets where pods have none.
pub const LIST_DEFAULTING: &str = "List";

/// Arguments of `PodTopologySpread`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PodTopologySpreadArgs {
    /// Constraints for pods that have none.
    pub default_constraints: Api<Vec<TopologySpreadConstraint>>,
    /// `System` or `List`.
    pub defaulting_type: String,
}

impl Default for PodTopologySpreadArgs {
    fn default() -> Self {
        Self {
            default_constraints: Api::default(),
            defaulting_type: SYSTEM_DEFAULTING.to_owned(),
        }
    }
}

/// Arguments of `VolumeBinding`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct VolumeBindingArgs {
    /// How long volumes may take to be bound.
    pub bind_timeout_seconds: i64,
    /// The curve from the use of storage to score; needs the gate `StorageCapacityScoring`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<UtilizationShapePoint>>,
}

impl Default for VolumeBindingArgs {
    fn default() -> Self {
        Self {
            bind_timeout_seconds: 600,
            shape: None,
        }
    }
}

/// Arguments of `DynamicResources`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DynamicResourcesArgs {
    /// How long Filter may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_timeout: Option<GoDuration>,
    /// How long binding may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_timeout: Option<GoDuration>,
}

macro_rules! plugin_args {
    ($($variant:ident($ty:ty) $name:expr, $kind:literal;)*) => {
        /// A plugin's arguments.
        #[derive(Clone, Debug, PartialEq)]
        pub enum PluginArgs {
            $(#[doc = concat!("Of `", $kind, "`.")] $variant($ty),)*
            /// Of a plugin that is not in the tree.
            Other(Value),
        }

        impl PluginArgs {
            /// The default arguments of a plugin; `None` if it has no arguments, or is not in the tree.
            #[must_use]
            pub fn default_for(plugin: &str) -> Option<Self> {
                match plugin {
                    $(name if name == $name => Some(Self::$variant(<$ty>::default())),)*
                    _ => None,
                }
            }

            /// Decodes a plugin's arguments.
            ///
            /// # Errors
            /// Of another kind, or not of these fields.
            pub(crate) fn decode(plugin: &str, mut args: Value) -> Result<Self, String> {
                match plugin {
                    $(name if name == $name => {
                        check_kind(plugin, $kind, &mut args)?;
                        serde_json::from_value(args)
                            .map(Self::$variant)
                            .map_err(|error| format!("decoding args for plugin {plugin}: {error}"))
                    })*
                    _ => Ok(Self::Other(args)),
                }
            }
        }

        impl Serialize for PluginArgs {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let (kind, value) = match self {
                    $(Self::$variant(args) => ($kind, serde_json::to_value(args)),)*
                    Self::Other(args) => return args.serialize(serializer),
                };
                let mut value = value.map_err(serde::ser::Error::custom)?;
                value["apiVersion"] = super::API_VERSION.into();
                value["kind"] = kind.into();
                value.serialize(serializer)
            }
        }
    };
}

plugin_args! {
    DefaultPreemption(DefaultPreemptionArgs) names::DEFAULT_PREEMPTION, "DefaultPreemptionArgs";
    InterPodAffinity(InterPodAffinityArgs) names::INTER_POD_AFFINITY, "InterPodAffinityArgs";
    NodeAffinity(NodeAffinityArgs) names::NODE_AFFINITY, "NodeAffinityArgs";
    NodeResourcesFit(NodeResourcesFitArgs) names::NODE_RESOURCES_FIT, "NodeResourcesFitArgs";
    NodeResourcesBalancedAllocation(NodeResourcesBalancedAllocationArgs)
        names::NODE_RESOURCES_BALANCED_ALLOCATION, "NodeResourcesBalancedAllocationArgs";
    PodTopologySpread(PodTopologySpreadArgs) names::POD_TOPOLOGY_SPREAD, "PodTopologySpreadArgs";
    VolumeBinding(VolumeBindingArgs) names::VOLUME_BINDING, "VolumeBindingArgs";
    DynamicResources(DynamicResourcesArgs) names::DYNAMIC_RESOURCES, "DynamicResourcesArgs";
}

/// Takes `apiVersion` and `kind` off, which may be left out.
fn check_kind(plugin: &str, kind: &str, args: &mut Value) -> Result<(), String> {
    let Some(members) = args.as_object_mut() else {
        return Err(format!("decoding args for plugin {plugin}: not an object"));
    };
    let mut take = |name: &str| members.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let (version, found) = (take("apiVersion"), take("kind"));
    let group = |version: &str| version.split('/').next().unwrap_or_default().to_owned();
    let found_group = version.as_deref().map_or_else(|| group(super::API_VERSION), group);
    let found_kind = found.unwrap_or_else(|| kind.to_owned());
    if found_group != group(super::API_VERSION) || found_kind != kind {
        return Err(format!(
            "args for plugin {plugin} were not of type {kind}.{}, got {found_kind}.{found_group}",
            group(super::API_VERSION)
        ));
    }
    Ok(())
}

impl fmt::Display for PluginArgs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}
