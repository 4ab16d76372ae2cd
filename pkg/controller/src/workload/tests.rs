//! The mechanisms that workloads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apimachinery::selectors::Selector;
use client_go::testing::FakeServer;
use k8s_api::apps::v1::ReplicaSet;
use k8s_api::core::v1::{Pod, PodCondition, PodTemplateSpec};
use k8s_api::meta::v1::ObjectMeta;
use k8s_api::primitives::Time;

use super::history::{new_revision, same_data, template_data, template_of};
use super::pods::{is_available, next_availability_check, sort_for_deletion};
use super::{Claim, compute_hash, controller_reference, slow_start_batch};
use crate::Clock;

fn at(seconds: i64) -> Time {
    Time::from_unix(1_700_000_000 + seconds, 0)
}

/// A pod by its parts: `node phase ready-since cost`.
fn pod(name: &str, node: &str, phase: &str, ready_since: Option<i64>, created: i64) -> Arc<Pod> {
    let mut pod = Pod::default();
    pod.metadata.name = name.to_owned();
    pod.metadata.uid = name.to_owned();
    pod.metadata.creation_timestamp = Some(at(created));
    pod.spec.node_name = node.to_owned();
    pod.status.phase = phase.to_owned();
    if let Some(since) = ready_since {
        pod.status.conditions.push(PodCondition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some(at(since)),
            ..PodCondition::default()
        });
    }
    Arc::new(pod)
}

#[test]
fn pods_that_are_missed_least_go_first() {
    let clock = Clock::fixed(at(100_000));
    let mut costly = pod("costly", "n", "Running", Some(0), 0);
    Arc::make_mut(&mut costly)
        .metadata
        .annotations
        .insert(super::pods::DELETION_COST.to_owned(), "10".to_owned());
    let mut pods = vec![
        costly,
        pod("old", "n", "Running", Some(0), 0),
        pod("crowded", "full", "Running", Some(0), 0),
        pod("young", "n", "Running", Some(99_990), 99_990),
        pod("not-ready", "n", "Running", None, 0),
        pod("pending", "n", "Pending", None, 0),
        pod("unassigned", "", "Pending", None, 0),
    ];
    let mut related = pods.clone();
    related.extend((0..7).map(|index| pod(&format!("r{index}"), "full", "Running", None, 0)));
    sort_for_deletion(&mut pods, &related, &clock);
    let names: Vec<_> = pods.iter().map(|pod| pod.metadata.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "unassigned",
            "pending",
            "not-ready",
            "crowded",
            "young",
            "old",
            "costly"
        ]
    );
}

#[test]
fn availability_comes_with_time() {
    let clock = Clock::fixed(at(10));
    let pods = [
        pod("a", "n", "Running", Some(5), 0),
        pod("b", "n", "Running", Some(8), 0),
    ];
    assert!(is_available(&pods[0], 0, &clock));
    assert!(is_available(&pods[0], 5, &clock));
    assert!(!is_available(&pods[1], 5, &clock));
    assert_eq!(
        next_availability_check(&pods, 5, &clock),
        Some(std::time::Duration::from_secs(3))
    );
    assert_eq!(next_availability_check(&pods, 0, &clock), None);
}

#[tokio::test]
async fn batches_grow_until_one_fails() {
    let calls = AtomicUsize::new(0);
    let attempt = |limit: usize| {
        let calls = &calls;
        move |_| async move {
            if calls.fetch_add(1, Ordering::SeqCst) < limit {
                Ok(())
            } else {
                Err("quota")
            }
        }
    };
    assert_eq!(slow_start_batch(10, attempt(usize::MAX)).await, (10, Ok(())));
    calls.store(0, Ordering::SeqCst);
    // 1 + 2 succeed; of the next 4 the last two fail, and nothing more is tried.
    assert_eq!(slow_start_batch(100, attempt(5)).await, (5, Err("quota")));
    assert_eq!(calls.load(Ordering::SeqCst), 7);
}

