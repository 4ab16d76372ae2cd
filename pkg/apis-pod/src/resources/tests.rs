//! Requirements, totals and classes.

use std::collections::BTreeSet;

use apimachinery::field::{ErrorList, Path};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Map,
    core::v1::{Container, Pod, PodSpec, ResourceClaim, ResourceRequirements},
    primitives::Quantity,
};

use super::*;

fn list(entries: &[(&str, &str)]) -> Map<Quantity> {
    entries
        .iter()
        .map(|(name, text)| (*name, text.parse().expect("a quantity")))
        .collect()
}

fn needs(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> ResourceRequirements {
    ResourceRequirements {
        requests: list(requests),
        limits: list(limits),
        claims: Vec::new(),
    }
}

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn check(requirements: &ResourceRequirements, scope: Scope) -> Vec<String> {
    texts(&validate_requirements(
        requirements,
        scope,
        &BTreeSet::from(["claim"]),
        false,
        &Path::new("r"),
    ))
}

#[test]
fn requests_and_limits() {
    let cases: [(ResourceRequirements, &[&str]); 6] = [
        (needs(&[("cpu", "1")], &[("cpu", "1")]), &[]),
        (
            needs(&[("cpu", "2")], &[("cpu", "1")]),
            &[r#"r.requests: Invalid value: "2": must be less than or equal to cpu limit of 1"#],
        ),
        (
            needs(&[("example.com/gpu", "1")], &[("example.com/gpu", "2")]),
            &[r#"r.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2"#],
        ),
        (
            needs(&[("example.com/gpu", "500m")], &[]),
            &[
                r#"r.requests[example.com/gpu]: Invalid value: "500m": must be an integer"#,
                "r.limits: Required value: Limit must be set for non overcommitable resources",
            ],
        ),
        (
            needs(&[], &[("hugepages-2Mi", "3Mi")]),
            &[
                r#"r.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi"#,
                "r: Forbidden: HugePages require cpu or memory",
            ],
        ),
        (
            needs(&[("gpu", "-1")], &[]),
            &[
                r#"r.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified"#,
                r#"r.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers"#,
                r#"r.requests[gpu]: Invalid value: "-1": must be greater than or equal to 0"#,
            ],
        ),
    ];
    for (requirements, expected) in cases {
        assert_eq!(check(&requirements, Scope::Container), expected);
    }
    assert_eq!(
        check(&needs(&[("ephemeral-storage", "1")], &[]), Scope::Pod),
        [
            r#"r.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory""#
        ]
    );
}

#[test]
fn claims_are_referenced_once() {
    let claim = |name: &str, request: &str| ResourceClaim {
        name: name.into(),
        request: request.into(),
    };
    let requirements = ResourceRequirements {
        claims: vec![
            claim("claim", "a"),
            claim("claim", "a"),
            claim("claim", ""),
            claim("other", ""),
        ],
        ..ResourceRequirements::default()
    };
    assert_eq!(
        check(&requirements, Scope::Container),
        [
            r#"r.claims[1]: Duplicate value: "claim/a""#,
            r#"r.claims[2]: Duplicate value: "claim""#,
            r#"r.claims[3]: Not found: "other": must be one of the names in pod.spec.resourceClaims: claim"#,
        ]
    );
}

#[test]
fn classes() {
    let both = [("cpu", "1"), ("memory", "1Gi")];
    let cases: [(&[ResourceRequirements], &str); 6] = [
        (&[needs(&[], &[])], "BestEffort"),
        (&[needs(&both, &both)], "Guaranteed"),
        (&[needs(&both, &both), needs(&[], &[])], "Burstable"),
        (&[needs(&[("cpu", "1")], &[])], "Burstable"),
        (&[needs(&[("cpu", "500m"), ("memory", "1Gi")], &both)], "Burstable"),
        (&[needs(&[("cpu", "0")], &[])], "BestEffort"),
    ];
    for (requirements, expected) in cases {
        let containers = requirements.iter().map(|requirements| Container {
            resources: requirements.clone(),
            ..Container::default()
        });
        let pod = Pod {
            spec: PodSpec {
                containers: containers.collect(),
                ..PodSpec::default()
            },
            ..Pod::default()
        };
        assert_eq!(compute_qos_class(&pod, &FeatureGates::default()), expected);
    }
}
