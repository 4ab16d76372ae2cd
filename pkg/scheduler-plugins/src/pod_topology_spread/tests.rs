//! Constraints as conditions and as preferences, on clusters given as `zone/name: pods`.

use std::sync::Arc;

use scheduler_framework::events::QueueingHint;
use scheduler_framework::plugin::{Filter as _, PreFilter as _, PreFilterExtensions as _, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status};
use serde_json::{Value, json};

use super::*;
use crate::testing::{deleted, filter_all, node, node_change, pod, pod_change, scores};

fn plugin() -> Arc<PodTopologySpread> {
    Arc::new(PodTopologySpread {
        defaults: Vec::new(),
        system_defaults: true,
        owners: None,
        match_label_keys: true,
        comparison: false,
    })
}

fn labelled(uid: &str, app: &str) -> PodInfo {
    pod(json!({"metadata": {"name": uid, "namespace": "ns", "labels": {"app": app}}, "spec": {"nodeName": "n"}}))
}

/// Nodes by zone (empty for none), name and number of pods of `app=a`.
fn cluster(nodes: &[(&str, &str, usize)]) -> Vec<NodeInfo> {
    let make = |(zone, name, pods): &(&str, &str, usize)| {
        let mut labels = json!({"node": name, HOSTNAME: name});
        if !zone.is_empty() {
            labels["zone"] = (*zone).into();
        }
        let mut info = node(json!({"metadata": {"name": name, "labels": labels}}));
        for i in 0..*pods {
            info.add_pod(Arc::new(labelled(&format!("{name}-{i}"), "a")));
        }
        info.add_pod(Arc::new(labelled(&format!("{name}-other"), "b")));
        info
    };
    nodes.iter().map(make).collect()
}

fn constraint(key: &str, skew: i32, action: &str) -> Value {
    json!({"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": action,
           "labelSelector": {"matchLabels": {"app": "a"}}})
}

fn spread(constraints: Value, more: Value) -> PodInfo {
    let mut value = json!({"metadata": {"name": "new", "namespace": "ns", "labels": {"app": "a"}}, "spec": more});
    value["spec"]["topologySpreadConstraints"] = constraints;
    pod(value)
}

fn outcome(pod: &PodInfo, nodes: &[NodeInfo]) -> String {
    let statuses = filter_all(plugin(), pod, nodes).expect("there are constraints");
    let letter = |status: &Status| match status.code() {
        Code::Success => '+',
        Code::Unschedulable => '-',
        Code::UnschedulableAndUnresolvable => '!',
        _ => '?',
    };
    statuses.iter().map(letter).collect()
}

#[test]
fn conditions() {
    let zones = cluster(&[("1", "a", 2), ("1", "b", 1), ("2", "x", 0), ("2", "y", 1), ("", "z", 0)]);
    let hard = |key: &str, skew| constraint(key, skew, "DoNotSchedule");
    let mut far = hard("zone", 1);
    far["minDomains"] = 3.into();
    let mut honoring = hard("zone", 1);
    honoring["nodeAffinityPolicy"] = "Honor".into();
    let mut ignoring = hard("zone", 1);
    ignoring["nodeAffinityPolicy"] = "Ignore".into();
    let only_zone_1 = json!({"nodeSelector": {"zone": "1"}});
    let mut everything = hard("zone", 1);
    everything["labelSelector"] = json!({});
    for (name, constraints, more, expected) in [
        // Zone 1 has 3, zone 2 has 1; the node without zone is in neither.
        ("zones", json!([hard("zone", 1)]), json!({}), "--++!"),
        ("zones, skew 3", json!([hard("zone", 3)]), json!({}), "++++!"),
        ("nodes", json!([hard("node", 1)]), json!({}), "--+-+"),
        // Without z, which has no zone.
        ("both", json!([hard("zone", 1), hard("node", 1)]), json!({}), "--+-!"),
        ("too few zones make the least 0", json!([far]), json!({}), "----!"),
        // Zone 2 does not count, so that nothing is said against it; NodeAffinity has its own word.
        (
            "only zones the pod may be in",
            json!([honoring]),
            only_zone_1.clone(),
            "++++!",
        ),
        ("all zones", json!([ignoring]), only_zone_1, "--++!"),
        (
            "an empty selector counts nothing",
            json!([everything]),
            json!({}),
            "++++!",
        ),
    ] {
        assert_eq!(outcome(&spread(constraints, more), &zones), expected, "{name}");
    }
    let soft = spread(json!([constraint("zone", 1, "ScheduleAnyway")]), json!({}));
    assert!(matches!(filter_all(plugin(), &soft, &zones), Err(PreFiltered::Skip)));
}