#[test]
fn hashes_depend_on_template_and_collisions() {
    let mut template = PodTemplateSpec::default();
    let plain = compute_hash(&template, None);
    assert_eq!(plain, compute_hash(&template, None));
    assert_ne!(plain, compute_hash(&template, Some(1)));
    template.metadata.labels.insert("a".to_owned(), "b".to_owned());
    assert_ne!(plain, compute_hash(&template, None));
}

#[test]
fn a_revision_gives_its_template_back() {
    let mut template = PodTemplateSpec::default();
    template.metadata.labels.insert("a".to_owned(), "b".to_owned());
    let owner = ReplicaSet::default();
    let first = new_revision(&owner, &template.metadata.labels, &template_data(&template), 1, 0);
    assert_eq!(template_of(&first), Some(template.clone()));
    let again = new_revision(&owner, &template.metadata.labels, &template_data(&template), 2, 1);
    assert_ne!(first.metadata.name, again.metadata.name);
    assert!(same_data(&first, &again));
    template.spec.node_name = "n".to_owned();
    let other = new_revision(&owner, &template.metadata.labels, &template_data(&template), 3, 0);
    assert!(!same_data(&first, &other));
}

fn labelled(name: &str, label: &str) -> Pod {
    Pod {
        metadata: ObjectMeta {
            name: name.to_owned(),
            namespace: "ns".to_owned(),
            labels: [("app".to_owned(), label.to_owned())].into_iter().collect(),
            ..ObjectMeta::default()
        },
        ..Pod::default()
    }
}

#[tokio::test]
async fn what_matches_is_adopted_and_what_does_not_is_released() {
    let server = FakeServer::start().await;
    let client = server.client();
    let mut set = ReplicaSet::default();
    set.metadata.name = "rs".to_owned();
    set.metadata.namespace = "ns".to_owned();
    let set = client.namespaced::<ReplicaSet>("ns").create(&set).await.unwrap();
    let api = client.namespaced::<Pod>("ns");
    let mut owned_elsewhere = labelled("other", "web");
    owned_elsewhere.metadata.owner_references = vec![controller_reference(&ReplicaSet {
        metadata: ObjectMeta {
            uid: "another".to_owned(),
            ..ObjectMeta::default()
        },
        ..ReplicaSet::default()
    })];
    let mut strayed = labelled("strayed", "db");
    strayed.metadata.owner_references = vec![controller_reference(&set)];
    let mut all = Vec::new();
    for pod in [
        labelled("orphan", "web"),
        labelled("stranger", "db"),
        owned_elsewhere,
        strayed,
    ] {
        all.push(Arc::new(api.create(&pod).await.unwrap()));
    }
    let selector = Selector::from_labels([(&"app".to_owned(), &"web".to_owned())]);
    let claim = Claim::new(&client, &set, &selector);
    let mine = claim.claim(all.clone(), |_| true).await.unwrap();
    assert_eq!(
        mine.iter().map(|pod| pod.metadata.name.as_str()).collect::<Vec<_>>(),
        ["orphan"]
    );
    let patched: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == http::Method::PATCH)
        .map(|seen| {
            (
                seen.path,
                serde_json::from_slice::<serde_json::Value>(&seen.body).unwrap(),
            )
        })
        .collect();
    assert_eq!(patched.len(), 2);
    assert!(patched[0].0.ends_with("/orphan"));
    assert_eq!(patched[0].1["metadata"]["ownerReferences"][0]["name"], "rs");
    assert!(patched[1].0.ends_with("/strayed"));
    assert_eq!(patched[1].1["metadata"]["ownerReferences"][0]["$patch"], "delete");

    // The owner is being deleted, which the cache does not know yet: nothing is adopted any more.
    client
        .namespaced::<ReplicaSet>("ns")
        .delete("rs", &client_go::api::DeleteOptions::default())
        .await
        .unwrap();
    let claim = Claim::new(&client, &set, &selector);
    let error = claim.claim(all, |_| true).await.unwrap_err().to_string();
    assert!(error.starts_with("can't adopt Pod ns/orphan ("), "{error}");
    assert!(error.ends_with("replicasets \"rs\" not found"), "{error}");
}
