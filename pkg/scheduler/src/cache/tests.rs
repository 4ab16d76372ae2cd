//! Pods that are assumed, added, forgotten; nodes that come and go; snapshots that follow.

use k8s_api::Kind as _;
use scheduler_framework::PodOptions;
use serde_json::json;

use super::*;

fn pod(name: &str, node: &str, cpu: &str) -> Arc<PodInfo> {
    let pod = Pod::from_value(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name},
        "spec": {"nodeName": node, "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
    }));
    Arc::new(PodInfo::new(Arc::new(pod.unwrap()), PodOptions::default()))
}

fn node(name: &str, zone: &str, images: &[&str]) -> Arc<Node> {
    let images: Vec<_> = images
        .iter()
        .map(|name| json!({"names": [name], "sizeBytes": 5}))
        .collect();
    let node = json!({
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
        "status": {"allocatable": {"cpu": "4"}, "images": images},
    });
    Arc::new(Node::from_value(node).unwrap())
}

/// `name: cpu` of every node, in order.
fn picture(cache: &Cache, snapshot: &mut Snapshot) -> Vec<String> {
    cache.update_snapshot(snapshot);
    let line = |node: &NodeInfo| format!("{}: {} {}", node.name(), node.pods.len(), node.requested.milli_cpu);
    snapshot.nodes().map(line).collect()
}

#[test]
fn assumed_pods_count_until_they_are_forgotten() {
    let (cache, mut snapshot) = (Cache::default(), Snapshot::default());
    cache.set_node(&node("a", "", &[]));
    let assumed = pod("p", "", "1");
    cache.assume_pod(assumed.clone(), "a").unwrap();
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000"]);
    assert!(cache.is_assumed("p"));
    assert_eq!(
        cache.assume_pod(assumed.clone(), "a"),
        Err(CacheError::Present("ns/p".to_owned()))
    );
    cache.forget_pod(&assumed).unwrap();
    assert_eq!(picture(&cache, &mut snapshot), ["a: 0 0"]);
    assert_eq!(
        cache.forget_pod(&assumed),
        Err(CacheError::NotAssumed("ns/p".to_owned()))
    );
}

#[test]
fn what_is_added_was_assumed() {
    let (cache, mut snapshot) = (Cache::default(), Snapshot::default());
    cache.set_node(&node("a", "", &[]));
    cache.set_node(&node("b", "", &[]));
    cache.assume_pod(pod("p", "", "1"), "a").unwrap();
    let before = cache.set_pod(&pod("p", "a", "1")).unwrap();
    assert!(before.pod.spec.node_name.is_empty());
    assert!(!cache.is_assumed("p"));
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000", "b: 0 0"]);
    // Another node than was assumed.
    cache.assume_pod(pod("q", "", "2"), "a").unwrap();
    cache.set_pod(&pod("q", "b", "2"));
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000", "b: 1 2000"]);
    // A resize.
    cache.set_pod(&pod("q", "b", "3"));
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000", "b: 1 3000"]);
    assert_eq!(cache.remove_pod("q").unwrap().name(), "q");
    assert!(cache.remove_pod("q").is_none());
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000", "b: 0 0"]);
    assert_eq!(
        cache.size(),
        CacheSize {
            nodes: 2,
            pods: 1,
            assumed: 0
        }
    );
}

#[test]
fn pods_may_come_before_their_node_and_stay_after_it() {
    let (cache, mut snapshot) = (Cache::default(), Snapshot::default());
    cache.set_pod(&pod("p", "a", "1"));
    assert_eq!(picture(&cache, &mut snapshot), Vec::<String>::new());
    cache.set_node(&node("a", "", &[]));
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000"]);
    cache.remove_node("a");
    assert_eq!(picture(&cache, &mut snapshot), Vec::<String>::new());
    cache.set_node(&node("a", "", &[]));
    assert_eq!(picture(&cache, &mut snapshot), ["a: 1 1000"]);
    cache.remove_node("a");
    cache.remove_pod("p");
    assert_eq!(cache.size(), CacheSize::default());
    // The slot is used again, by another node, before the snapshot has seen it empty.
    cache.set_node(&node("b", "", &[]));
    assert_eq!(picture(&cache, &mut snapshot), ["b: 0 0"]);
    assert!(snapshot.get("a").is_none() && snapshot.get("b").is_some());
}

#[test]
fn nodes_are_listed_by_zones_in_turn() {
    let (cache, mut snapshot) = (Cache::default(), Snapshot::default());
    for (name, zone) in [("a", "1"), ("b", "1"), ("c", "2")] {
        cache.set_node(&node(name, zone, &[]));
    }
    let names = |snapshot: &Snapshot| snapshot.nodes().map(|node| node.name().to_owned()).collect::<Vec<_>>();
    cache.update_snapshot(&mut snapshot);
    assert_eq!(names(&snapshot), ["a", "c", "b"]);
    cache.set_node(&node("b", "2", &[]));
    cache.update_snapshot(&mut snapshot);
    assert_eq!(names(&snapshot), ["a", "c", "b"]);
    cache.remove_node("c");
    cache.update_snapshot(&mut snapshot);
    assert_eq!(names(&snapshot), ["a", "b"]);
}

#[test]
fn images_are_counted_by_node() {
    let (cache, mut snapshot) = (Cache::default(), Snapshot::default());
    cache.set_node(&node("a", "", &["x", "y"]));
    cache.set_node(&node("b", "", &["x"]));
    let mut nodes_with = |cache: &Cache, image: &str| {
        cache.update_snapshot(&mut snapshot);
        snapshot.images().get(image).map(|state| state.nodes())
    };
    assert_eq!((nodes_with(&cache, "x"), nodes_with(&cache, "y")), (Some(2), Some(1)));
    cache.set_node(&node("a", "", &["x"]));
    assert_eq!((nodes_with(&cache, "x"), nodes_with(&cache, "y")), (Some(2), None));
    cache.remove_node("b");
    assert_eq!(nodes_with(&cache, "x"), Some(1));
}
