//! Affinity to other pods, with selectors compiled once.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use apimachinery::selectors::{LabelSelectorError, Selector};
use k8s_api::Map;
use k8s_api::core::v1::{Pod, PodAffinityTerm, WeightedPodAffinityTerm};

/// A condition on other pods in a topology.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AffinityTerm {
    /// The namespaces of the other pods.
    pub namespaces: Arc<BTreeSet<String>>,
    /// The labels of the other pods.
    pub selector: Arc<Selector>,
    /// The node label whose values are the topology's parts.
    pub topology_key: Arc<str>,
    /// The labels of further namespaces; nothing if there are none.
    pub namespace_selector: Arc<Selector>,
}

impl AffinityTerm {
    /// A term of a pod's.
    ///
    /// # Errors
    /// A selector is malformed.
    pub fn new(pod: &Pod, term: &PodAffinityTerm) -> Result<Self, LabelSelectorError> {
        let namespaces = if term.namespaces.is_empty() && term.namespace_selector.is_none() {
            BTreeSet::from([pod.metadata.namespace.clone()])
        } else {
            term.namespaces.iter().cloned().collect()
        };
        Ok(Self {
            namespaces: Arc::new(namespaces),
            selector: Arc::new(Selector::from_api(term.label_selector.as_deref())?),
            topology_key: term.topology_key.as_str().into(),
            namespace_selector: Arc::new(Selector::from_api(term.namespace_selector.as_deref())?),
        })
    }

    /// Whether another pod is meant. `namespace_labels` are those of the pod's namespace; `None` where the namespace
    /// selector has been resolved into namespaces.
    #[must_use]
    pub fn matches(&self, pod: &Pod, namespace_labels: Option<&Map<String>>) -> bool {
        self.matches_namespace(&pod.metadata.namespace, namespace_labels) && self.selector.matches(&pod.metadata.labels)
    }

    fn matches_namespace(&self, namespace: &str, labels: Option<&Map<String>>) -> bool {
        if self.namespaces.contains(namespace) {
            return true;
        }
        match labels {
            Some(labels) => self.namespace_selector.matches(labels),
            // An unknown namespace counts as one without labels.
            None => !self.namespace_selector.is_nothing() && self.namespace_selector.matches(&NO_LABELS),
        }
    }

    /// Whether the namespace selector picks any namespaces.
    #[must_use]
    pub fn selects_namespaces(&self) -> bool {
        !self.namespace_selector.is_nothing() && !self.namespace_selector.is_everything()
    }
}

static NO_LABELS: Map<String> = Map::new();

/// A term that counts for so much.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WeightedAffinityTerm {
    /// The term.
    pub term: AffinityTerm,
    /// Its weight, 1 to 100.
    pub weight: i32,
}

/// All terms of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodAffinities {
    /// Pods that must be near.
    pub required: Box<[AffinityTerm]>,
    /// Pods that must not be near.
    pub required_anti: Box<[AffinityTerm]>,
    /// Pods that had better be near.
    pub preferred: Box<[WeightedAffinityTerm]>,
    /// Pods that had better not be near.
    pub preferred_anti: Box<[WeightedAffinityTerm]>,
}

/// With fewer terms than this nobody looks for those that have no pods any more.
const MIN_SWEEP: usize = 1024;

#[derive(Default)]
struct Interned {
    terms: HashSet<Arc<PodAffinities>>,
    sweep_at: usize,
}

static INTERNED: LazyLock<Mutex<Interned>> = LazyLock::new(Mutex::default);

fn compile(pod: &Pod, terms: &[PodAffinityTerm]) -> Result<Box<[AffinityTerm]>, LabelSelectorError> {
    terms.iter().map(|term| AffinityTerm::new(pod, term)).collect()
}

fn compile_weighted(
    pod: &Pod,
    terms: &[WeightedPodAffinityTerm],
) -> Result<Box<[WeightedAffinityTerm]>, LabelSelectorError> {
    let compile = |term: &WeightedPodAffinityTerm| {
        Ok(WeightedAffinityTerm {
            term: AffinityTerm::new(pod, &term.pod_affinity_term)?,
            weight: term.weight,
        })
    };
    terms.iter().map(compile).collect()
}

impl PodAffinities {
    /// A pod's terms, with what is wrong with those that cannot be compiled; `None` if it has none.
    #[must_use]
    pub fn of(pod: &Pod) -> (Option<Arc<Self>>, Option<String>) {
        let Some(affinity) = pod.spec.affinity.as_deref() else {
            return (None, None);
        };
        let (near, far) = (affinity.pod_affinity.as_deref(), affinity.pod_anti_affinity.as_deref());
        if near.is_none() && far.is_none() {
            return (None, None);
        }
        let mut errors = Vec::new();
        let mut checked = |what: &str, outcome: Result<_, LabelSelectorError>| {
            outcome.unwrap_or_else(|error| {
                errors.push(format!("{what}: {error}"));
                Box::default()
            })
        };
        let required = near.map_or(&[][..], |near| {
            &near.required_during_scheduling_ignored_during_execution
        });
        let required_anti = far.map_or(&[][..], |far| &far.required_during_scheduling_ignored_during_execution);
        let required = checked("requiredAffinityTerms", compile(pod, required));
        let required_anti = checked("requiredAntiAffinityTerms", compile(pod, required_anti));
        let mut checked = |what: &str, outcome: Result<_, LabelSelectorError>| {
            outcome.unwrap_or_else(|error| {
                errors.push(format!("{what}: {error}"));
                Box::default()
            })
        };
        let preferred = near.map_or(&[][..], |near| {
            &near.preferred_during_scheduling_ignored_during_execution
        });
        let preferred_anti = far.map_or(&[][..], |far| &far.preferred_during_scheduling_ignored_during_execution);
        let affinities = Self {
            required,
            required_anti,
            preferred: checked("preferredAffinityTerms", compile_weighted(pod, preferred)),
            preferred_anti: checked("preferredAntiAffinityTerms", compile_weighted(pod, preferred_anti)),
        };
        let errors = match errors.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("[{}]", several.join(", "))),
        };
        (Some(affinities.interned()), errors)
    }

    /// The one copy of these terms that all pods with equal ones share, so that what has been found out about one pod's
    /// terms is known to hold for all by their address.
    fn interned(self) -> Arc<Self> {
        let mut known = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.terms.get(&self) {
            return known.clone();
        }
        if known.terms.len() >= known.sweep_at {
            known.terms.retain(|terms| Arc::strong_count(terms) > 1);
            known.sweep_at = (known.terms.len() * 2).max(MIN_SWEEP);
        }
        let interned = Arc::new(self);
        known.terms.insert(interned.clone());
        interned
    }

    /// Whether there is any term.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.required.is_empty()
            && self.required_anti.is_empty()
            && self.preferred.is_empty()
            && self.preferred_anti.is_empty()
    }
}

/// Whether a pod is meant by all terms; never by none.
#[must_use]
pub fn matches_all(terms: &[AffinityTerm], pod: &Pod) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(pod, None))
}
