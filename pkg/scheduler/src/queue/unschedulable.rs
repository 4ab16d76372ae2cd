//! Pods that were tried and do not fit, and pods that are held back.
//!
//! They are grouped by what rejected them, so that an event reaches only those that it may help.

use std::collections::{HashMap, HashSet};

use scheduler_framework::PluginSet;

use super::QueuedPod;

/// What pods of one group have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    /// The profile.
    pub(super) scheduler: String,
    /// The plugins that rejected them, or let them wait.
    pub(super) plugins: PluginSet,
    /// The plugin that holds them back before the queue.
    pub(super) gate: Option<&'static str>,
}

impl Group {
    fn of(pod: &QueuedPod) -> Self {
        Self {
            scheduler: pod.info.pod.spec.scheduler_name.clone(),
            plugins: pod.rejectors(),
            gate: pod.gating_plugin,
        }
    }
}

/// The pods, by UID and by group.
#[derive(Default)]
pub(super) struct UnschedulablePods {
    pods: HashMap<String, (QueuedPod, Group)>,
    groups: HashMap<Group, HashSet<String>>,
    gated: usize,
}

impl UnschedulablePods {
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// How many of them are held back before the queue.
    pub(super) fn gated(&self) -> usize {
        self.gated
    }

    pub(super) fn contains(&self, uid: &str) -> bool {
        self.pods.contains_key(uid)
    }

    pub(super) fn get(&self, uid: &str) -> Option<&QueuedPod> {
        self.pods.get(uid).map(|(pod, _)| pod)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &QueuedPod> {
        self.pods.values().map(|(pod, _)| pod)
    }

    pub(super) fn insert(&mut self, pod: QueuedPod) {
        let uid = pod.info.uid().to_owned();
        self.remove(&uid);
        let group = Group::of(&pod);
        self.gated += usize::from(group.gate.is_some());
        self.groups.entry(group.clone()).or_default().insert(uid.clone());
        self.pods.insert(uid, (pod, group));
    }

    pub(super) fn remove(&mut self, uid: &str) -> Option<QueuedPod> {
        let (pod, group) = self.pods.remove(uid)?;
        self.gated -= usize::from(group.gate.is_some());
        if let Some(members) = self.groups.get_mut(&group) {
            members.remove(uid);
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
        Some(pod)
    }

    /// The pods of the groups for which `wanted` holds.
    pub(super) fn of_groups(&self, wanted: impl Fn(&Group) -> bool) -> Vec<String> {
        let groups = self.groups.iter().filter(|(group, _)| wanted(group));
        groups.flat_map(|(_, members)| members.iter().cloned()).collect()
    }
}
