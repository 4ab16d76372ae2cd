//! Affinity and anti-affinity to other pods: as conditions both ways, and as preferences.

mod filtering;
mod hints;
mod scoring;
#[cfg(test)]
mod tests;
mod topology_counts;

use std::collections::BTreeSet;
use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::cache::Lister;
use k8s_api::Map;
use k8s_api::core::v1::Namespace;
use scheduler_framework::affinity::AffinityTerm;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::config::args::InterPodAffinityArgs;
use scheduler_framework::events::{ActionType, EventHint, EventResource};
use scheduler_framework::plugin::Plugin;
use scheduler_framework::pod_counts::{PodQuery, PodTerm};
use scheduler_framework::{extension_points, names};

use crate::PluginContext;

const REASON_EXISTING: &str = "node(s) didn't satisfy existing pods anti-affinity rules";
const REASON_AFFINITY: &str = "node(s) didn't match pod affinity rules";
const REASON_ANTI_AFFINITY: &str = "node(s) didn't match pod anti-affinity rules";

/// The plugin.
pub struct InterPodAffinity {
    args: InterPodAffinityArgs,
    namespaces: Lister<Namespace>,
}

pub(crate) fn new(args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let args = match args {
        Some(PluginArgs::InterPodAffinity(args)) => args.clone(),
        _ => InterPodAffinityArgs::default(),
    };
    Ok(Arc::new(InterPodAffinity {
        args,
        namespaces: context.informers.informer().lister(),
    }))
}

impl InterPodAffinity {
    /// The labels of a namespace; none if it is not known.
    fn namespace_labels(&self, namespace: &str) -> Map<String> {
        let found = self.namespaces.get("", namespace);
        found.map(|found| found.metadata.labels.clone()).unwrap_or_default()
    }

    /// The term with its namespace selector turned into namespaces, so that pods need no look at their namespaces.
    fn resolved(&self, term: &AffinityTerm) -> AffinityTerm {
        if !term.selects_namespaces() {
            return term.clone();
        }
        let selected = self.namespaces.select("", &term.namespace_selector);
        let mut namespaces: BTreeSet<String> = (*term.namespaces).clone();
        namespaces.extend(selected.iter().map(|namespace| namespace.metadata.name.clone()));
        AffinityTerm {
            namespaces: Arc::new(namespaces),
            namespace_selector: Arc::new(Selector::NOTHING),
            ..term.clone()
        }
    }
}

/// The pods that all of these terms mean.
fn query<'t>(terms: impl IntoIterator<Item = &'t AffinityTerm>) -> PodQuery {
    PodQuery {
        terms: terms.into_iter().map(PodTerm::of).collect(),
        terminating: true,
    }
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        names::INTER_POD_AFFINITY
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter, as_pre_score: PreScore, as_score: Score);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![
            EventHint::when(
                EventResource::Pod,
                ActionType::ADD | ActionType::UPDATE_POD_LABEL | ActionType::DELETE,
                hints::after_pod,
            ),
            EventHint::when(
                EventResource::Node,
                ActionType::ADD | ActionType::UPDATE_NODE_LABEL,
                hints::after_node,
            ),
        ])
    }
}
