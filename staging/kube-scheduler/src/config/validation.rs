//! What is wrong with a configuration, all of it.

use std::collections::{BTreeSet, HashMap};

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apimachinery::names;

use super::args::{
    DefaultPreemptionArgs, LEAST_ALLOCATED, LIST_DEFAULTING, MAX_CUSTOM_SCORE, MOST_ALLOCATED,
    NodeResourcesBalancedAllocationArgs, NodeResourcesFitArgs, PluginArgs, PodTopologySpreadArgs,
    REQUESTED_TO_CAPACITY_RATIO, SYSTEM_DEFAULTING, UtilizationShapePoint, VolumeBindingArgs,
};
use super::{API_VERSION, ConfigGates, Extender, ExtensionPoint, KubeSchedulerConfiguration, Profile};
use crate::node_selector::{NodeSelector, PreferredTerms};
use crate::resource;

/// Plugins that earlier versions had.
const GONE: [&str; 4] = ["AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"];

/// Everything that is wrong with a configuration.
#[must_use]
pub fn validate(configuration: &KubeSchedulerConfiguration, gates: ConfigGates) -> Vec<String> {
    let mut errors = ErrorList::new();
    if configuration.client_connection.burst < 0 {
        errors.push(Error::invalid(
            &Path::new("clientConnection.burst"),
            configuration.client_connection.burst,
            "must be non-negative",
        ));
    }
    if configuration.parallelism <= 0 {
        errors.push(Error::invalid(
            &Path::new("parallelism"),
            configuration.parallelism,
            "should be an integer value greater than zero",
        ));
    }
    profiles(&configuration.profiles, gates, &mut errors);
    let share = Some(configuration.percentage_of_nodes_to_score);
    percentage(&Path::new("percentageOfNodesToScore"), share, &mut errors);
    let (initial, max) = (
        configuration.pod_initial_backoff_seconds,
        configuration.pod_max_backoff_seconds,
    );
    if initial <= 0 {
        let path = Path::new("podInitialBackoffSeconds");
        errors.push(Error::invalid(&path, initial, "must be greater than 0"));
    }
    if max < initial {
        errors.push(Error::invalid(
            &Path::new("podMaxBackoffSeconds"),
            max,
            "must be greater than or equal to PodInitialBackoffSeconds",
        ));
    }
    extenders(&configuration.extenders, &mut errors);
    let election = configuration.leader_election.validate().err().unwrap_or_default();
    let election = election.iter().map(|error| format!("leaderElection.{error}"));
    election.chain(errors.iter().map(ToString::to_string)).collect()
}

fn percentage(path: &Path<'_>, value: Option<i32>, errors: &mut ErrorList) {
    if let Some(value) = value.filter(|value| !(0..=100).contains(value)) {
        errors.push(Error::invalid(path, value, "not in valid range [0-100]"));
    }
}

