//! Spreads pods over the parts of topologies: as a condition, and as a preference.
//!
//! How many pods each node has that a constraint counts comes from the snapshot, which keeps such counts in step with the
//! nodes; a cycle adds them up by the parts of the topology.

mod constraint;
mod filtering;
mod hints;
mod scoring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::cache::Lister;
use component_base::feature_gates::Feature;
use k8s_api::Map;
use k8s_api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_api::core::v1::{Pod, ReplicationController, Service, TopologySpreadConstraint};
use scheduler_framework::config::PluginArgs;
use scheduler_framework::config::args::{PodTopologySpreadArgs, SYSTEM_DEFAULTING};
use scheduler_framework::events::{ActionType, EventHint, EventResource};
use scheduler_framework::plugin::Plugin;
use scheduler_framework::{PodInfo, extension_points, names};

use crate::PluginContext;
use constraint::Constraint;

const DO_NOT_SCHEDULE: &str = "DoNotSchedule";
const SCHEDULE_ANYWAY: &str = "ScheduleAnyway";
const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

const REASON: &str = "node(s) didn't match pod topology spread constraints";
const REASON_LABEL: &str = "node(s) didn't match pod topology spread constraints (missing required label)";

/// What makes other pods of a pod's workload known.
struct Owners {
    services: Lister<Service>,
    controllers: Lister<ReplicationController>,
    replica_sets: Lister<ReplicaSet>,
    stateful_sets: Lister<StatefulSet>,
}

/// The plugin.
pub struct PodTopologySpread {
    /// For pods that have no constraints.
    defaults: Vec<TopologySpreadConstraint>,
    /// Whether they are the scheduler's own.
    system_defaults: bool,
    owners: Option<Owners>,
    match_label_keys: bool,
    comparison: bool,
}

fn system_defaults() -> Vec<TopologySpreadConstraint> {
    let constraint = |key: &str, skew| TopologySpreadConstraint {
        topology_key: key.to_owned(),
        when_unsatisfiable: SCHEDULE_ANYWAY.to_owned(),
        max_skew: skew,
        ..TopologySpreadConstraint::default()
    };
    vec![constraint(HOSTNAME, 3), constraint(ZONE, 5)]
}

pub(crate) fn new(args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let args = match args {
        Some(PluginArgs::PodTopologySpread(args)) => args.clone(),
        _ => PodTopologySpreadArgs::default(),
    };
    let system_defaults = args.defaulting_type == SYSTEM_DEFAULTING;
    let defaults = if system_defaults {
        self::system_defaults()
    } else {
        args.default_constraints.0
    };
    let informers = &context.informers;
    Ok(Arc::new(PodTopologySpread {
        system_defaults,
        owners: (!defaults.is_empty()).then(|| Owners {
            services: informers.informer().lister(),
            controllers: informers.informer().lister(),
            replica_sets: informers.informer().lister(),
            stateful_sets: informers.informer().lister(),
        }),
        defaults,
        match_label_keys: context.gates.enabled(Feature::MatchLabelKeysInPodTopologySpread),
        comparison: context.pod_options().toleration_comparison,
    }))
}

impl Owners {
    /// What the pods of a pod's workload have in common: its services' selectors, and its controller's.
    fn selector(&self, pod: &Pod) -> Selector {
        let namespace = &pod.metadata.namespace;
        let mut labels = Map::<String>::new();
        for service in self.services.list_namespace(namespace) {
            let selector = &service.spec.selector;
            if !selector.is_empty() && Selector::from_labels(selector).matches(&pod.metadata.labels) {
                labels.extend(selector.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        let owner = pod
            .metadata
            .owner_references
            .iter()
            .find(|owner| owner.controller == Some(true));
        let Some(owner) = owner else {
            return Selector::from_labels(&labels);
        };
        let of_controller = match (owner.api_version.as_str(), owner.kind.as_str()) {
            ("v1", "ReplicationController") => {
                if let Some(controller) = self.controllers.get(namespace, &owner.name) {
                    let selector = &controller.spec.selector;
                    labels.extend(selector.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                None
            }
            ("apps/v1", "ReplicaSet") => {
                let set = self.replica_sets.get(namespace, &owner.name);
                set.and_then(|set| Selector::from_api(set.spec.selector.as_deref()).ok())
            }
            ("apps/v1", "StatefulSet") => {
                let set = self.stateful_sets.get(namespace, &owner.name);
                set.and_then(|set| Selector::from_api(set.spec.selector.as_deref()).ok())
            }
            _ => None,
        };
        let requirements = of_controller.as_ref().and_then(Selector::requirements);
        Selector::from_labels(&labels).and(requirements.unwrap_or_default().iter().cloned())
    }
}

impl PodTopologySpread {
    /// A pod's constraints of one kind: its own, or the default ones if it has none at all.
    fn constraints(&self, pod: &PodInfo, action: &str) -> Result<Vec<Constraint>, String> {
        let pod = &pod.pod;
        let own = &pod.spec.topology_spread_constraints;
        if !own.is_empty() {
            let own = own.iter().filter(|constraint| constraint.when_unsatisfiable == action);
            return own
                .map(|constraint| Constraint::new(constraint, &pod.metadata.labels, self.match_label_keys))
                .collect();
        }
        let defaults = self.defaults.iter();
        let defaults: Vec<_> = defaults
            .filter(|constraint| constraint.when_unsatisfiable == action)
            .collect();
        let Some(owners) = self.owners.as_ref().filter(|_| !defaults.is_empty()) else {
            return Ok(Vec::new());
        };
        let selector = owners.selector(pod);
        if selector.is_everything() {
            return Ok(Vec::new());
        }
        let selector = Arc::new(selector);
        defaults
            .into_iter()
            .map(|constraint| {
                let constraint = Constraint::new(constraint, &pod.metadata.labels, self.match_label_keys)?;
                Ok(Constraint {
                    selector: selector.clone(),
                    ..constraint
                })
            })
            .collect()
    }

    fn hard(&self, pod: &PodInfo) -> Result<Vec<Constraint>, String> {
        self.constraints(pod, DO_NOT_SCHEDULE)
            .map_err(|error| format!("obtaining pod's hard topology spread constraints: {error}"))
    }
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        names::POD_TOPOLOGY_SPREAD
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter, as_pre_score: PreScore, as_score: Score);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        let (pods, nodes) = (self.clone(), self);
        Some(vec![
            EventHint::when(
                EventResource::Pod,
                ActionType::ADD | ActionType::UPDATE_POD_LABEL | ActionType::UPDATE_POD_TOLERATION | ActionType::DELETE,
                move |pod, objects| pods.after_pod(pod, objects),
            ),
            EventHint::when(
                EventResource::Node,
                ActionType::ADD | ActionType::DELETE | ActionType::UPDATE_NODE_LABEL | ActionType::UPDATE_NODE_TAINT,
                move |pod, objects| nodes.after_node(pod, objects),
            ),
        ])
    }
}
