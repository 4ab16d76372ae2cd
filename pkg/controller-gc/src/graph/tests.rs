use std::sync::Arc;

use k8s_api::meta::v1::{ObjectMeta, OwnerReference, PartialObjectMetadata};
use k8s_api::primitives::Time;

use super::{Change, DELETE_DEPENDENTS, Effects, Graph, ORPHAN_DEPENDENTS};
use crate::identity::{Identity, TypeMeta, Uid};

fn kind(kind: &str) -> TypeMeta {
    TypeMeta {
        kind: kind.into(),
        api_version: "v1".into(),
    }
}

/// An object `kind/namespace/name`, whose UID is its name.
fn object(namespace: &str, name: &str, owners: &[OwnerReference]) -> PartialObjectMetadata {
    PartialObjectMetadata {
        metadata: ObjectMeta {
            name: name.into(),
            namespace: namespace.into(),
            uid: name.into(),
            owner_references: owners.to_vec(),
            ..ObjectMeta::default()
        },
    }
}

fn ending(mut object: PartialObjectMetadata, finalizer: &str) -> PartialObjectMetadata {
    object.metadata.deletion_timestamp = Some(Time::from_unix(1, 0));
    object.metadata.finalizers = vec![finalizer.to_owned()];
    object
}

fn owner(of_kind: &str, name: &str, block: bool) -> OwnerReference {
    OwnerReference {
        api_version: "v1".into(),
        kind: of_kind.into(),
        name: name.into(),
        uid: name.into(),
        block_owner_deletion: block.then_some(true),
        controller: None,
    }
}

fn present(of_kind: &str, now: PartialObjectMetadata) -> Change {
    changed(of_kind, None, now)
}

fn changed(of_kind: &str, before: Option<PartialObjectMetadata>, now: PartialObjectMetadata) -> Change {
    Change::Present {
        type_meta: kind(of_kind),
        before: before.map(Arc::new),
        now: Arc::new(now),
    }
}

fn identity(of_kind: &str, namespace: &str, name: &str) -> Identity {
    Identity::of(&kind(of_kind), &object(namespace, name, &[]).metadata)
}

fn sorted(mut effects: Effects) -> Effects {
    effects.delete.sort();
    effects
}

fn delete(uids: &[&str]) -> Effects {
    Effects {
        delete: uids.iter().map(|uid| Uid::from(*uid)).collect(),
        ..Effects::default()
    }
}

#[test]
fn an_owner_that_was_not_seen_is_asked_about() {
    let mut graph = Graph::default();
    let child = object("ns", "child", &[owner("Owner", "parent", false)]);
    assert_eq!(graph.apply(&present("Child", child)), delete(&["parent"]));
    assert!(!graph.item("parent").unwrap().observed);
    // The server knows it not: its dependents are looked at, and the answer is remembered.
    assert_eq!(
        graph.apply(&Change::Absent(identity("Owner", "ns", "parent"))),
        delete(&["child"])
    );
    assert!(graph.item("parent").is_none());
    assert!(graph.absent().has(&identity("Owner", "ns", "parent")));
}

#[test]
fn an_owner_that_is_seen_later_is_real_and_its_end_is_its_dependents_concern() {
    let mut graph = Graph::default();
    graph.apply(&present(
        "Child",
        object("ns", "child", &[owner("Owner", "parent", false)]),
    ));
    assert_eq!(
        graph.apply(&present("Owner", object("ns", "parent", &[]))),
        Effects::default()
    );
    let parent = graph.item("parent").unwrap();
    assert!(parent.observed && parent.has_dependents && !parent.has_waiting_dependent);
    assert_eq!(
        graph.apply(&Change::Deleted(identity("Owner", "ns", "parent"))),
        delete(&["child"])
    );
    assert!(graph.absent().has(&identity("Owner", "ns", "parent")));
    assert_eq!(
        graph.apply(&Change::Deleted(identity("Child", "ns", "child"))),
        Effects::default()
    );
    assert!(graph.nodes.is_empty());
}