fn profiles(profiles: &[Profile], gates: ConfigGates, errors: &mut ErrorList) {
    let root = Path::new("profiles");
    if profiles.is_empty() {
        errors.push(Error::required(&root, ""));
        return;
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (i, profile) in profiles.iter().enumerate() {
        let path = root.index(i);
        if profile.scheduler_name.is_empty() {
            errors.push(Error::required(&path.child("schedulerName"), ""));
        }
        let share = profile.percentage_of_nodes_to_score;
        percentage(&path.child("percentageOfNodesToScore"), share, errors);
        plugins(profile, &path, gates, errors);
        if let Some(first) = seen.insert(&profile.scheduler_name, i) {
            let first = root.index(first);
            let first = first.child("schedulerName").to_string();
            errors.push(Error::duplicate(&path.child("schedulerName"), BadValue::plain(first)));
        }
    }
    common_queue_sort(profiles, errors);
}

fn common_queue_sort(profiles: &[Profile], errors: &mut ErrorList) {
    let root = Path::new("profiles");
    let first = profiles[0].plugins.at(ExtensionPoint::QueueSort);
    if first.enabled.len() > 1 {
        let path = root.index(0);
        errors.push(Error::invalid(
            &path.child("plugins.queueSort.Enabled"),
            i64::try_from(first.enabled.len()).unwrap_or(i64::MAX),
            "only one queue sort plugin can be enabled",
        ));
    }
    for (i, profile) in profiles.iter().enumerate().skip(1) {
        let own = profile.plugins.at(ExtensionPoint::QueueSort);
        if own != first {
            let path = root.index(i);
            let value = BadValue::json(own);
            let path = path.child("plugins.queueSort");
            errors.push(Error::invalid(&path, value, "must be the same for all profiles"));
        }
    }
}

fn plugins(profile: &Profile, path: &Path<'_>, gates: ConfigGates, errors: &mut ErrorList) {
    let gone = |name: &str| GONE.contains(&name);
    let words =
        format!(r#"was invalid in version "{API_VERSION}" (KubeSchedulerConfiguration is version "{API_VERSION}")"#);
    let plugins = path.child("plugins");
    for point in ExtensionPoint::SINGLE {
        let at = plugins.child(point.field());
        let enabled = at.child("enabled");
        for (i, plugin) in profile.plugins.at(point).enabled.iter().enumerate() {
            if gone(&plugin.name) {
                errors.push(Error::invalid(&enabled.index(i), &plugin.name, words.clone()));
            }
        }
    }
    let mut seen = BTreeSet::new();
    let configs = path.child("pluginConfig");
    for (i, config) in profile.plugin_config.iter().enumerate() {
        let path = configs.index(i);
        if !seen.insert(&config.name) {
            errors.push(Error::duplicate(&path, &config.name));
        }
        if gone(&config.name) {
            errors.push(Error::invalid(&path, &config.name, words.clone()));
        } else {
            args(&config.args, &path.child("args"), gates, errors);
        }
    }
}

/// Everything that is wrong with a plugin's arguments.
pub fn args(args: &PluginArgs, path: &Path<'_>, gates: ConfigGates, errors: &mut ErrorList) {
    match args {
        PluginArgs::DefaultPreemption(args) => default_preemption(args, path, errors),
        PluginArgs::InterPodAffinity(args) => {
            if !(0..=100).contains(&args.hard_pod_affinity_weight) {
                let path = path.child("hardPodAffinityWeight");
                let weight = args.hard_pod_affinity_weight;
                errors.push(Error::invalid(&path, weight, "not in valid range [0, 100]"));
            }
        }
        PluginArgs::NodeAffinity(args) => {
            let Some(added) = args.added_affinity.0.as_deref() else {
                return;
            };
            let path = path.child("addedAffinity");
            if let Some(required) = added.required_during_scheduling_ignored_during_execution.as_deref() {
                let path = path.child("requiredDuringSchedulingIgnoredDuringExecution");
                errors.append(NodeSelector::lenient(required, &path).1);
            }
            let preferred = &added.preferred_during_scheduling_ignored_during_execution;
            let path = path.child("preferredDuringSchedulingIgnoredDuringExecution");
            if let Err(found) = PreferredTerms::new(preferred, &path) {
                errors.append(found);
            }
        }
        PluginArgs::NodeResourcesFit(args) => node_resources_fit(args, path, errors),
        PluginArgs::NodeResourcesBalancedAllocation(args) => balanced_allocation(args, path, errors),
        PluginArgs::PodTopologySpread(args) => topology_spread(args, path, errors),
        PluginArgs::VolumeBinding(args) => volume_binding(args, path, gates, errors),
        PluginArgs::DynamicResources(_) | PluginArgs::Other(_) => {}
    }
}

fn default_preemption(args: &DefaultPreemptionArgs, path: &Path<'_>, errors: &mut ErrorList) {
    let (share, least) = (args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute);
    let share_path = path.child("minCandidateNodesPercentage");
    let least_path = path.child("minCandidateNodesAbsolute");
    if !(0..=100).contains(&share) {
        errors.push(Error::invalid(&share_path, share, "not in valid range [0, 100]"));
    }
    if least < 0 {
        errors.push(Error::invalid(&least_path, least, "not in valid range [0, inf)"));
    }
    if share == 0 && least == 0 {
        errors.push(Error::invalid(
            &share_path,
            share,
            "cannot be zero at the same time as minCandidateNodesAbsolute",
        ));
        errors.push(Error::invalid(
            &least_path,
            least,
            "cannot be zero at the same time as minCandidateNodesPercentage",
        ));
    }
}

fn label_name(path: &Path<'_>, name: &str, errors: &mut ErrorList) {
    for message in names::qualified_name(name) {
        errors.push(Error::invalid(path, name, message));
    }
}

fn shape(shape: &[UtilizationShapePoint], path: &Path<'_>, errors: &mut ErrorList) {
    if shape.is_empty() {
        errors.push(Error::required(path, "at least one point must be specified"));
        return;
    }
    let unsorted = shape
        .windows(2)
        .position(|pair| pair[0].utilization >= pair[1].utilization);
    if let Some(i) = unsorted {
        let path = path.index(i + 1);
        let value = shape[i + 1].utilization;
        let path = path.child("utilization");
        errors.push(Error::invalid(
            &path,
            value,
            "values must be sorted in increasing order",
        ));
    }
    for (i, point) in shape.iter().enumerate() {
        let path = path.index(i);
        if !(0..=100).contains(&point.utilization) {
            let path = path.child("utilization");
            errors.push(Error::invalid(&path, point.utilization, "not in valid range [0, 100]"));
        }
        if !(0..=MAX_CUSTOM_SCORE).contains(&point.score) {
            errors.push(Error::invalid(
                &path.child("score"),
                point.score,
                format!("not in valid range [0, {MAX_CUSTOM_SCORE}]"),
            ));
        }
    }
}

fn node_resources_fit(args: &NodeResourcesFitArgs, path: &Path<'_>, errors: &mut ErrorList) {
    let ignored = path.child("ignoredResources");
    for (i, name) in args.ignored_resources.iter().enumerate() {
        label_name(&ignored.index(i), name, errors);
    }
    let groups = path.child("ignoredResourceGroups");
    for (i, group) in args.ignored_resource_groups.iter().enumerate() {
        let path = groups.index(i);
        if group.contains('/') {
            errors.push(Error::invalid(&path, group, "resource group name can't contain '/'"));
        }
        label_name(&path, group, errors);
    }
    let strategy = &args.scoring_strategy;
    let path = path.child("scoringStrategy");
    let kinds = [LEAST_ALLOCATED, MOST_ALLOCATED, REQUESTED_TO_CAPACITY_RATIO];
    if !kinds.contains(&strategy.kind.as_str()) {
        errors.push(Error::not_supported(&path.child("type"), &strategy.kind, &kinds));
    }
    let resources = path.child("resources");
    for (i, resource) in strategy.resources.iter().enumerate() {
        if !(1..=100).contains(&resource.weight) {
            let path = resources.index(i);
            let words = format!("resource weight of {} not in valid range (0, 100]", resource.name);
            errors.push(Error::invalid(&path.child("weight"), resource.weight, words));
        }
    }
    let ratio_path = path.child("requestedToCapacityRatio");
    match (
        &strategy.requested_to_capacity_ratio,
        strategy.kind == REQUESTED_TO_CAPACITY_RATIO,
    ) {
        (None, true) => errors.push(Error::required(
            &ratio_path,
            "must be specified when type is RequestedToCapacityRatio",
        )),
        (Some(ratio), true) => shape(&ratio.shape, &ratio_path.child("shape"), errors),
        (Some(_), false) => errors.push(Error::forbidden(
            &ratio_path,
            "must be nil when type is not RequestedToCapacityRatio",
        )),
        (None, false) => {}
    }
}

fn balanced_allocation(args: &NodeResourcesBalancedAllocationArgs, path: &Path<'_>, errors: &mut ErrorList) {
    let mut seen = BTreeSet::new();
    let resources = path.child("resources");
    for (i, resource) in args.resources.iter().enumerate() {
        let path = resources.index(i);
        if !seen.insert(&resource.name) {
            errors.push(Error::duplicate(&path.child("name"), &resource.name));
        }
        if resource.weight != 1 {
            errors.push(Error::invalid(&path.child("weight"), resource.weight, "must be 1"));
        }
    }
}

fn topology_spread(args: &PodTopologySpreadArgs, path: &Path<'_>, errors: &mut ErrorList) {
    let constraints = &args.default_constraints.0;
    let kind = &args.defaulting_type;
    let kind_path = path.child("defaultingType");
    if kind != SYSTEM_DEFAULTING && kind != LIST_DEFAULTING {
        let kinds = [SYSTEM_DEFAULTING, LIST_DEFAULTING];
        errors.push(Error::not_supported(&kind_path, kind, &kinds));
    } else if kind == SYSTEM_DEFAULTING && !constraints.is_empty() {
        errors.push(Error::invalid(
            &kind_path,
            kind,
            "when .defaultConstraints are not empty",
        ));
    }
    let list = path.child("defaultConstraints");
    for (i, constraint) in constraints.iter().enumerate() {
        let path = list.index(i);
        if constraint.max_skew <= 0 {
            let path = path.child("maxSkew");
            errors.push(Error::invalid(
                &path,
                constraint.max_skew,
                "not in valid range (0, inf)",
            ));
        }
        let key_path = path.child("topologyKey");
        if constraint.topology_key.is_empty() {
            errors.push(Error::required(&key_path, "can not be empty"));
        } else {
            label_name(&key_path, &constraint.topology_key, errors);
        }
        let action = constraint.when_unsatisfiable.as_str();
        let action_path = path.child("whenUnsatisfiable");
        let actions = ["DoNotSchedule", "ScheduleAnyway"];
        if action.is_empty() {
            errors.push(Error::required(&action_path, "can not be empty"));
        } else if !actions.contains(&action) {
            errors.push(Error::not_supported(&action_path, action, &actions));
        }
        if constraint.label_selector.is_some() {
            errors.push(Error::forbidden(
                &path.child("labelSelector"),
                "constraint must not define a selector, as they deduced for each pod",
            ));
        }
        let repeated = constraints[..i].iter().any(|other| {
            other.topology_key == constraint.topology_key && other.when_unsatisfiable == constraint.when_unsatisfiable
        });
        if repeated {
            let value = format!("{{{}, {action}}}", constraint.topology_key);
            errors.push(Error::duplicate(&path, value.as_str()));
        }
    }
}

fn volume_binding(args: &VolumeBindingArgs, path: &Path<'_>, gates: ConfigGates, errors: &mut ErrorList) {
    if args.bind_timeout_seconds < 0 {
        errors.push(Error::invalid(
            &path.child("bindTimeoutSeconds"),
            args.bind_timeout_seconds,
            "invalid BindTimeoutSeconds, should not be a negative value",
        ));
    }
    let shape_path = path.child("shape");
    match (&args.shape, gates.storage_capacity_scoring) {
        (points, true) => shape(points.as_deref().unwrap_or_default(), &shape_path, errors),
        (Some(points), false) => errors.push(Error::invalid(
            &shape_path,
            BadValue::json(points),
            "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring",
        )),
        (None, false) => {}
    }
}

fn extenders(extenders: &[Extender], errors: &mut ErrorList) {
    let root = Path::new("extenders");
    let mut managed = BTreeSet::new();
    for (i, extender) in extenders.iter().enumerate() {
        let path = root.index(i);
        if !extender.prioritize_verb.is_empty() && extender.weight <= 0 {
            let path = path.child("weight");
            errors.push(Error::invalid(
                &path,
                extender.weight,
                "must have a positive weight applied to it",
            ));
        }
        let resources = path.child("managedResources");
        for (j, resource) in extender.managed_resources.iter().enumerate() {
            let path = resources.index(j);
            let path = path.child("name");
            let messages = names::qualified_name(&resource.name);
            if messages.is_empty() && !resource::is_extended(&resource.name) {
                errors.push(Error::invalid(
                    &path,
                    &resource.name,
                    "is an invalid extended resource name",
                ));
            }
            for message in messages {
                errors.push(Error::invalid(&path, &resource.name, message));
            }
            if !managed.insert(&resource.name) {
                errors.push(Error::invalid(
                    &path,
                    &resource.name,
                    "duplicate extender managed resource name",
                ));
            }
        }
    }
    let binders = extenders
        .iter()
        .filter(|extender| !extender.bind_verb.is_empty())
        .count();
    if binders > 1 {
        errors.push(Error::invalid(
            &root,
            format!("found {binders} extenders implementing bind").as_str(),
            "only one extender can implement bind",
        ));
    }
}
