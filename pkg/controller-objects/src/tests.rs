use k8s_api::core::v1::{Pod, PodCondition, Taint, Toleration};
use k8s_api::primitives::Time;

use crate::{aggregate, nodes, pods};

fn taint(key: &str, value: &str, effect: &str) -> Taint {
    Taint {
        key: key.into(),
        value: value.into(),
        effect: effect.into(),
        time_added: None,
    }
}

#[test]
fn taints_are_swapped_by_key_and_effect() {
    let present = [taint("a", "", "NoSchedule"), taint("b", "1", "NoExecute")];
    let now = Time::from_unix(10, 0);
    assert_eq!(
        nodes::swapped(
            &present,
            &[taint("a", "", "NoSchedule")],
            &[taint("c", "", "NoExecute")],
            now
        ),
        None
    );
    let swapped = nodes::swapped(
        &present,
        &[taint("c", "", "NoExecute")],
        &[taint("a", "x", "NoSchedule")],
        now,
    );
    let mut added = taint("c", "", "NoExecute");
    added.time_added = Some(now);
    assert_eq!(swapped, Some(vec![present[1].clone(), added]));
    let swapped = nodes::swapped(&present, &[taint("b", "2", "NoExecute")], &[], now).unwrap();
    assert_eq!((swapped[1].value.as_str(), swapped[1].time_added), ("2", Some(now)));
}

#[test]
fn tolerations() {
    let of = |key: &str, operator: &str, value: &str, effect: &str| Toleration {
        key: key.into(),
        operator: operator.into(),
        value: value.into(),
        effect: effect.into(),
        toleration_seconds: None,
    };
    for (toleration, taint, wanted) in [
        (of("", "Exists", "", ""), taint("k", "v", "NoExecute"), true),
        (of("k", "Exists", "", "NoSchedule"), taint("k", "v", "NoExecute"), false),
        (of("k", "", "v", ""), taint("k", "v", "NoExecute"), true),
        (of("k", "Equal", "w", ""), taint("k", "v", "NoExecute"), false),
        (of("j", "Exists", "", ""), taint("k", "v", "NoExecute"), false),
        (of("k", "Gt", "5", ""), taint("k", "6", "NoExecute"), false),
        (of("k", "Near", "5", ""), taint("k", "5", "NoExecute"), false),
    ] {
        assert_eq!(
            nodes::tolerates(&toleration, &taint),
            wanted,
            "{toleration:?} of {taint:?}"
        );
    }
}

#[test]
fn conditions_keep_their_transition_time_while_the_status_stays() {
    let mut pod = Pod::default();
    let of = |status: &str, reason: &str| PodCondition {
        type_: "Ready".into(),
        status: status.into(),
        reason: reason.into(),
        ..PodCondition::default()
    };
    let (early, late) = (Time::from_unix(1, 0), Time::from_unix(2, 0));
    assert!(pods::set_condition(&mut pod.status, of("True", "a"), early));
    assert!(!pods::set_condition(&mut pod.status, of("True", "a"), late));
    assert!(pods::set_condition(&mut pod.status, of("True", "b"), late));
    assert_eq!(pod.status.conditions[0].last_transition_time, Some(early));
    assert!(pods::set_condition(&mut pod.status, of("False", "b"), late));
    assert_eq!(pod.status.conditions[0].last_transition_time, Some(late));
}

#[test]
fn errors_are_told_once_each() {
    let of = |texts: &[&str]| aggregate(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(of(&["a"]), "a");
    assert_eq!(of(&["a", "a"]), "a");
    assert_eq!(of(&["b", "a", "b"]), "[b, a]");
}
