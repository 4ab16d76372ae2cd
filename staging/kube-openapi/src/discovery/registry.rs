//! The groups that are served now, from several sources, in the order clients see.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;

use super::{
    aggregated::AggregatedDiscovery,
    priority::{Priority, UNRANKED, compare_versions, priority_of},
    types::{ApiGroup, ApiVersion},
};

/// Who says that a group version exists; where several do, the first of these is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// An `APIService` that points to another server.
    Aggregator,
    /// This server's own code.
    Builtin,
    /// A `CustomResourceDefinition`.
    CustomResources,
}

type Key = (String, String, Source);

#[derive(Debug)]
struct Entry {
    version: ApiVersion,
    priority: Priority,
}

#[derive(Debug, Default)]
struct State {
    /// By group, version and source.
    entries: BTreeMap<Key, Entry>,
    /// Counts changes, so that users can tell whether theirs is still the present state.
    generation: u64,
    /// The sorted groups, until the next change.
    groups: Option<Arc<[ApiGroup]>>,
    /// The aggregated documents, until the next change.
    aggregated: Option<Arc<AggregatedDiscovery>>,
}

impl State {
    fn changed(&mut self) {
        self.generation += 1;
        self.groups = None;
        self.aggregated = None;
    }
}

/// The served groups; cheap to read, rebuilt on the first read after a change.
#[derive(Debug, Default)]
pub struct ApiGroups {
    state: RwLock<State>,
}

impl ApiGroups {
    /// A registry without groups.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry with the built-in groups and their ranks.
    #[must_use]
    pub fn with_builtin() -> Self {
        let groups = Self::new();
        for group in super::builtin_groups() {
            for version in group.versions {
                let priority = priority_of(&group.name, &version.version).unwrap_or(UNRANKED);
                groups.add(Source::Builtin, &group.name, version, Some(priority));
            }
        }
        groups
    }

    /// Adds a group version or replaces what the same source said about it.
    ///
    /// Without a priority it keeps the one it has, or gets the one of versions nobody ranked.
    /// Returns whether anything changed.
    pub fn add(&self, source: Source, group: &str, version: ApiVersion, priority: Option<Priority>) -> bool {
        let mut state = self.state.write();
        let key = (group.to_owned(), version.version.clone().into_owned(), source);
        let known = state.entries.get(&key);
        let priority = priority.or(known.map(|e| e.priority)).unwrap_or(UNRANKED);
        if known.is_some_and(|e| e.priority == priority && e.version == version) {
            return false;
        }
        state.entries.insert(key, Entry { version, priority });
        state.changed();
        true
    }

    /// Removes what a source said about a group version; returns whether it had said anything.
    pub fn remove(&self, source: Source, group: &str, version: &str) -> bool {
        let mut state = self.state.write();
        let key = (group.to_owned(), version.to_owned(), source);
        let removed = state.entries.remove(&key).is_some();
        if removed {
            state.changed();
        }
        removed
    }

    /// Removes all that a source said about a group; returns whether it had said anything.
    pub fn remove_group(&self, source: Source, group: &str) -> bool {
        let mut state = self.state.write();
        let before = state.entries.len();
        state.entries.retain(|(g, _, s), _| g != group || *s != source);
        let removed = state.entries.len() != before;
        if removed {
            state.changed();
        }
        removed
    }

    /// Grows with every change.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.read().generation
    }

    /// All groups, the core group included, in the order clients see.
    #[must_use]
    pub fn groups(&self) -> Arc<[ApiGroup]> {
        if let Some(groups) = &self.state.read().groups {
            return Arc::clone(groups);
        }
        let mut state = self.state.write();
        let groups: Arc<[ApiGroup]> = sorted(&state.entries).into();
        state.groups = Some(Arc::clone(&groups));
        groups
    }

    /// The group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<ApiGroup> {
        self.groups().iter().find(|g| g.name == name).cloned()
    }

    /// A version of a group.
    #[must_use]
    pub fn version(&self, group: &str, version: &str) -> Option<ApiVersion> {
        let groups = self.groups();
        let group = groups.iter().find(|g| g.name == group)?;
        group.versions.iter().find(|v| v.version == version).cloned()
    }

    /// The aggregated documents.
    #[must_use]
    pub fn aggregated(&self) -> Arc<AggregatedDiscovery> {
        if let Some(documents) = &self.state.read().aggregated {
            return Arc::clone(documents);
        }
        let (groups, generation) = (self.groups(), self.generation());
        let documents = Arc::new(AggregatedDiscovery::new(&groups));
        let mut state = self.state.write();
        // What changed meanwhile makes this answer an older one, which must not be kept.
        if state.generation == generation {
            state.aggregated = Some(Arc::clone(&documents));
        }
        documents
    }
}

/// Puts the believed versions together: groups by rank and name, versions by rank and name.
fn sorted(entries: &BTreeMap<Key, Entry>) -> Vec<ApiGroup> {
    let mut groups: Vec<(i32, &str, Vec<&Entry>)> = Vec::new();
    let mut last = None;
    for ((group, version, _), entry) in entries {
        // Sources are sorted, so that the first one of a group version is the one believed.
        if last == Some((group, version)) {
            continue;
        }
        last = Some((group, version));
        match groups.last_mut() {
            Some((rank, name, versions)) if name == group => {
                *rank = entry.priority.group.max(*rank);
                versions.push(entry);
            }
            _ => groups.push((entry.priority.group, group, vec![entry])),
        }
    }
    groups.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let build = |(_, name, mut versions): (i32, &str, Vec<&Entry>)| {
        versions.sort_by(|a, b| {
            let rank = b.priority.version.cmp(&a.priority.version);
            rank.then_with(|| compare_versions(&b.version.version, &a.version.version))
        });
        ApiGroup {
            name: name.to_owned().into(),
            versions: versions.into_iter().map(|e| e.version.clone()).collect(),
        }
    };
    groups.into_iter().map(build).collect()
}
