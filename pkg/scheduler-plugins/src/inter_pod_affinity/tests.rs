//! Conditions and preferences about other pods.

use std::sync::Arc;

use scheduler_framework::events::QueueingHint;
use scheduler_framework::plugin::{Filter as _, PreFilter as _, PreFilterExtensions as _, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status};
use serde_json::{Value, json};

use super::*;
use crate::testing::{deleted, filter_all, node, node_change, pod, pod_change, scores};

/// Namespaces `ns` and `other`, of which `other` has `team=t`.
async fn plugin() -> Arc<InterPodAffinity> {
    let server = client_go::testing::FakeServer::start().await;
    server.with_store(|store| {
        for (name, labels) in [("ns", json!({})), ("other", json!({"team": "t"}))] {
            let namespace = json!({"metadata": {"name": name, "labels": labels}});
            store.create("/api/v1/namespaces", "", namespace).unwrap();
        }
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let informers = client_go::cache::InformerFactory::new(server.client(), stop);
    let namespaces = informers.informer().lister();
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    informers.shutdown().await;
    Arc::new(InterPodAffinity {
        args: InterPodAffinityArgs::default(),
        namespaces,
    })
}

fn term(app: &str, key: &str, more: Value) -> Value {
    let mut term = json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key});
    for (name, value) in more.as_object().into_iter().flatten() {
        term[name] = value.clone();
    }
    term
}

fn near(kind: &str, terms: Value) -> Value {
    json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}})
}

