//! The defaults of a configuration.

use component_base::GoDuration;
use component_base::config::DecodeError;
use component_base::options::{ClientConnectionConfiguration, LeaderElectionConfiguration};

use super::args::{MAX_CUSTOM_SCORE, PluginArgs, ResourceSpec, UtilizationShapePoint, default_resources};
use super::{
    ClientConnectionFile, ConfigGates, DEFAULT_SCHEDULER_NAME, File, KubeSchedulerConfiguration, LOCK_NAME,
    LeaderElectionFile, Plugin, PluginConfig, Plugins, Profile, ProfileFile,
};
use crate::names;

/// The plugins that run by default, with the weights of their scores, in order.
const DEFAULT_PLUGINS: [(&str, Option<i32>); 18] = [
    (names::SCHEDULING_GATES, None),
    (names::PRIORITY_SORT, None),
    (names::NODE_UNSCHEDULABLE, None),
    (names::NODE_NAME, None),
    (names::TAINT_TOLERATION, Some(3)),
    (names::NODE_AFFINITY, Some(2)),
    (names::NODE_PORTS, None),
    (names::NODE_RESOURCES_FIT, Some(1)),
    (names::VOLUME_RESTRICTIONS, None),
    (names::NODE_VOLUME_LIMITS, None),
    (names::VOLUME_BINDING, None),
    (names::VOLUME_ZONE, None),
    (names::POD_TOPOLOGY_SPREAD, Some(2)),
    (names::INTER_POD_AFFINITY, Some(2)),
    (names::DEFAULT_PREEMPTION, None),
    (names::NODE_RESOURCES_BALANCED_ALLOCATION, Some(1)),
    (names::IMAGE_LOCALITY, Some(1)),
    (names::DEFAULT_BINDER, None),
];

/// The plugins that run by default.
#[must_use]
pub fn default_plugins(gates: ConfigGates) -> Plugins {
    let plugin = |(name, weight): (&str, Option<i32>)| Plugin {
        name: name.to_owned(),
        weight,
    };
    let mut plugins: Vec<Plugin> = DEFAULT_PLUGINS.into_iter().map(plugin).collect();
    if gates.dynamic_resources
        && let Some(at) = plugins
            .iter()
            .position(|plugin| plugin.name == names::DEFAULT_PREEMPTION)
    {
        plugins.insert(at, plugin((names::DYNAMIC_RESOURCES, Some(2))));
    }
    Plugins::multi_point(plugins)
}

