//! Files as users write them: what they come to, and what is said about wrong ones.

use super::*;
use crate::names;

fn parsed(body: &str) -> KubeSchedulerConfiguration {
    let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{body}");
    parse(text.as_bytes(), ConfigGates::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn errors(body: &str) -> Vec<String> {
    validation::validate(&parsed(body), ConfigGates::default())
}

#[test]
fn an_empty_file_is_the_default() {
    let configuration = parsed("");
    assert_eq!(configuration, default_configuration(ConfigGates::default()));
    assert_eq!(
        validation::validate(&configuration, ConfigGates::default()),
        Vec::<String>::new()
    );
    assert_eq!(
        (configuration.parallelism, configuration.pod_max_backoff_seconds),
        (16, 10)
    );
    assert_eq!(configuration.client_connection.qps, 50.0);
    assert!(configuration.leader_election.leader_elect);
    let [profile] = configuration.profiles.as_slice() else {
        panic!("one profile")
    };
    assert_eq!(profile.scheduler_name, DEFAULT_SCHEDULER_NAME);
    let enabled = &profile.plugins.at(ExtensionPoint::MultiPoint).enabled;
    let weights: Vec<_> = enabled
        .iter()
        .filter_map(|plugin| Some((plugin.name.as_str(), plugin.weight?)))
        .collect();
    assert_eq!(
        weights,
        [
            (names::TAINT_TOLERATION, 3),
            (names::NODE_AFFINITY, 2),
            (names::NODE_RESOURCES_FIT, 1),
            (names::POD_TOPOLOGY_SPREAD, 2),
            (names::INTER_POD_AFFINITY, 2),
            (names::DYNAMIC_RESOURCES, 2),
            (names::NODE_RESOURCES_BALANCED_ALLOCATION, 1),
            (names::IMAGE_LOCALITY, 1),
        ]
    );
}

#[test]
fn the_written_configuration_reads_back() {
    let configuration =
        parsed("profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [a.b/c]}}]}]");
    let text = to_document(&configuration).to_string();
    assert_eq!(parse(text.as_bytes(), ConfigGates::default()).unwrap(), configuration);
}

#[test]
fn profiles_lay_over_the_defaults() {
    let configuration = parsed(
        "profiles:
- schedulerName: a
  plugins:
    multiPoint:
      disabled: [{name: ImageLocality}]
      enabled: [{name: NodeAffinity, weight: 7}, {name: Mine}]
    score:
      disabled: [{name: '*'}]
      enabled: [{name: NodeResourcesFit, weight: 5}]
  pluginConfig:
  - name: NodeAffinity
    args:
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions: [{key: k, operator: In, values: [v]}]
- schedulerName: b
",
    );
    let plugins = &configuration.profiles[0].plugins;
    let multi = &plugins.at(ExtensionPoint::MultiPoint).enabled;
    let find = |name: &str| multi.iter().find(|plugin| plugin.name == name);
    assert_eq!(find("NodeAffinity").and_then(|plugin| plugin.weight), Some(7));
    assert_eq!(find("ImageLocality"), None);
    assert_eq!(multi.last().map(|plugin| plugin.name.as_str()), Some("Mine"));
    assert!(plugins.at(ExtensionPoint::Score).disables("TaintToleration"));
    let Some(PluginArgs::NodeAffinity(args)) = configuration.profiles[0].args("NodeAffinity") else {
        panic!("typed arguments")
    };
    let required = args.added_affinity.0.as_ref().unwrap();
    let required = required.required_during_scheduling_ignored_during_execution.as_ref();
    assert_eq!(required.unwrap().node_selector_terms[0].match_expressions[0].key, "k");
}

#[test]
fn malformed_files() {
    for (body, expected) in [
        ("typo: 1", "strict decoding error: unknown field \"typo\""),
        (
            "profiles: [{pluginConfig: [{name: InterPodAffinity, args: {typo: 1}}]}]",
            "decoding .profiles[0].pluginConfig[0]: decoding args for plugin InterPodAffinity: unknown field `typo`",
        ),
        (
            "profiles: [{pluginConfig: [{name: InterPodAffinity, args: {kind: NodeAffinityArgs}}]}]",
            "decoding .profiles[0].pluginConfig[0]: args for plugin InterPodAffinity were not of type \
             InterPodAffinityArgs.kubescheduler.config.k8s.io, got NodeAffinityArgs.kubescheduler.config.k8s.io",
        ),
    ] {
        let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{body}");
        let error = parse(text.as_bytes(), ConfigGates::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{body}: {error}");
    }
    let other = parse(b"apiVersion: v1\nkind: Pod\n", ConfigGates::default()).unwrap_err();
    assert!(
        other.to_string().starts_with("no kind \"Pod\" is registered"),
        "{other}"
    );
}

#[test]
fn wrong_values() {
    for (body, expected) in [
        (
            "parallelism: 0",
            vec!["parallelism: Invalid value: 0: should be an integer value greater than zero"],
        ),
        (
            "percentageOfNodesToScore: 101",
            vec!["percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"],
        ),
        (
            "podInitialBackoffSeconds: 20",
            vec!["podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds"],
        ),
        (
            "profiles: [{schedulerName: a}, {schedulerName: a}, {}]",
            vec![
                "profiles[1].schedulerName: Duplicate value: profiles[0].schedulerName",
                "profiles[2].schedulerName: Required value",
            ],
        ),
        (
            "profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]",
            vec![
                "profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
            ],
        ),
        (
            "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio}}}]}]",
            vec![
                "profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio: Required value: \
                 must be specified when type is RequestedToCapacityRatio",
            ],
        ),
        (
            "profiles: [{pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}}]}]",
            vec![
                "profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute",
                "profiles[0].pluginConfig[0].args.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage",
            ],
        ),
        (
            "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: Never}]}}]}]",
            vec![
                "profiles[0].pluginConfig[0].args.defaultingType: Invalid value: \"System\": when .defaultConstraints are not empty",
                "profiles[0].pluginConfig[0].args.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)",
                "profiles[0].pluginConfig[0].args.defaultConstraints[0].whenUnsatisfiable: Unsupported value: \"Never\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"",
            ],
        ),
        (
            "extenders: [{urlPrefix: 'http://a', prioritizeVerb: p}, {bindVerb: b, managedResources: [{name: cpu}]}, {bindVerb: b}]",
            vec![
                "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it",
                "extenders[1].managedResources[0].name: Invalid value: \"cpu\": is an invalid extended resource name",
                "extenders: Invalid value: \"found 2 extenders implementing bind\": only one extender can implement bind",
            ],
        ),
        (
            "leaderElection: {leaseDuration: 1s}",
            vec!["leaderElection.leaseDuration: Invalid value: \"10s\": must be greater than `RenewDeadline`"],
        ),
    ] {
        assert_eq!(errors(body), expected, "{body}");
    }
}