fn preferring(kind: &str, weight: i32, term: Value) -> Value {
    json!({kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": weight, "podAffinityTerm": term}]}})
}

fn with(uid: &str, namespace: &str, app: &str, affinity: Value) -> PodInfo {
    pod(
        json!({"metadata": {"name": uid, "namespace": namespace, "labels": {"app": app}},
               "spec": {"nodeName": "n", "affinity": affinity}}),
    )
}

/// Two zones of two nodes each, with pods on some.
fn cluster(pods: Vec<(usize, PodInfo)>) -> Vec<NodeInfo> {
    let mut nodes: Vec<NodeInfo> = [("a", "1"), ("b", "1"), ("x", "2"), ("y", "2")]
        .map(|(name, zone)| node(json!({"metadata": {"name": name, "labels": {"host": name, "zone": zone}}})))
        .into();
    for (at, pod) in pods {
        nodes[at].add_pod(Arc::new(pod));
    }
    nodes
}

fn outcome(plugin: &Arc<InterPodAffinity>, pod: &PodInfo, nodes: &[NodeInfo]) -> String {
    match filter_all(plugin.clone(), pod, nodes) {
        Ok(statuses) => statuses
            .iter()
            .map(|status| match (status.code(), status.message().as_str()) {
                (Code::Success, _) => '+',
                (Code::UnschedulableAndUnresolvable, REASON_AFFINITY) => '!',
                (Code::Unschedulable, REASON_ANTI_AFFINITY) => '-',
                (Code::Unschedulable, REASON_EXISTING) => '=',
                _ => '?',
            })
            .collect(),
        Err(PreFiltered::Skip) => "skip".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn conditions() {
    let plugin = plugin().await;
    let plain = |uid: &str, namespace: &str, app: &str| with(uid, namespace, app, json!({}));
    let affinity = |terms: Value| with("new", "ns", "web", near("podAffinity", terms));
    let anti = |terms: Value| with("new", "ns", "web", near("podAntiAffinity", terms));
    let db = || cluster(vec![(0, plain("db", "ns", "db"))]);
    let elsewhere = || cluster(vec![(0, plain("db", "other", "db"))]);
    let hates_web = |namespace: &str, more: Value| {
        let terms = json!([term("web", "zone", more)]);
        cluster(vec![(2, with("hater", namespace, "x", near("podAntiAffinity", terms)))])
    };
    for (name, pod, nodes, expected) in [
        ("nothing", plain("new", "ns", "web"), db(), "skip"),
        (
            "near in the zone",
            affinity(json!([term("db", "zone", json!({}))])),
            db(),
            "++!!",
        ),
        (
            "near on the host",
            affinity(json!([term("db", "host", json!({}))])),
            db(),
            "+!!!",
        ),
        (
            "no such label",
            affinity(json!([term("db", "rack", json!({}))])),
            db(),
            "!!!!",
        ),
        (
            "other namespace",
            affinity(json!([term("db", "zone", json!({}))])),
            elsewhere(),
            "!!!!",
        ),
        (
            "named namespace",
            affinity(json!([term("db", "zone", json!({"namespaces": ["other"]}))])),
            elsewhere(),
            "++!!",
        ),
        (
            "selected namespace",
            affinity(json!([term(
                "db",
                "zone",
                json!({"namespaceSelector": {"matchLabels": {"team": "t"}}})
            )])),
            elsewhere(),
            "++!!",
        ),
        (
            "all namespaces",
            affinity(json!([term("db", "zone", json!({"namespaceSelector": {}}))])),
            elsewhere(),
            "++!!",
        ),
        (
            "other selected namespaces",
            affinity(json!([term(
                "db",
                "zone",
                json!({"namespaceSelector": {"matchLabels": {"team": "u"}}})
            )])),
            elsewhere(),
            "!!!!",
        ),
        (
            "the first of its kind",
            affinity(json!([term("web", "zone", json!({}))])),
            db(),
            "++++",
        ),
        (
            "both terms must be met by one pod",
            affinity(json!([term("db", "zone", json!({})), term("web", "zone", json!({}))])),
            cluster(vec![(0, plain("db", "ns", "db")), (1, plain("web", "ns", "web"))]),
            "!!!!",
        ),
        ("not near", anti(json!([term("db", "zone", json!({}))])), db(), "--++"),
        (
            "not on the host",
            anti(json!([term("db", "host", json!({}))])),
            db(),
            "-+++",
        ),
        (
            "one of two terms",
            anti(json!([term("db", "host", json!({})), term("web", "zone", json!({}))])),
            db(),
            "-+++",
        ),
        (
            "others object",
            plain("new", "ns", "web"),
            hates_web("ns", json!({})),
            "++==",
        ),
        (
            "others object to another",
            plain("new", "ns", "other"),
            hates_web("ns", json!({})),
            "skip",
        ),
        (
            "others object in their namespace",
            plain("new", "ns", "web"),
            hates_web("other", json!({})),
            "skip",
        ),
        (
            "others object by selected namespaces",
            plain("new", "other", "web"),
            hates_web("ns", json!({"namespaceSelector": {"matchLabels": {"team": "t"}}})),
            "++==",
        ),
    ] {
        assert_eq!(outcome(&plugin, &pod, &nodes), expected, "{name}");
    }
    let malformed = affinity(json!([{"topologyKey": "zone", "labelSelector": {"matchExpressions": [
        {"key": "k", "operator": "Oops"}]}}]));
    let Err(PreFiltered::Failed(status)) = filter_all(plugin, &malformed, &db()) else {
        panic!("a malformed term")
    };
    assert_eq!(
        status,
        Status::unresolvable("parsing pod: requiredAffinityTerms: \"Oops\" is not a valid label selector operator")
    );
}

#[tokio::test]
async fn pods_that_come_and_go_are_followed() {
    let plugin = plugin().await;
    let hater = with(
        "hater",
        "ns",
        "x",
        near("podAntiAffinity", json!([term("web", "zone", json!({}))])),
    );
    let db = with("db", "ns", "db", json!({}));
    let snapshot = Snapshot::of(cluster(vec![(0, hater), (2, db)]));
    let both = json!({
        "podAffinity": near("podAffinity", json!([term("db", "zone", json!({}))]))["podAffinity"],
        "podAntiAffinity": near("podAntiAffinity", json!([term("x", "host", json!({}))]))["podAntiAffinity"],
    });
    let new = with("new", "ns", "web", both);
    let mut state = CycleState::default();
    assert!(matches!(
        plugin.pre_filter(&mut state, &new, &snapshot),
        PreFiltered::AllNodes
    ));
    let message = |state: &CycleState, at: usize| plugin.filter(state, &new, snapshot.at(at)).message();
    assert_eq!(message(&state, 0), REASON_AFFINITY);
    assert_eq!(message(&state, 3), "");
    let (hater, db) = (snapshot.at(0).pods[0].clone(), snapshot.at(2).pods[0].clone());
    assert!(plugin.add_pod(&mut state, &new, &db, snapshot.at(1)).is_success());
    assert_eq!(message(&state, 0), REASON_ANTI_AFFINITY);
    assert_eq!(message(&state, 1), REASON_EXISTING);
    assert!(plugin.remove_pod(&mut state, &new, &hater, snapshot.at(0)).is_success());
    assert_eq!(message(&state, 0), "");
    assert!(plugin.remove_pod(&mut state, &new, &db, snapshot.at(2)).is_success());
    assert_eq!(message(&state, 3), REASON_AFFINITY);
}

#[tokio::test]
async fn preferences() {
    let plugin = plugin().await;
    let plain = |uid: &str, app: &str| with(uid, "ns", app, json!({}));
    let new = |affinity: Value| with("new", "ns", "web", affinity);
    let zone = |app: &str| term(app, "zone", json!({}));
    for (name, pod, pods, expected) in [
        ("nothing", new(json!({})), vec![(0, plain("db", "db"))], vec![]),
        (
            "likes",
            new(preferring("podAffinity", 5, zone("db"))),
            vec![(0, plain("db", "db"))],
            vec![100, 100, 0, 0],
        ),
        (
            "dislikes",
            new(preferring("podAntiAffinity", 5, zone("db"))),
            vec![(0, plain("db", "db"))],
            vec![0, 0, 100, 100],
        ),
        (
            "more is better",
            new(preferring("podAffinity", 5, term("db", "host", json!({})))),
            vec![(0, plain("1", "db")), (0, plain("2", "db")), (3, plain("3", "db"))],
            vec![100, 0, 0, 50],
        ),
        (
            "is liked",
            new(json!({})),
            vec![(2, with("fan", "ns", "x", preferring("podAffinity", 5, zone("web"))))],
            vec![0, 0, 100, 100],
        ),
        (
            "is disliked",
            new(json!({})),
            vec![(2, with("foe", "ns", "x", preferring("podAntiAffinity", 5, zone("web"))))],
            vec![100, 100, 0, 0],
        ),
        (
            "is required",
            new(json!({})),
            vec![(
                1,
                with(
                    "needs",
                    "ns",
                    "x",
                    near("podAffinity", json!([term("web", "host", json!({}))])),
                ),
            )],
            vec![0, 100, 0, 0],
        ),
    ] {
        assert_eq!(scores(plugin.clone(), &pod, &cluster(pods)), expected, "{name}");
    }
}

#[test]
fn hints_after_pods() {
    let likes = with(
        "target",
        "ns",
        "web",
        near("podAffinity", json!([term("db", "zone", json!({}))])),
    );
    let hates = with(
        "target",
        "ns",
        "web",
        near("podAntiAffinity", json!([term("db", "zone", json!({}))])),
    );
    let other = |app: &str| with("other", "ns", app, json!({}));
    let foe = with(
        "foe",
        "ns",
        "x",
        near("podAntiAffinity", json!([term("web", "zone", json!({}))])),
    );
    let homeless = pod(json!({"metadata": {"name": "o", "namespace": "ns", "labels": {"app": "db"}}}));
    for (name, pod, objects, expected) in [
        (
            "an affine pod came",
            &likes,
            pod_change(None, Some(other("db"))),
            QueueingHint::Queue,
        ),
        (
            "another came",
            &likes,
            pod_change(None, Some(other("x"))),
            QueueingHint::Skip,
        ),
        (
            "it has no node",
            &likes,
            pod_change(None, Some(homeless)),
            QueueingHint::Skip,
        ),
        (
            "became affine",
            &likes,
            pod_change(Some(other("x")), Some(other("db"))),
            QueueingHint::Queue,
        ),
        ("a hated pod went", &hates, deleted(other("db")), QueueingHint::Queue),
        ("another went", &hates, deleted(other("x")), QueueingHint::Skip),
        (
            "was hated",
            &hates,
            pod_change(Some(other("db")), Some(other("x"))),
            QueueingHint::Queue,
        ),
        ("one that hated it went", &likes, deleted(foe), QueueingHint::Queue),
    ] {
        assert_eq!(hints::after_pod(pod, &objects), expected, "{name}");
    }
}

#[test]
fn hints_after_nodes() {
    let likes = with(
        "target",
        "ns",
        "web",
        near("podAffinity", json!([term("db", "zone", json!({}))])),
    );
    let hates = with(
        "target",
        "ns",
        "web",
        near("podAntiAffinity", json!([term("db", "zone", json!({}))])),
    );
    let zone = |zone: Option<&str>| match zone {
        Some(zone) => json!({"metadata": {"labels": {"zone": zone}}}),
        None => json!({}),
    };
    for (name, pod, old, new, expected) in [
        ("came", &likes, None, zone(Some("1")), QueueingHint::Queue),
        ("came without", &likes, None, zone(None), QueueingHint::Skip),
        ("came, hates", &hates, None, zone(None), QueueingHint::Queue),
        (
            "got the label",
            &likes,
            Some(zone(None)),
            zone(Some("1")),
            QueueingHint::Queue,
        ),
        (
            "lost the label",
            &hates,
            Some(zone(Some("1"))),
            zone(None),
            QueueingHint::Queue,
        ),
        (
            "lost the label, likes",
            &likes,
            Some(zone(Some("1"))),
            zone(None),
            QueueingHint::Skip,
        ),
        (
            "moved",
            &hates,
            Some(zone(Some("1"))),
            zone(Some("2")),
            QueueingHint::Queue,
        ),
    ] {
        let objects = node_change(old.as_ref(), Some(&new));
        assert_eq!(hints::after_node(pod, &objects), expected, "{name}");
    }
}