fn non_empty(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

fn leader_election(file: LeaderElectionFile) -> LeaderElectionConfiguration {
    let default = LeaderElectionConfiguration::for_component(LOCK_NAME);
    let positive = |value: GoDuration, default: GoDuration| if value == GoDuration::ZERO { default } else { value };
    LeaderElectionConfiguration {
        leader_elect: file.leader_elect.unwrap_or(true),
        lease_duration: positive(file.lease_duration, default.lease_duration),
        renew_deadline: positive(file.renew_deadline, default.renew_deadline),
        retry_period: positive(file.retry_period, default.retry_period),
        resource_lock: non_empty(file.resource_lock, "leases"),
        resource_name: non_empty(file.resource_name, LOCK_NAME),
        resource_namespace: non_empty(file.resource_namespace, "kube-system"),
    }
}

fn client_connection(file: ClientConnectionFile) -> ClientConnectionConfiguration {
    let default = ClientConnectionConfiguration::default();
    ClientConnectionConfiguration {
        kubeconfig: file.kubeconfig,
        accept_content_types: file.accept_content_types,
        content_type: non_empty(file.content_type, &default.content_type),
        qps: if file.qps == 0.0 { default.qps } else { file.qps },
        burst: if file.burst == 0 { default.burst } else { file.burst },
    }
}

fn complete_resources(resources: &mut Vec<ResourceSpec>) {
    if resources.is_empty() {
        *resources = default_resources();
    }
    for resource in resources.iter_mut().filter(|resource| resource.weight == 0) {
        resource.weight = 1;
    }
}

fn complete_args(args: &mut PluginArgs, gates: ConfigGates) {
    match args {
        PluginArgs::NodeResourcesFit(args) => complete_resources(&mut args.scoring_strategy.resources),
        PluginArgs::NodeResourcesBalancedAllocation(args) => complete_resources(&mut args.resources),
        PluginArgs::VolumeBinding(args)
            if gates.storage_capacity_scoring && args.shape.as_ref().is_none_or(Vec::is_empty) =>
        {
            args.shape = Some(vec![
                UtilizationShapePoint {
                    utilization: 0,
                    score: MAX_CUSTOM_SCORE,
                },
                UtilizationShapePoint {
                    utilization: 100,
                    score: 0,
                },
            ]);
        }
        _ => {}
    }
}

fn profile(index: usize, file: ProfileFile, gates: ConfigGates) -> Result<Profile, DecodeError> {
    let defaults = default_plugins(gates);
    let plugins = match &file.plugins {
        None => defaults,
        Some(custom) => Plugins::merged(&defaults, custom),
    };
    let mut plugin_config = Vec::with_capacity(file.plugin_config.len());
    for (j, config) in file.plugin_config.into_iter().enumerate() {
        let args = match config.args {
            None | Some(serde_json::Value::Null) => {
                PluginArgs::default_for(&config.name).unwrap_or(PluginArgs::Other(serde_json::Value::Null))
            }
            Some(args) => PluginArgs::decode(&config.name, args).map_err(|error| {
                DecodeError::Malformed(format!("decoding .profiles[{index}].pluginConfig[{j}]: {error}"))
            })?,
        };
        plugin_config.push(PluginConfig {
            name: config.name,
            args,
        });
    }
    for name in plugins.names() {
        if plugin_config.iter().all(|config| config.name != name)
            && let Some(args) = PluginArgs::default_for(name)
        {
            plugin_config.push(PluginConfig {
                name: name.to_owned(),
                args,
            });
        }
    }
    for config in &mut plugin_config {
        complete_args(&mut config.args, gates);
    }
    Ok(Profile {
        scheduler_name: file.scheduler_name.unwrap_or_default(),
        percentage_of_nodes_to_score: file.percentage_of_nodes_to_score,
        plugins,
        plugin_config,
    })
}

/// Fills in what a file leaves out.
///
/// # Errors
/// Arguments of a plugin that are malformed.
pub(super) fn complete(file: File, gates: ConfigGates) -> Result<KubeSchedulerConfiguration, DecodeError> {
    let mut profiles = file.profiles;
    if profiles.is_empty() {
        profiles.push(ProfileFile::default());
    }
    if let [only] = profiles.as_mut_slice() {
        only.scheduler_name
            .get_or_insert_with(|| DEFAULT_SCHEDULER_NAME.to_owned());
    }
    let profiles = profiles.into_iter().enumerate();
    let profiles: Result<_, _> = profiles.map(|(i, file)| profile(i, file, gates)).collect();
    let enable_profiling = file.enable_profiling.unwrap_or(true);
    Ok(KubeSchedulerConfiguration {
        parallelism: file.parallelism.unwrap_or(16),
        leader_election: leader_election(file.leader_election.unwrap_or_default()),
        client_connection: client_connection(file.client_connection.unwrap_or_default()),
        enable_profiling,
        enable_contention_profiling: file.enable_contention_profiling.unwrap_or(enable_profiling),
        percentage_of_nodes_to_score: file.percentage_of_nodes_to_score.unwrap_or(0),
        pod_initial_backoff_seconds: file.pod_initial_backoff_seconds.unwrap_or(1),
        pod_max_backoff_seconds: file.pod_max_backoff_seconds.unwrap_or(10),
        profiles: profiles?,
        extenders: file.extenders,
        delay_cache_until_active: file.delay_cache_until_active,
    })
}
