//! Which plugins run where.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A point of the scheduling cycle at which plugins run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExtensionPoint {
    /// Before a pod enters the queue.
    PreEnqueue,
    /// The order of the queue.
    QueueSort,
    /// Before nodes are looked at.
    PreFilter,
    /// Whether a node will do.
    Filter,
    /// When no node will do.
    PostFilter,
    /// Before nodes are scored.
    PreScore,
    /// How good a node is.
    Score,
    /// When a node has been chosen.
    Reserve,
    /// Whether the pod may be bound.
    Permit,
    /// Before the pod is bound.
    PreBind,
    /// Binds the pod.
    Bind,
    /// After the pod has been bound.
    PostBind,
    /// All of them at once.
    MultiPoint,
}

impl ExtensionPoint {
    /// All but [`Self::MultiPoint`].
    pub const SINGLE: [Self; 12] = [
        Self::PreEnqueue,
        Self::QueueSort,
        Self::PreFilter,
        Self::Filter,
        Self::PostFilter,
        Self::PreScore,
        Self::Score,
        Self::Reserve,
        Self::Permit,
        Self::PreBind,
        Self::Bind,
        Self::PostBind,
    ];

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreEnqueue => "PreEnqueue",
            Self::QueueSort => "QueueSort",
            Self::PreFilter => "PreFilter",
            Self::Filter => "Filter",
            Self::PostFilter => "PostFilter",
            Self::PreScore => "PreScore",
            Self::Score => "Score",
            Self::Reserve => "Reserve",
            Self::Permit => "Permit",
            Self::PreBind => "PreBind",
            Self::Bind => "Bind",
            Self::PostBind => "PostBind",
            Self::MultiPoint => "MultiPoint",
        }
    }

    /// The name in configuration files.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::PreEnqueue => "preEnqueue",
            Self::QueueSort => "queueSort",
            Self::PreFilter => "preFilter",
            Self::Filter => "filter",
            Self::PostFilter => "postFilter",
            Self::PreScore => "preScore",
            Self::Score => "score",
            Self::Reserve => "reserve",
            Self::Permit => "permit",
            Self::PreBind => "preBind",
            Self::Bind => "bind",
            Self::PostBind => "postBind",
            Self::MultiPoint => "multiPoint",
        }
    }
}

/// A plugin at a point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// What its scores are multiplied with; 1 if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

/// The plugins at a point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginSet {
    /// Those that run, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enabled: Vec<Plugin>,
    /// Default ones that do not; `*` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<Plugin>,
}

impl PluginSet {
    /// Whether a default plugin is switched off here.
    #[must_use]
    pub fn disables(&self, plugin: &str) -> bool {
        self.disabled
            .iter()
            .any(|other| other.name == "*" || other.name == plugin)
    }

    /// Lays a user's set over the default one: what is switched off goes, what is named again takes the user's weight.
    fn merged(default: &Self, custom: &Self) -> Self {
        let disabled: Vec<Plugin> = custom
            .disabled
            .iter()
            .chain(&default.disabled)
            .map(|plugin| Plugin {
                name: plugin.name.clone(),
                weight: None,
            })
            .collect();
        let all = Self {
            enabled: Vec::new(),
            disabled,
        };
        let mut replaced = BTreeSet::new();
        let mut enabled = Vec::new();
        if !all.disables("*") {
            for plugin in default.enabled.iter().filter(|plugin| !all.disables(&plugin.name)) {
                // Of several of one name the last one counts.
                let mut own = custom.enabled.iter().enumerate().rev();
                match own.find(|(_, own)| own.name == plugin.name) {
                    Some((i, own)) => {
                        replaced.insert(i);
                        enabled.push(own.clone());
                    }
                    None => enabled.push(plugin.clone()),
                }
            }
        }
        let rest = custom.enabled.iter().enumerate();
        enabled.extend(
            rest.filter(|(i, _)| !replaced.contains(i))
                .map(|(_, plugin)| plugin.clone()),
        );
        Self { enabled, ..all }
    }
}

/// The plugins at all points.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plugins(BTreeMap<ExtensionPoint, PluginSet>);

impl Plugins {
    /// Plugins that run at every point they have.
    #[must_use]
    pub fn multi_point(enabled: Vec<Plugin>) -> Self {
        let set = PluginSet {
            enabled,
            disabled: Vec::new(),
        };
        Self(BTreeMap::from([(ExtensionPoint::MultiPoint, set)]))
    }

    /// The plugins at a point.
    #[must_use]
    pub fn at(&self, point: ExtensionPoint) -> &PluginSet {
        static NONE: PluginSet = PluginSet {
            enabled: Vec::new(),
            disabled: Vec::new(),
        };
        self.0.get(&point).unwrap_or(&NONE)
    }

    /// The plugins at a point, to be changed.
    pub fn at_mut(&mut self, point: ExtensionPoint) -> &mut PluginSet {
        self.0.entry(point).or_default()
    }

    /// Every enabled plugin's name.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let enabled = self.0.values().flat_map(|set| &set.enabled);
        enabled.map(|plugin| plugin.name.as_str()).collect()
    }

    /// Lays a user's plugins over the default ones.
    #[must_use]
    pub fn merged(default: &Self, custom: &Self) -> Self {
        let points: BTreeSet<_> = default.0.keys().chain(custom.0.keys()).copied().collect();
        let merged = |point| (point, PluginSet::merged(default.at(point), custom.at(point)));
        Self(points.into_iter().map(merged).collect())
    }
}
