//! What objects use, which quotas count them, and in which words they are refused.

use std::sync::Arc;

use component_base::feature_gates::FeatureGates;
use k8s_api::{
    core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service},
    resource::v1::ResourceClaim,
};

use super::*;

#[derive(Debug)]
struct Gpus;

impl DeviceClassNames for Gpus {
    fn extended_resource(&self, class: &str) -> Option<String> {
        (class == "gpu").then(|| "example.com/gpu".to_owned())
    }

    fn has_class(&self, extended_resource: &str) -> bool {
        extended_resource == "example.com/gpu"
    }

    fn owner(&self, _namespace: &str, _claim: &ResourceClaim) -> Option<ClaimOwner> {
        None
    }
}

fn registry() -> Registry {
    Registry::new(&FeatureGates::default(), Arc::new(Gpus))
}

fn json<T: k8s_api::Kind>(text: &str) -> T {
    T::from_json(text.as_bytes()).expect("an object")
}

fn pod(spec: &str) -> Pod {
    json(&format!(r#"{{"spec":{spec}}}"#))
}

fn quota(spec: &str) -> ResourceQuota {
    let mut quota: ResourceQuota = json(&format!(
        r#"{{"metadata":{{"name":"q","namespace":"ns"}},"spec":{spec}}}"#
    ));
    quota.status.hard = quota.spec.hard.clone();
    quota
}

fn used(resource: (&str, &str), item: Item<'_>) -> String {
    let evaluator = registry().evaluator(resource.0, resource.1).expect("an evaluator");
    format(&evaluator.usage("ns", item, jiff::Timestamp::UNIX_EPOCH))
}

#[test]
fn pods_use() {
    let cases = [
        (r#"{"containers":[{"name":"a"}]}"#, "count/pods=1,pods=1"),
        (
            r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"2"}}},
                {"name":"b","resources":{"requests":{"cpu":"500m"}}}],
                "initContainers":[{"name":"i","resources":{"requests":{"memory":"2Gi"}}}],"overhead":{"cpu":"100m"}}"#,
            "count/pods=1,cpu=1600m,limits.cpu=2100m,memory=2Gi,pods=1,requests.cpu=1600m,requests.memory=2Gi",
        ),
        (
            r#"{"containers":[{"name":"a","resources":{"requests":{"example.com/gpu":"2","hugepages-2Mi":"4Mi"}}}]}"#,
            "count/pods=1,hugepages-2Mi=4Mi,pods=1,requests.example.com/gpu=2,requests.hugepages-2Mi=4Mi",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(used(("", "pods"), Item::Pod(&pod(spec))), expected, "{spec}");
    }
    let ended: Pod = json(r#"{"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Succeeded"}}"#);
    assert_eq!(used(("", "pods"), Item::Pod(&ended)), "count/pods=1");
}

