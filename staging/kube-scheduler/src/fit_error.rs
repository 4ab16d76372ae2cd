//! Why a pod fits no node, in upstream's words.

use std::collections::BTreeMap;
use std::fmt;

use smallvec::SmallVec;

use crate::node_status::NodeStatuses;
use crate::status::{Code, Status};

/// A small set of plugins by name, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginSet(SmallVec<[&'static str; 4]>);

impl PluginSet {
    /// Adds a plugin.
    pub fn insert(&mut self, plugin: &'static str) {
        if let Err(at) = self.0.binary_search(&plugin) {
            self.0.insert(at, plugin);
        }
    }

    /// Whether it has the plugin.
    #[must_use]
    pub fn contains(&self, plugin: &str) -> bool {
        self.0.contains(&plugin)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The plugins, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'static str> {
        self.0.iter().copied()
    }

    /// Removes every plugin.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The plugins of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.extend(other.iter());
        both
    }
}

impl Extend<&'static str> for PluginSet {
    fn extend<I: IntoIterator<Item = &'static str>>(&mut self, plugins: I) {
        for plugin in plugins {
            self.insert(plugin);
        }
    }
}

impl FromIterator<&'static str> for PluginSet {
    fn from_iter<I: IntoIterator<Item = &'static str>>(plugins: I) -> Self {
        let mut set = Self::default();
        set.extend(plugins);
        set
    }
}

/// What is known about a failed scheduling cycle.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Why each node was rejected.
    pub statuses: NodeStatuses,
    /// The plugins that rejected the pod.
    pub unschedulable_plugins: PluginSet,
    /// The plugins that let it wait for something.
    pub pending_plugins: PluginSet,
    /// What a PreFilter plugin said.
    pub pre_filter_message: String,
    /// What the PostFilter plugins said.
    pub post_filter_message: String,
}

impl Diagnosis {
    /// Takes note of the plugin behind a status.
    pub fn add_plugin_status(&mut self, status: &Status) {
        if status.plugin().is_empty() {
            return;
        }
        if status.is_rejected() {
            self.unschedulable_plugins.insert(status.plugin());
        }
        if status.code() == Code::Pending {
            self.pending_plugins.insert(status.plugin());
        }
    }
}

/// The pod fits no node.
#[derive(Clone, Debug, Default)]
pub struct FitError {
    /// How many nodes there are.
    pub all_nodes: usize,
    /// Why.
    pub diagnosis: Diagnosis,
}

impl std::error::Error for FitError {}

impl fmt::Display for FitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnosis = &self.diagnosis;
        write!(formatter, "0/{} nodes are available:", self.all_nodes)?;
        if diagnosis.pre_filter_message.is_empty() {
            let histogram = diagnosis.statuses.histogram(self.all_nodes);
            if !histogram.is_empty() {
                write!(formatter, " {}.", histogram.join(", "))?;
            }
        } else {
            write!(formatter, " {}.", diagnosis.pre_filter_message)?;
        }
        if !diagnosis.post_filter_message.is_empty() {
            write!(formatter, " {}", diagnosis.post_filter_message)?;
        }
        Ok(())
    }
}

/// `count reason` for every reason, in order of these texts.
pub(crate) fn histogram_lines(counts: BTreeMap<&str, usize>) -> Vec<String> {
    let mut lines: Vec<String> = counts
        .into_iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    lines.sort_unstable();
    lines
}
