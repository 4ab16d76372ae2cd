//! Puts a profile together from its configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler_framework::config::{self, ExtensionPoint};
use scheduler_framework::events::{ActionType, EventHint, EventResource};
use scheduler_framework::plugin::Plugin;
use scheduler_plugins::PluginContext;
use scheduler_plugins::registry::Factory;

use super::{Evaluated, Named, Profile, Scorer};
use crate::metrics::Metrics;

/// Why a profile cannot be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// There is no such plugin.
    #[error("{point} plugin {name:?} does not exist")]
    Unknown {
        /// Where it was to run.
        point: &'static str,
        /// Its name.
        name: String,
    },
    /// The plugin does not run there.
    #[error("plugin {name:?} does not extend {point} plugin")]
    NotExtended {
        /// Where it was to run.
        point: &'static str,
        /// Its name.
        name: String,
    },
    /// The plugin is named twice.
    #[error("plugin {name:?} already registered as {point:?}")]
    Repeated {
        /// Where it runs.
        point: &'static str,
        /// Its name.
        name: String,
    },
    /// A plugin refuses its arguments.
    #[error("initializing plugin {name:?}: {error}")]
    Initializing {
        /// Its name.
        name: String,
        /// Why.
        error: String,
    },
    /// There must be one that orders the queue.
    #[error("only one queue sort plugin required for profile with scheduler name {0:?}, but got {1}")]
    QueueSort(String, usize),
    /// There must be one that binds.
    #[error("at least one bind plugin is needed for profile with scheduler name {0:?}")]
    Bind(String),
}

/// The plugins that can be had, by name.
pub type Registry = BTreeMap<&'static str, Factory>;

/// The plugins of the tree.
#[must_use]
pub fn in_tree() -> Registry {
    scheduler_plugins::registry::IN_TREE.into_iter().collect()
}

struct Builder<'b> {
    plugins: &'b config::Plugins,
    made: BTreeMap<&'static str, Arc<dyn Plugin>>,
}

/// A plugin at a point.
struct At<P: ?Sized> {
    name: &'static str,
    weight: i32,
    plugin: Arc<P>,
}

impl Builder<'_> {
    /// The plugins at a point, in the order in which they run: first those that are named both there and for all points,
    /// then those for all points, then those that are named only there.
    fn at<P: ?Sized>(
        &self,
        point: ExtensionPoint,
        extend: impl Fn(Arc<dyn Plugin>) -> Option<Arc<P>>,
    ) -> Result<Vec<At<P>>, ProfileError> {
        let set = self.plugins.at(point);
        let mut named: Vec<(String, Option<i32>, At<P>)> = Vec::new();
        for own in &set.enabled {
            let name = own.name.clone();
            let point = point.as_str();
            let Some((key, plugin)) = self.made.get_key_value(name.as_str()) else {
                return Err(ProfileError::Unknown { point, name });
            };
            if named.iter().any(|(other, ..)| *other == name) {
                return Err(ProfileError::Repeated { point, name });
            }
            let Some(plugin) = extend(plugin.clone()) else {
                return Err(ProfileError::NotExtended { point, name });
            };
            let at = At {
                name: key,
                weight: own.weight.unwrap_or(0),
                plugin,
            };
            named.push((name, own.weight, at));
        }
        let multi = &self.plugins.at(ExtensionPoint::MultiPoint).enabled;
        let mut both = Vec::new();
        let mut everywhere = Vec::new();
        let mut seen = Vec::new();
        for entry in multi {
            let (name, point_name) = (&entry.name, ExtensionPoint::MultiPoint.as_str());
            if seen.contains(&name) {
                let (point, name) = (point_name, name.clone());
                return Err(ProfileError::Repeated { point, name });
            }
            seen.push(name);
            if set.disables(name) {
                continue;
            }
            if named.iter().any(|(other, ..)| other == name) {
                continue;
            }
            let Some((key, plugin)) = self.made.get_key_value(name.as_str()) else {
                let (point, name) = (point_name, name.clone());
                return Err(ProfileError::Unknown { point, name });
            };
            if let Some(plugin) = extend(plugin.clone()) {
                everywhere.push(At {
                    name: key,
                    weight: entry.weight.unwrap_or(0),
                    plugin,
                });
            }
        }
        let mut only_here = Vec::new();
        for (name, weight, mut at) in named {
            match multi.iter().find(|entry| entry.name == name) {
                Some(entry) => {
                    at.weight = weight.or(entry.weight).unwrap_or(0);
                    both.push(at);
                }
                None => only_here.push(at),
            }
        }
        both.extend(everywhere);
        both.extend(only_here);
        Ok(both)
    }

    fn named<P: ?Sized>(
        &self,
        point: ExtensionPoint,
        extend: impl Fn(Arc<dyn Plugin>) -> Option<Arc<P>>,
    ) -> Result<Vec<Named<P>>, ProfileError> {
        let named = |at: At<P>| Named {
            name: at.name,
            plugin: at.plugin,
        };
        Ok(self.at(point, extend)?.into_iter().map(named).collect())
    }
}