#[test]
fn claims_and_services_use() {
    let claim: PersistentVolumeClaim =
        json(r#"{"spec":{"storageClassName":"fast","resources":{"requests":{"storage":"1500m"}}}}"#);
    assert_eq!(
        used(("", "persistentvolumeclaims"), Item::PersistentVolumeClaim(&claim)),
        "count/persistentvolumeclaims=1,fast.storageclass.storage.k8s.io/persistentvolumeclaims=1,\
         fast.storageclass.storage.k8s.io/requests.storage=2,persistentvolumeclaims=1,requests.storage=2"
    );
    let cases = [
        (r#"{"type":"ClusterIP","ports":[{"port":1}]}"#, (0, 0)),
        (r#"{"type":"NodePort","ports":[{"port":1},{"port":2}]}"#, (0, 2)),
        (r#"{"type":"LoadBalancer","ports":[{"port":1}]}"#, (1, 1)),
        (
            r#"{"type":"LoadBalancer","allocateLoadBalancerNodePorts":false,"ports":[{"port":1},{"port":2,"nodePort":30000}]}"#,
            (1, 1),
        ),
    ];
    for (spec, (balancers, ports)) in cases {
        let service: Service = json(&format!(r#"{{"spec":{spec}}}"#));
        let expected =
            format!("count/services=1,services=1,services.loadbalancers={balancers},services.nodeports={ports}");
        assert_eq!(used(("", "services"), Item::Service(&service)), expected, "{spec}");
    }
    assert_eq!(used(("apps", "deployments"), Item::Other), "count/deployments.apps=1");
    assert_eq!(used(("", "secrets"), Item::Other), "count/secrets=1,secrets=1");
    assert!(registry().evaluator("", "events").is_none());
}

#[test]
fn device_claims_use() {
    let claim: ResourceClaim = json(
        r#"{"spec":{"devices":{"requests":[
            {"name":"one","exactly":{"deviceClassName":"gpu","allocationMode":"ExactCount","count":2}},
            {"name":"other","firstAvailable":[{"name":"a","deviceClassName":"nic","allocationMode":"ExactCount","count":1},
                {"name":"b","deviceClassName":"nic","allocationMode":"All"}]}]}}}"#,
    );
    assert_eq!(
        used(("resource.k8s.io", "resourceclaims"), Item::ResourceClaim(&claim)),
        "count/resourceclaims.resource.k8s.io=1,gpu.deviceclass.resource.k8s.io/devices=2,\
         nic.deviceclass.resource.k8s.io/devices=32,requests.deviceclass.resource.kubernetes.io/gpu=2,\
         requests.deviceclass.resource.kubernetes.io/nic=32,requests.example.com/gpu=2"
    );
}

#[test]
fn scopes_choose_pods() {
    let plain = pod(r#"{"containers":[{"name":"a"}]}"#);
    let ending = pod(r#"{"containers":[{"name":"a"}],"activeDeadlineSeconds":9}"#);
    let needy = pod(r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}],"priorityClassName":"high"}"#);
    let far = pod(
        r#"{"containers":[{"name":"a"}],"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[
            {"topologyKey":"zone","namespaces":["other"]}]}}}"#,
    );
    let selector = |operator: &str, values: &str| {
        format!(
            r#"{{"hard":{{"pods":"1"}},"scopeSelector":{{"matchExpressions":[
                {{"scopeName":"PriorityClass","operator":"{operator}","values":{values}}}]}}}}"#
        )
    };
    let scoped = |scope: &str| format!(r#"{{"hard":{{"pods":"1"}},"scopes":["{scope}"]}}"#);
    let cases = [
        (r#"{"hard":{"pods":"1"}}"#.to_owned(), [true, true, true, true]),
        (r#"{"hard":{"services":"1"}}"#.to_owned(), [false; 4]),
        (scoped("Terminating"), [false, true, false, false]),
        (scoped("NotTerminating"), [true, false, true, true]),
        (scoped("BestEffort"), [true, true, false, true]),
        (scoped("NotBestEffort"), [false, false, true, false]),
        (scoped("CrossNamespacePodAffinity"), [false, false, false, true]),
        (scoped("PriorityClass"), [false, false, true, false]),
        (selector("In", r#"["high"]"#), [false, false, true, false]),
        (selector("NotIn", r#"["high"]"#), [true, true, false, true]),
        (selector("DoesNotExist", "[]"), [true, true, false, true]),
    ];
    let evaluator = registry().evaluator("", "pods").expect("the evaluator of pods");
    for (spec, expected) in cases {
        let quota = quota(&spec);
        let seen = [&plain, &ending, &needy, &far].map(|pod| evaluator.matches(&quota, Item::Pod(pod)));
        assert_eq!(seen, expected.map(Ok), "{spec}");
    }
    let wrong = quota(&selector("Near", "[]"));
    assert_eq!(
        evaluator.matches(&wrong, Item::Pod(&needy)),
        Err(ScopeError::Operator("Near".to_owned()))
    );
}

#[test]
fn containers_must_say_what_they_need() {
    let evaluator = registry().evaluator("", "pods").expect("the evaluator of pods");
    let pod = pod(
        r#"{"containers":[{"name":"b","resources":{"limits":{"cpu":"1"}}},{"name":"a","resources":{}}],
            "initContainers":[{"name":"i","resources":{"requests":{"memory":"1"}}}]}"#,
    );
    let required = ["limits.cpu", "requests.memory", "pods"];
    assert_eq!(
        evaluator.constraints(&required, Item::Pod(&pod)),
        Err("must specify limits.cpu for: a,i; requests.memory for: a,b".to_owned())
    );
    assert_eq!(evaluator.constraints(&["pods"], Item::Pod(&pod)), Ok(()));
}

#[test]
fn lists_are_compared_by_value() {
    let list = |entries: &[(&str, &str)]| -> ResourceList {
        let entries = entries.iter();
        entries
            .map(|(name, text)| (*name, text.parse().expect("a quantity")))
            .collect()
    };
    let (some, more) = (
        list(&[("cpu", "1"), ("pods", "2")]),
        list(&[("cpu", "1000m"), ("pods", "3")]),
    );
    assert!(equals(&list(&[("cpu", "1")]), &list(&[("cpu", "1000m")])));
    assert!(!equals(&some, &more));
    assert_eq!(exceeded(&more, &some), ["pods"]);
    assert_eq!(format(&subtract_to_zero(&some, &more)), "cpu=0,pods=0");
    assert_eq!(negative_names(&subtract(&some, &more)), ["pods"]);
    assert_eq!(format(&without_zeros(subtract(&more, &some))), "pods=1");
}

#[test]
fn the_controller_adds_up_what_is_in_scope() {
    let quota = quota(r#"{"hard":{"pods":"5","requests.cpu":"9","services":"1"},"scopes":["NotBestEffort"]}"#);
    let pods = [
        pod(r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}]}"#),
        pod(r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"250m"}}}]}"#),
        pod(r#"{"containers":[{"name":"a"}]}"#),
    ];
    let evaluator = registry().evaluator("", "pods").expect("the evaluator of pods");
    let counted = [Counted {
        evaluator: evaluator.as_ref(),
        items: pods.iter().map(Item::Pod).collect(),
    }];
    let used = usage(&quota, &counted, jiff::Timestamp::UNIX_EPOCH).expect("sound scopes");
    assert_eq!(format(&used), "pods=2,requests.cpu=1250m");
    assert_eq!(matched_names(&quota, &[evaluator.as_ref()]), ["pods", "requests.cpu"]);
}
