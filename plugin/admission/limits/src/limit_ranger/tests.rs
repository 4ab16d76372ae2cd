//! Defaults and bounds, in upstream's words.

use k8s_api::{
    Kind as _,
    core::v1::{LimitRange, PersistentVolumeClaim, Pod},
};

use super::{constraints, defaults};
use crate::aggregate;

fn range(limits: &str) -> LimitRange {
    LimitRange::from_json(format!(r#"{{"spec":{{"limits":{limits}}}}}"#).as_bytes()).expect("a limit range")
}

fn pod(containers: &str) -> Pod {
    Pod::from_json(format!(r#"{{"spec":{{"containers":{containers}}}}}"#).as_bytes()).expect("a pod")
}

#[test]
fn containers_are_completed() {
    let range = range(r#"[{"type":"Container","default":{"cpu":"2","memory":"1Gi"},"defaultRequest":{"cpu":"1"}}]"#);
    let mut pod = pod(r#"[{"name":"a"},{"name":"b","resources":{"limits":{"cpu":"3","memory":"2Gi"}}}]"#);
    defaults::complete(&mut pod, &range.spec.limits);
    let shown = |list: &k8s_api::Map<k8s_api::primitives::Quantity>| quota::format(list);
    let [a, b] = pod.spec.containers.as_slice() else {
        panic!("two containers")
    };
    assert_eq!(shown(&a.resources.limits), "cpu=2,memory=1Gi");
    assert_eq!(shown(&b.resources.limits), "cpu=3,memory=2Gi");
    assert_eq!(shown(&b.resources.requests), "cpu=1");
    assert_eq!(
        pod.metadata
            .annotations
            .get("kubernetes.io/limit-ranger")
            .map(String::as_str),
        Some(
            "LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; cpu request for container b"
        )
    );
}

#[test]
fn pods_are_bounded() {
    let both = r#"[{"name":"a","resources":{"requests":{"cpu":"100m"},"limits":{"cpu":"600m"}}},{"name":"b","resources":{"limits":{"cpu":"600m"}}}]"#;
    let cases = [
        (
            r#"[{"type":"Pod","max":{"cpu":"1"}}]"#,
            both,
            Some("maximum cpu usage per Pod is 1, but limit is 1200m"),
        ),
        (r#"[{"type":"Pod","max":{"cpu":"2"}}]"#, both, None),
        (
            r#"[{"type":"Container","min":{"cpu":"200m"}}]"#,
            both,
            Some(
                "[minimum cpu usage per Container is 200m, but request is 100m, minimum cpu usage per Container is 200m.  No request is specified]",
            ),
        ),
        (
            r#"[{"type":"Container","max":{"memory":"1Gi"}}]"#,
            both,
            Some("maximum memory usage per Container is 1Gi.  No limit is specified"),
        ),
        (
            r#"[{"type":"Container","maxLimitRequestRatio":{"cpu":"2"}}]"#,
            r#"[{"name":"a","resources":{"requests":{"cpu":"100m"},"limits":{"cpu":"250m"}}}]"#,
            Some("cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000"),
        ),
        (
            r#"[{"type":"Container","maxLimitRequestRatio":{"cpu":"2"}}]"#,
            r#"[{"name":"a","resources":{"requests":{"cpu":"1"}}}]"#,
            Some("cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0"),
        ),
    ];
    for (limits, containers, expected) in cases {
        let faults = constraints::of_pod(&range(limits).spec.limits, &pod(containers), true);
        assert_eq!(aggregate(faults).as_deref(), expected, "{limits}");
    }
}

#[test]
fn claims_are_bounded() {
    let range = range(r#"[{"type":"PersistentVolumeClaim","min":{"storage":"1Gi"},"max":{"storage":"2Gi"}}]"#);
    let cases = [
        (r#"{"storage":"1Gi"}"#, None),
        (
            r#"{"storage":"5Gi"}"#,
            Some("maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi"),
        ),
        (
            "{}",
            Some(
                "[minimum storage usage per PersistentVolumeClaim is 1Gi.  No request is specified, maximum storage usage per PersistentVolumeClaim is 2Gi.  No request is specified]",
            ),
        ),
    ];
    for (requests, expected) in cases {
        let claim = format!(r#"{{"spec":{{"resources":{{"requests":{requests}}}}}}}"#);
        let claim = PersistentVolumeClaim::from_json(claim.as_bytes()).expect("a claim");
        let faults = constraints::of_claim(&range.spec.limits, &claim);
        assert_eq!(aggregate(faults).as_deref(), expected, "{requests}");
    }
}