#[test]
fn foreground_deletion_looks_at_dependents_and_then_at_the_owner_again() {
    let mut graph = Graph::default();
    let parent = object("ns", "parent", &[]);
    graph.apply(&present("Owner", parent.clone()));
    let child = object("ns", "child", &[owner("Owner", "parent", true)]);
    graph.apply(&present("Child", child.clone()));
    graph.apply(&present(
        "Child",
        object("ns", "loose", &[owner("Owner", "parent", false)]),
    ));
    let waiting = ending(parent.clone(), DELETE_DEPENDENTS);
    let effects = graph.apply(&changed("Owner", Some(parent), waiting.clone()));
    assert_eq!(sorted(effects), delete(&["child", "loose", "parent"]));
    assert_eq!(
        graph.apply(&changed("Owner", Some(waiting.clone()), waiting)),
        Effects::default()
    );
    assert_eq!(graph.blocking_dependents("parent"), [("child".into(), false)]);
    // The dependent stops holding its owner, or goes: either way the owner is looked at.
    let loosened = object("ns", "child", &[owner("Owner", "parent", false)]);
    assert_eq!(
        graph.apply(&changed("Child", Some(child), loosened)),
        delete(&["parent"])
    );
    assert_eq!(graph.blocking_dependents("parent"), []);
    assert_eq!(
        graph.apply(&Change::Deleted(identity("Child", "ns", "child"))),
        delete(&["parent"])
    );
}

#[test]
fn orphaning_goes_before_deleting() {
    let mut graph = Graph::default();
    let mut parent = ending(object("ns", "parent", &[]), ORPHAN_DEPENDENTS);
    parent.metadata.finalizers.push(DELETE_DEPENDENTS.to_owned());
    let effects = graph.apply(&present("Owner", parent));
    assert_eq!(
        (effects.orphan, effects.delete),
        (vec![Uid::from("parent")], Vec::new())
    );
}

#[test]
fn references_across_namespaces_are_reported_and_looked_at() {
    let mut graph = Graph::default();
    graph.apply(&present("Owner", object("there", "parent", &[])));
    let reference = owner("Owner", "parent", false);
    let effects = graph.apply(&present(
        "Child",
        object("here", "child", std::slice::from_ref(&reference)),
    ));
    assert_eq!(effects.delete, [Uid::from("child")]);
    assert_eq!(
        effects.invalid,
        [(identity("Child", "here", "child"), reference.clone())]
    );
    // The other way round: the dependent is seen first.
    let mut graph = Graph::default();
    graph.apply(&present(
        "Child",
        object("here", "child", std::slice::from_ref(&reference)),
    ));
    let effects = graph.apply(&present("Owner", object("there", "parent", &[])));
    assert_eq!(effects.delete, [Uid::from("child")]);
    assert_eq!(effects.invalid, [(identity("Child", "here", "child"), reference)]);
    // A cluster-scoped owner may be named from everywhere.
    let mut graph = Graph::default();
    graph.apply(&present("Owner", object("", "parent", &[])));
    let effects = graph.apply(&present(
        "Child",
        object("here", "child", &[owner("Owner", "parent", false)]),
    ));
    assert_eq!(effects, Effects::default());
}

#[test]
fn a_wrong_claim_does_not_drag_the_right_one_along() {
    let mut graph = Graph::default();
    graph.apply(&present(
        "Child",
        object("ns", "wrong", &[owner("Typo", "parent", false)]),
    ));
    let effects = graph.apply(&present(
        "Child",
        object("ns", "right", &[owner("Owner", "parent", false)]),
    ));
    assert_eq!(effects, delete(&["right"]), "it does not match what was claimed first");
    // The first claim turns out wrong: who claimed it is looked at, and the other claim is asked about next.
    let effects = graph.apply(&Change::Absent(identity("Typo", "ns", "parent")));
    assert_eq!(
        (effects.delete, effects.delete_later),
        (vec![Uid::from("wrong")], vec![Uid::from("parent")])
    );
    assert_eq!(
        graph.item("parent").unwrap().identity,
        identity("Owner", "ns", "parent")
    );
    assert_eq!(
        graph.apply(&present("Owner", object("ns", "parent", &[]))),
        Effects::default()
    );
    // Of the real one no wrong claim's absence says anything.
    let effects = graph.apply(&Change::Absent(identity("Typo", "ns", "parent")));
    assert_eq!(effects, delete(&["wrong"]));
    assert!(graph.item("parent").unwrap().observed);
}

#[test]
fn owners_that_change_are_followed() {
    let mut graph = Graph::default();
    graph.apply(&present("Owner", object("ns", "a", &[])));
    graph.apply(&present("Owner", object("ns", "b", &[])));
    let before = object("ns", "child", &[owner("Owner", "a", true)]);
    graph.apply(&present("Child", before.clone()));
    let now = object("ns", "child", &[owner("Owner", "b", false)]);
    assert_eq!(graph.apply(&changed("Child", Some(before), now)), delete(&["a"]));
    assert!(!graph.item("a").unwrap().has_dependents);
    assert!(graph.item("b").unwrap().has_dependents);
    assert_eq!(graph.dependents("b"), [identity("Child", "ns", "child")]);
}