#[test]
fn taints_can_be_honored() {
    let mut nodes = cluster(&[("1", "a", 1), ("2", "b", 0)]);
    nodes[1] = node(json!({"metadata": {"name": "b", "labels": {"zone": "2"}},
                           "spec": {"taints": [{"key": "t", "effect": "NoSchedule"}]}}));
    let mut honoring = constraint("zone", 1, "DoNotSchedule");
    assert_eq!(outcome(&spread(json!([honoring.clone()]), json!({})), &nodes), "-+");
    honoring["nodeTaintsPolicy"] = "Honor".into();
    assert_eq!(outcome(&spread(json!([honoring]), json!({})), &nodes), "++");
}

#[test]
fn match_label_keys_narrow_the_selector() {
    let mut nodes = cluster(&[("1", "a", 1), ("2", "b", 0)]);
    let revised = |uid: &str, revision: &str| {
        pod(json!({"metadata": {"name": uid, "namespace": "ns", "labels": {"app": "a", "rev": revision}}}))
    };
    nodes[1].add_pod(Arc::new(revised("r", "2")));
    let mut constraint = constraint("zone", 1, "DoNotSchedule");
    constraint["matchLabelKeys"] = json!(["rev", "absent"]);
    let mut new = json!({"metadata": {"name": "new", "namespace": "ns", "labels": {"app": "a", "rev": "2"}}});
    new["spec"]["topologySpreadConstraints"] = json!([constraint]);
    assert_eq!(outcome(&pod(new), &nodes), "+-");
}

#[test]
fn pods_that_come_and_go_are_followed() {
    let nodes = cluster(&[("1", "a", 2), ("2", "b", 1)]);
    let snapshot = Snapshot::of(nodes);
    let pod = spread(json!([constraint("zone", 1, "DoNotSchedule")]), json!({}));
    let (plugin, mut state) = (plugin(), CycleState::default());
    assert!(matches!(
        plugin.pre_filter(&mut state, &pod, &snapshot),
        PreFiltered::AllNodes
    ));
    let fits = |state: &CycleState| {
        let status = |i| plugin.filter(state, &pod, snapshot.at(i)).is_success();
        (status(0), status(1))
    };
    assert_eq!(fits(&state), (false, true));
    let mut tried = state.clone();
    let victim = labelled("a-0", "a");
    assert!(
        plugin
            .remove_pod(&mut tried, &pod, &victim, snapshot.at(0))
            .is_success()
    );
    assert_eq!(fits(&tried), (true, true));
    assert!(
        plugin
            .remove_pod(&mut tried, &pod, &victim, snapshot.at(0))
            .is_success()
    );
    assert!(
        plugin
            .remove_pod(&mut tried, &pod, &labelled("x", "b"), snapshot.at(1))
            .is_success()
    );
    assert_eq!(fits(&tried), (true, false));
    assert!(plugin.add_pod(&mut tried, &pod, &victim, snapshot.at(0)).is_success());
    assert_eq!(fits(&tried), (true, true));
    assert_eq!(fits(&state), (false, true));
}

#[test]
fn preferences() {
    let soft = |key: &str| constraint(key, 1, "ScheduleAnyway");
    let nodes = cluster(&[("1", "a", 4), ("1", "b", 0), ("2", "x", 2), ("2", "y", 1)]);
    let score = |constraints: Value| scores(plugin(), &spread(constraints, json!({})), &nodes);
    // By node: 4, 0, 2 and 1 pods.
    assert_eq!(score(json!([soft(HOSTNAME)])), [0, 100, 42, 71]);
    // By zone: 4 and 3 pods.
    assert_eq!(score(json!([soft("zone")])), [66, 66, 100, 100]);
    assert_eq!(score(json!([])), Vec::<i64>::new());
    let without = cluster(&[("1", "a", 1), ("", "z", 0)]);
    // A node without the label scores nothing.
    assert_eq!(
        scores(plugin(), &spread(json!([soft("zone")]), json!({})), &without),
        [100, 0]
    );
}