/// Every event, for plugins that name none though they reject pods.
fn every_event() -> Vec<EventHint> {
    use EventResource as R;
    [
        R::Pod,
        R::Node,
        R::PersistentVolume,
        R::PersistentVolumeClaim,
        R::CSINode,
        R::CSIDriver,
        R::CSIStorageCapacity,
        R::StorageClass,
        R::VolumeAttachment,
    ]
    .map(|resource| EventHint::always(resource, ActionType::ALL))
    .into()
}

/// Puts a profile together.
///
/// # Errors
/// See [`ProfileError`].
pub fn build(
    profile: &config::Profile,
    registry: &Registry,
    context: &PluginContext,
    metrics: Arc<Metrics>,
) -> Result<Profile, ProfileError> {
    let mut made: BTreeMap<&'static str, Arc<dyn Plugin>> = BTreeMap::new();
    for name in profile.plugins.names() {
        if let Some((key, factory)) = registry.get_key_value(name) {
            let plugin = factory(profile.args(name), context).map_err(|error| ProfileError::Initializing {
                name: name.to_owned(),
                error,
            })?;
            made.insert(key, plugin);
        }
    }
    let builder = Builder {
        plugins: &profile.plugins,
        made,
    };
    use ExtensionPoint as P;
    let queue_sort = builder.named(P::QueueSort, |plugin| plugin.as_queue_sort())?;
    let queue_sort = match queue_sort.as_slice() {
        [only] => only.plugin.clone(),
        several => return Err(ProfileError::QueueSort(profile.scheduler_name.clone(), several.len())),
    };
    let bind = builder.named(P::Bind, |plugin| plugin.as_bind())?;
    if bind.is_empty() {
        return Err(ProfileError::Bind(profile.scheduler_name.clone()));
    }
    let score = builder
        .at(P::Score, |plugin| plugin.as_score())?
        .into_iter()
        .map(|at| Scorer {
            name: at.name,
            weight: i64::from(at.weight.max(1)),
            plugin: at.plugin,
        });
    let profile_name: Arc<str> = profile.scheduler_name.as_str().into();
    let pre_enqueue = builder.named(P::PreEnqueue, |plugin| plugin.as_pre_enqueue())?;
    let pre_filter = builder.named(P::PreFilter, |plugin| plugin.as_pre_filter())?;
    let filter = builder.named(P::Filter, |plugin| plugin.as_filter())?;
    let reserve = builder.named(P::Reserve, |plugin| plugin.as_reserve())?;
    let permit = builder.named(P::Permit, |plugin| plugin.as_permit())?;
    // Only plugins that can reject a pod are asked about events.
    let rejects = |name: &str| {
        let at = [
            pre_enqueue.iter().any(|named| named.name == name),
            pre_filter.iter().any(|named| named.name == name),
            filter.iter().any(|named| named.name == name),
            reserve.iter().any(|named| named.name == name),
            permit.iter().any(|named| named.name == name),
        ];
        at.contains(&true)
    };
    let mut hints = Vec::new();
    for (name, plugin) in &builder.made {
        if rejects(name) {
            let events = plugin.clone().events().unwrap_or_else(every_event);
            hints.extend(events.into_iter().map(|hint| (*name, hint)));
        }
    }
    let score: Vec<Scorer> = score.collect();
    let pre_score = builder.named(P::PreScore, |plugin| plugin.as_pre_score())?;
    let count = |name: &str, point| metrics.evaluations(name, point, &profile.scheduler_name);
    let evaluated = Evaluated {
        pre_filter: pre_filter.iter().map(|named| count(named.name, P::PreFilter)).collect(),
        filter: filter.iter().map(|named| count(named.name, P::Filter)).collect(),
        pre_score: pre_score.iter().map(|named| count(named.name, P::PreScore)).collect(),
        score: score.iter().map(|scorer| count(scorer.name, P::Score)).collect(),
    };
    Ok(Profile {
        percentage_of_nodes_to_score: profile.percentage_of_nodes_to_score,
        queue_sort,
        hints,
        score,
        post_filter: builder.named(P::PostFilter, |plugin| plugin.as_post_filter())?,
        pre_score,
        evaluated,
        pre_bind: builder.named(P::PreBind, |plugin| plugin.as_pre_bind())?,
        post_bind: builder.named(P::PostBind, |plugin| plugin.as_post_bind())?,
        pre_enqueue,
        pre_filter,
        filter,
        reserve,
        permit,
        bind,
        recorder: context.recorder.clone(),
        points: metrics.points(&profile_name),
        metrics,
        name: profile_name,
    })
}
