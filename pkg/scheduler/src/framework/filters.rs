//! Whether a node will do: the Filters of a profile, with the pods that are nominated to the node.

use std::sync::OnceLock;

use scheduler_framework::plugin::{Filter, FilterRunner};
use scheduler_framework::{CycleState, NodeInfo, PodInfo, Status};

use super::{Named, Profile};
use crate::queue::NominatedPods;

/// A profile's Filters at work on one pod, and the pods that have nodes kept for them.
pub struct Filters<'f> {
    profile: &'f Profile,
    nominated: &'f NominatedPods,
    /// The Filters that the pod's PreFilter did not skip; known from the first node on.
    active: OnceLock<Vec<&'f Named<dyn Filter>>>,
}

impl<'f> Filters<'f> {
    /// The Filters of a profile, for one pod.
    #[must_use]
    pub fn new(profile: &'f Profile, nominated: &'f NominatedPods) -> Self {
        Self {
            profile,
            nominated,
            active: OnceLock::new(),
        }
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &'f Profile {
        self.profile
    }

    fn active(&self, state: &CycleState) -> &[&'f Named<dyn Filter>] {
        let asked = |named: &&Named<dyn Filter>| !state.skip_filter.contains(named.name);
        self.active
            .get_or_init(|| self.profile.filter.iter().filter(asked).collect())
    }

    /// How many Filters there are for the pod.
    pub(crate) fn count(&self, state: &CycleState) -> usize {
        self.active(state).len()
    }

    /// How many of the pod's Filters come before the first whose answers cannot be kept.
    pub(crate) fn leading(&self, state: &CycleState) -> usize {
        let active = self.active(state).iter();
        active.take_while(|named| named.plugin.is_local()).count()
    }

    /// Whether nodes may have to be looked at with pods that are not on them.
    pub(crate) fn has_nominated(&self) -> bool {
        !self.nominated.is_empty()
    }

    /// Whether so many leading Filters have passed a node that this was said of.
    pub(crate) fn passed_leading(&self, state: &CycleState, leading: usize, status: &Status) -> bool {
        let mut first = self.active(state)[..leading].iter();
        status.is_success() || !first.any(|named| named.name == status.plugin())
    }

    /// Runs the Filters until one rejects the node.
    #[must_use]
    pub fn run(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        self.run_from(0, state, pod, node)
    }

    /// Runs the Filters from a place on.
    pub(crate) fn run_from(&self, place: usize, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        for Named { name, plugin } in &self.active(state)[place..] {
            let status = plugin.filter(state, pod, node);
            if status.is_success() {
                continue;
            }
            if !status.is_rejected() {
                return Status::error(format!("running \"{name}\" filter plugin: {status}")).with_plugin(name);
            }
            return status.with_plugin(name);
        }
        Status::SUCCESS
    }

    /// The node with the pods that are nominated to it and at least as important; `None` if there are none.
    fn with_nominated(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        node: &NodeInfo,
    ) -> Option<Result<(CycleState, NodeInfo), Status>> {
        let nominated = self.nominated.get(node.name())?;
        let others = nominated
            .iter()
            .filter(|other| other.priority() >= pod.priority() && other.uid() != pod.uid());
        let mut changed: Option<(CycleState, NodeInfo)> = None;
        for other in others {
            let (state, node) = changed.get_or_insert_with(|| (state.clone(), node.clone()));
            node.add_pod(other.clone());
            let status = self.run_add_pod(state, pod, other, node);
            if !status.is_success() {
                return Some(Err(Status::error(status)));
            }
        }
        changed.map(Ok)
    }
}

impl FilterRunner for Filters<'_> {
    fn run_filters_with_nominated_pods(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        if !self.nominated.is_empty() {
            // Twice: nominated pods may take what the pod needs, and the pod may need what only they bring.
            match self.with_nominated(state, pod, node) {
                None => {}
                Some(Err(status)) => return status,
                Some(Ok((state, node))) => {
                    let status = self.run(&state, pod, &node);
                    if !status.is_success() {
                        return status;
                    }
                }
            }
        }
        self.run(state, pod, node)
    }

    fn run_add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) -> Status {
        for Named { name, plugin } in &self.profile.pre_filter {
            if let Some(extensions) = plugin.extensions().filter(|_| !state.skip_filter.contains(name)) {
                let status = extensions.add_pod(state, pod, added, node);
                if !status.is_success() {
                    return Status::error(format!("running AddPod on PreFilter plugin \"{name}\": {status}"));
                }
            }
        }
        Status::SUCCESS
    }

    fn run_remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) -> Status {
        for Named { name, plugin } in &self.profile.pre_filter {
            if let Some(extensions) = plugin.extensions().filter(|_| !state.skip_filter.contains(name)) {
                let status = extensions.remove_pod(state, pod, removed, node);
                if !status.is_success() {
                    return Status::error(format!("running RemovePod on PreFilter plugin \"{name}\": {status}"));
                }
            }
        }
        Status::SUCCESS
    }
}