#[tokio::test]
async fn defaults_spread_what_services_and_controllers_select() {
    use client_go::testing::FakeServer;
    let server = FakeServer::start().await;
    server.with_store(|store| {
        let mut create = |path: &str, object: Value| store.create(path, "ns", object).map(drop).unwrap();
        create(
            "/api/v1/services",
            json!({"metadata": {"name": "s"}, "spec": {"selector": {"app": "a"}}}),
        );
        create("/api/v1/services", json!({"metadata": {"name": "none"}, "spec": {}}));
        create(
            "/apis/apps/v1/replicasets",
            json!({"metadata": {"name": "rs"}, "spec": {"selector": {"matchLabels": {"set": "1"}}}}),
        );
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let informers = client_go::cache::InformerFactory::new(server.client(), stop.clone());
    let owners = Owners {
        services: informers.informer().lister(),
        controllers: informers.informer().lister(),
        replica_sets: informers.informer().lister(),
        stateful_sets: informers.informer().lister(),
    };
    informers.start();
    assert!(informers.wait_for_cache_sync().await);
    let plugin = PodTopologySpread {
        defaults: system_defaults(),
        system_defaults: true,
        owners: Some(owners),
        match_label_keys: true,
        comparison: false,
    };
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "controller": true}]);
    let selector = |labels: Value, owners: Value| {
        let metadata = json!({"name": "p", "namespace": "ns", "labels": labels, "ownerReferences": owners});
        let constraints = plugin
            .constraints(&pod(json!({"metadata": metadata})), SCHEDULE_ANYWAY)
            .unwrap();
        constraints.first().map(|constraint| constraint.selector.to_string())
    };
    assert_eq!(selector(json!({"app": "a"}), json!([])).as_deref(), Some("app=a"));
    assert_eq!(
        selector(json!({"app": "a"}), owner.clone()).as_deref(),
        Some("app=a,set=1")
    );
    assert_eq!(selector(json!({"app": "b"}), owner).as_deref(), Some("set=1"));
    assert_eq!(selector(json!({"app": "b"}), json!([])), None);
    stop.cancel();
}

#[test]
fn hints() {
    let target = spread(json!([constraint("zone", 1, "DoNotSchedule")]), json!({}));
    let plugin = plugin();
    let without_node = pod(json!({"metadata": {"name": "x", "namespace": "ns", "labels": {"app": "a"}}}));
    let elsewhere = pod(json!({"metadata": {"name": "x", "labels": {"app": "a"}}, "spec": {"nodeName": "n"}}));
    for (name, objects, expected) in [
        ("came", pod_change(None, Some(labelled("x", "a"))), QueueingHint::Queue),
        (
            "came, not counted",
            pod_change(None, Some(labelled("x", "b"))),
            QueueingHint::Skip,
        ),
        ("went", deleted(labelled("x", "a")), QueueingHint::Queue),
        ("went, had no node", deleted(without_node), QueueingHint::Skip),
        ("went, other namespace", deleted(elsewhere), QueueingHint::Skip),
        (
            "counted no more",
            pod_change(Some(labelled("x", "a")), Some(labelled("x", "b"))),
            QueueingHint::Queue,
        ),
        (
            "never counted",
            pod_change(Some(labelled("x", "b")), Some(labelled("x", "c"))),
            QueueingHint::Skip,
        ),
    ] {
        assert_eq!(plugin.after_pod(&target, &objects), expected, "{name}");
    }
    let zone = |zone: Option<&str>| match zone {
        Some(zone) => json!({"metadata": {"labels": {"zone": zone}}}),
        None => json!({}),
    };
    for (name, old, new, expected) in [
        ("came", None, Some(zone(Some("1"))), QueueingHint::Queue),
        ("came without label", None, Some(zone(None)), QueueingHint::Skip),
        ("went", Some(zone(Some("1"))), None, QueueingHint::Queue),
        (
            "moved",
            Some(zone(Some("1"))),
            Some(zone(Some("2"))),
            QueueingHint::Queue,
        ),
        (
            "stayed",
            Some(zone(Some("1"))),
            Some(zone(Some("1"))),
            QueueingHint::Skip,
        ),
        (
            "got the label",
            Some(zone(None)),
            Some(zone(Some("1"))),
            QueueingHint::Queue,
        ),
    ] {
        let objects = node_change(old.as_ref(), new.as_ref());
        assert_eq!(plugin.after_node(&target, &objects), expected, "{name}");
    }
}
