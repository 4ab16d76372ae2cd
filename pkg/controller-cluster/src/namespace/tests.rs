use client_go::GroupVersionResource;
use k8s_api::core::v1::Namespace;
use k8s_api::primitives::Time;

use super::conditions::Findings;

fn told(namespace: &Namespace) -> Vec<(String, String, String)> {
    let conditions = namespace.status.conditions.iter();
    conditions
        .map(|condition| {
            (
                condition.status.clone(),
                condition.reason.clone(),
                condition.message.clone(),
            )
        })
        .collect()
}

#[test]
fn conditions_tell_what_remains_and_turn_good_again() {
    let mut namespace = Namespace::default();
    let (early, late) = (Time::from_unix(1, 0), Time::from_unix(2, 0));
    let mut findings = Findings {
        discovery: Some("no answer".to_owned()),
        content: vec!["b".to_owned(), "a".to_owned()],
        ..Findings::default()
    };
    findings
        .remaining
        .insert(GroupVersionResource::new("apps", "v1", "deployments"), 2);
    findings
        .remaining
        .insert(GroupVersionResource::new("", "v1", "pods"), 1);
    findings.finalizers.insert("example.com/hold".to_owned(), 3);
    assert!(findings.write(&mut namespace, early));
    assert!(!findings.write(&mut namespace, late), "the same again changes nothing");
    let row = |status: &str, reason: &str, message: &str| (status.to_owned(), reason.to_owned(), message.to_owned());
    assert_eq!(
        told(&namespace),
        [
            row("True", "DiscoveryFailed", "no answer"),
            row(
                "False",
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed"
            ),
            row(
                "True",
                "ContentDeletionFailed",
                "Failed to delete all resource types, 2 remaining: a, b"
            ),
            row(
                "True",
                "SomeResourcesRemain",
                "Some resources are remaining: deployments.apps has 2 resource instances, pods. has 1 resource instances"
            ),
            row(
                "True",
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: example.com/hold in 3 resource instances"
            ),
        ]
    );
    assert!(Findings::default().write(&mut namespace, late));
    let times: Vec<_> = namespace
        .status
        .conditions
        .iter()
        .map(|condition| condition.last_transition_time)
        .collect();
    assert_eq!(times, [Some(late), Some(early), Some(late), Some(late), Some(late)]);
    assert_eq!(
        told(&namespace)[4],
        row(
            "False",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished"
        )
    );
}
