//! Profiles put together from configurations.

use client_go::cache::InformerFactory;
use client_go::events::{EventApi, EventBroadcaster};
use client_go::testing::FakeServer;
use component_base::feature_gates::FeatureGates;
use component_base::metrics::MetricsRegistry;
use scheduler_framework::config::{self, ConfigGates};
use scheduler_plugins::context::{InMemory, PluginMetrics};
use scheduler_plugins::default_preemption::Candidate;
use scheduler_plugins::{PluginContext, PreemptionHost};
use tokio_util::sync::CancellationToken;

use super::*;

struct NoHost;

impl PreemptionHost for NoHost {
    fn nominated_pods(&self, _: &str) -> Vec<Arc<PodInfo>> {
        Vec::new()
    }
    fn activate(&self, _: &Arc<PodInfo>) {}
    fn reject_in_memory(&self, _: &str, _: &'static str) -> InMemory {
        InMemory::NotThere
    }
    fn process_preemption(
        &self,
        _: &PodInfo,
        candidates: Vec<Candidate>,
        _: &Snapshot,
    ) -> Result<Vec<Candidate>, Status> {
        Ok(candidates)
    }
}

async fn built(plugins: &str) -> Result<Profile, ProfileError> {
    let text = format!(
        "apiVersion: {}\nkind: {}\nprofiles: [{{schedulerName: s, plugins: {plugins}}}]",
        config::API_VERSION,
        config::KIND
    );
    let configuration = config::parse(text.as_bytes(), ConfigGates::default()).unwrap();
    let server = FakeServer::start().await;
    let registry = MetricsRegistry::default();
    let context = PluginContext {
        client: server.client(),
        informers: InformerFactory::new(server.client(), CancellationToken::new()),
        gates: Arc::new(FeatureGates::default()),
        recorder: EventBroadcaster::new(server.client(), EventApi::Events, "s", "i").recorder(),
        runtime: tokio::runtime::Handle::current(),
        preemption: Arc::new(NoHost),
        metrics: PluginMetrics::new(&registry),
        ignored_resources: Vec::new(),
    };
    build(
        &configuration.profiles[0],
        &in_tree(),
        &context,
        Arc::new(Metrics::new(&registry)),
    )
}

fn scores(profile: &Profile) -> Vec<(&'static str, i64)> {
    profile.score.iter().map(|score| (score.name, score.weight)).collect()
}

#[tokio::test]
async fn the_default_profile() {
    let profile = built("{}").await.unwrap();
    let names = |named: &[&'static str]| named.to_vec();
    let filters: Vec<_> = profile.filter.iter().map(|named| named.name).collect();
    assert_eq!(
        filters,
        names(&[
            "NodeUnschedulable",
            "NodeName",
            "TaintToleration",
            "NodeAffinity",
            "NodePorts",
            "NodeResourcesFit",
            "VolumeRestrictions",
            "NodeVolumeLimits",
            "VolumeBinding",
            "VolumeZone",
            "PodTopologySpread",
            "InterPodAffinity",
        ])
    );
    assert_eq!(
        scores(&profile),
        [
            ("TaintToleration", 3),
            ("NodeAffinity", 2),
            ("NodeResourcesFit", 1),
            ("VolumeBinding", 1),
            ("PodTopologySpread", 2),
            ("InterPodAffinity", 2),
            ("NodeResourcesBalancedAllocation", 1),
            ("ImageLocality", 1),
        ]
    );
    let gates: Vec<_> = profile.pre_enqueue.iter().map(|named| named.name).collect();
    assert_eq!(gates, ["SchedulingGates", "DefaultPreemption"]);
    assert!(profile.hints.iter().any(|(name, _)| *name == "NodeResourcesFit"));
    assert!(!profile.hints.iter().any(|(name, _)| *name == "ImageLocality"));
}

#[tokio::test]
async fn what_is_known_changes_no_score() {
    use k8s_api::Kind as _;
    use k8s_api::core::v1::{Node, Pod};
    use scheduler_framework::PodOptions;
    use serde_json::json;

    let profile = built("{}").await.unwrap();
    let node = |(name, cpu): &(&str, &str)| {
        let mut info = NodeInfo::new(0);
        let node = json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": cpu, "memory": "4Gi"}}});
        info.set_node(Arc::new(Node::from_value(node).unwrap()));
        info
    };
    let mut snapshot = Snapshot::of([("a", "1"), ("b", "2"), ("c", "8")].iter().map(node));
    let pod = |name: &str| {
        let spec = json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]});
        let pod = Pod::from_value(json!({"metadata": {"name": name, "uid": name}, "spec": spec})).unwrap();
        Arc::new(PodInfo::new(Arc::new(pod), PodOptions::default()))
    };
    let mut answers = Answers::default();
    for round in 0..4 {
        let pod = pod(&round.to_string());
        let nodes = Feasible::new(&snapshot, &[2, 0, 1]);
        let scored = |known: Option<&mut Known>, measured: bool| {
            let mut state = CycleState::default();
            state.measure_plugins = measured;
            profile.run_pre_score(&mut state, &pod, &nodes, &snapshot).unwrap();
            let context = ScoreContext {
                state: &state,
                pod: &pod,
                snapshot: &snapshot,
            };
            profile.run_score(context, &nodes, known).unwrap()
        };
        let expected = scored(None, false);
        assert!(expected[0] > expected[2] && expected[2] > expected[1], "{expected:?}");
        for measured in [false, true, false] {
            let known = answers.of(&profile, &pod, &snapshot);
            assert_eq!(scored(known, measured), expected, "round {round}, measured: {measured}");
        }
        let mut fuller = snapshot.at(0).clone();
        fuller.add_pod(pod);
        snapshot.apply(scheduler_framework::snapshot::SnapshotChanges {
            nodes: vec![(0, Some(Arc::new(fuller)))],
            ..Default::default()
        });
    }
}

#[tokio::test]
async fn points_go_before_all_points() {
    let profile = built(
        "{score: {disabled: [{name: '*'}], enabled: [{name: ImageLocality, weight: 7}, {name: NodeResourcesFit}]}}",
    )
    .await
    .unwrap();
    assert_eq!(scores(&profile), [("ImageLocality", 7), ("NodeResourcesFit", 1)]);
    let profile = built("{multiPoint: {disabled: [{name: '*'}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeAffinity, weight: 5}]}}")
        .await
        .unwrap();
    assert_eq!(scores(&profile), [("NodeAffinity", 5)]);
    assert_eq!(profile.filter.len(), 1);
}

#[tokio::test]
async fn profiles_that_cannot_be() {
    for (plugins, expected) in [
        (
            "{filter: {enabled: [{name: Nope}]}}",
            "Filter plugin \"Nope\" does not exist",
        ),
        (
            "{multiPoint: {enabled: [{name: Nope}]}}",
            "MultiPoint plugin \"Nope\" does not exist",
        ),
        (
            "{filter: {enabled: [{name: ImageLocality}]}}",
            "plugin \"ImageLocality\" does not extend Filter plugin",
        ),
        (
            "{filter: {enabled: [{name: NodeName}, {name: NodeName}]}}",
            "plugin \"NodeName\" already registered as \"Filter\"",
        ),
        (
            "{queueSort: {disabled: [{name: '*'}]}}",
            "only one queue sort plugin required for profile with scheduler name \"s\", but got 0",
        ),
        (
            "{bind: {disabled: [{name: DefaultBinder}]}}",
            "at least one bind plugin is needed for profile with scheduler name \"s\"",
        ),
    ] {
        let error = built(plugins).await.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected), "{plugins}");
    }
}
