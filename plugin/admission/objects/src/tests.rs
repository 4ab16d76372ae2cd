//! What is completed and refused, in upstream's words.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{
        Attributes, FixedLookup, GroupVersionName, Operation, Permissions, Plugin, Reinvocation, WriteOptions,
    },
    registry::{AnyObject, ObjectBox},
    request::{RequestContext, RequestInfo, UserInfo},
};
use apiserver_auth::authorization::{Attributes as Question, Authorization, Authorizer};
use async_trait::async_trait;
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Kind,
    batch::v1::Job,
    core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Service},
    networking::v1::{Ingress, IngressClass},
    storage::v1::StorageClass,
};
use serde_json::{Value, json};

use super::*;

fn object<T: Kind>(value: Value) -> T {
    T::from_value(value).expect("an object")
}

async fn run<T: k8s_api::HasMetadata>(
    plugin: &dyn Plugin,
    resource: (&str, &str),
    new: T,
    old: Option<&T>,
) -> Result<T, String> {
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName {
        group: resource.0.to_owned(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let name = new.metadata().name.clone();
    let attributes = Attributes {
        request: &request,
        kind: &named("Kind"),
        resource: &named(resource.1),
        subresource: "",
        namespace: "ns",
        name: &name,
        operation: if old.is_some() {
            Operation::Update
        } else {
            Operation::Create
        },
        options: &WriteOptions::default(),
        old: old.map(|old| old as &dyn AnyObject),
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    if !plugin.handles(attributes.operation) || !plugin.concerns(resource.0, resource.1) {
        return Ok(new);
    }
    let mut object: ObjectBox = Box::new(new);
    let text = |status: StatusError| status.status().message.clone();
    plugin.admit(&attributes, Some(&mut object)).await.map_err(text)?;
    plugin
        .validate(&attributes, Some(object.as_ref()))
        .await
        .map_err(text)?;
    Ok(*object.into_any().downcast().expect("the same kind"))
}

const CLAIMS: (&str, &str) = ("", "persistentvolumeclaims");

fn claim(class: Value, storage: &str, phase: &str) -> PersistentVolumeClaim {
    object(json!({
        "metadata": {"name": "c", "namespace": "ns"},
        "spec": {"storageClassName": class, "resources": {"requests": {"storage": storage}}},
        "status": {"phase": phase},
    }))
}

#[tokio::test]
async fn default_classes() {
    let storage = |name: &str, created: &str, default: &str| {
        object::<StorageClass>(json!({"metadata": {"name": name, "creationTimestamp": created,
            "annotations": {"storageclass.kubernetes.io/is-default-class": default}}, "provisioner": "p"}))
    };
    let plugin = DefaultStorageClass::new(FixedLookup::new([
        storage("old", "2024-01-01T00:00:00Z", "true"),
        storage("b", "2025-01-01T00:00:00Z", "true"),
        storage("a", "2025-01-01T00:00:00Z", "true"),
        storage("newest", "2026-01-01T00:00:00Z", "false"),
    ]));
    let class = |claim: PersistentVolumeClaim| claim.spec.storage_class_name;
    let given = run(&plugin, CLAIMS, claim(Value::Null, "1Gi", ""), None)
        .await
        .map(class);
    assert_eq!(given, Ok(Some("a".to_owned())));
    let given = run(&plugin, CLAIMS, claim(json!(""), "1Gi", ""), None).await.map(class);
    assert_eq!(given, Ok(Some(String::new())), "an empty class is a choice");
    let ingress_class: IngressClass = object(json!({"metadata": {"name": "i",
        "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}}));
    let plugin = DefaultIngressClass::new(FixedLookup::new([ingress_class]));
    let ingresses = ("networking.k8s.io", "ingresses");
    let class = |ingress: Ingress| ingress.spec.ingress_class_name;
    let given = run(&plugin, ingresses, Ingress::default(), None).await.map(class);
    assert_eq!(given, Ok(Some("i".to_owned())));
    let annotated: Ingress = object(json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "x"}}}));
    assert_eq!(run(&plugin, ingresses, annotated, None).await.map(class), Ok(None));
}

#[tokio::test]
async fn claims_grow() {
    let class = |name: &str, grows: bool| {
        object::<StorageClass>(json!({"metadata": {"name": name}, "provisioner": "p", "allowVolumeExpansion": grows}))
    };
    let plugin = PersistentVolumeClaimResize::new(FixedLookup::new([class("grows", true), class("stays", false)]));
    let refused = r#"persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"#;
    let unbound = r#"persistentvolumeclaims "c" is forbidden: Only bound persistent volume claims can be expanded"#;
    let cases = [
        ("grows", "2Gi", "Bound", None),
        ("grows", "2Gi", "Pending", Some(unbound)),
        ("stays", "2Gi", "Bound", Some(refused)),
        ("gone", "2Gi", "Bound", Some(refused)),
        ("", "2Gi", "Bound", Some(refused)),
        ("stays", "1Gi", "Bound", None),
    ];
    for (class, size, phase, expected) in cases {
        let old = claim(json!(class), "1Gi", phase);
        let seen = run(&plugin, CLAIMS, claim(json!(class), size, phase), Some(&old)).await;
        assert_eq!(seen.err().as_deref(), expected, "{class} {size} {phase}");
    }
}

#[tokio::test]
async fn storage_is_protected() {
    let plugin = StorageObjectInUseProtection::new(&FeatureGates::default());
    let claim = run(&plugin, CLAIMS, claim(Value::Null, "1Gi", ""), None)
        .await
        .expect("admitted");
    assert_eq!(claim.metadata.finalizers, ["kubernetes.io/pvc-protection"]);
    let volume: PersistentVolume = object(json!({"metadata": {"finalizers": ["kubernetes.io/pv-protection"]}}));
    let volume = run(&plugin, ("", "persistentvolumes"), volume, None)
        .await
        .expect("admitted");
    assert_eq!(volume.metadata.finalizers, ["kubernetes.io/pv-protection"]);
}

#[tokio::test]
async fn external_addresses_are_denied() {
    let service =
        |addresses: Value| object::<Service>(json!({"metadata": {"name": "s"}, "spec": {"externalIPs": addresses}}));
    let (none, one, two) = (
        service(json!([])),
        service(json!(["1.1.1.1"])),
        service(json!(["1.1.1.1", "2.2.2.2"])),
    );
    let refused = r#"services "s" is forbidden: Use of external IPs is denied by admission control"#;
    let services = ("", "services");
    let plugin = DenyServiceExternalIPs;
    assert!(run(&plugin, services, none.clone(), None).await.is_ok());
    assert_eq!(
        run(&plugin, services, one.clone(), None).await.err().as_deref(),
        Some(refused)
    );
    assert!(run(&plugin, services, one.clone(), Some(&two)).await.is_ok());
    assert_eq!(
        run(&plugin, services, two, Some(&one)).await.err().as_deref(),
        Some(refused)
    );
}

/// Allows what the test lists as `verb resource/subresource`.
struct Listed(&'static [&'static str]);

#[async_trait]
impl Authorizer for Listed {
    async fn authorize(&self, question: &Question<'_>) -> Authorization {
        let asked = format!("{} {}/{}", question.verb, question.resource, question.subresource);
        if self.0.contains(&asked.as_str()) {
            Authorization::allow("listed")
        } else {
            Authorization::no_opinion("not listed")
        }
    }
}

#[tokio::test]
async fn owners_are_set_by_who_may() {
    let map = |kind: &str, blocks: bool| {
        object::<ConfigMap>(json!({"metadata": {"name": "m", "namespace": "ns", "ownerReferences": [
            {"apiVersion": "v1", "kind": kind, "name": "o", "uid": "u", "blockOwnerDeletion": blocks}]}}))
    };
    let bare: ConfigMap = object(json!({"metadata": {"name": "m", "namespace": "ns"}}));
    let maps = ("", "configmaps");
    let plugin = |allowed| {
        OwnerReferencesPermissionEnforcement::new(Permissions::new(Arc::new(Listed(allowed))), Arc::new(BuiltinKinds))
    };
    let nothing = plugin(&[]);
    assert!(run(&nothing, maps, map("Pod", false), None).await.is_ok());
    assert_eq!(
        run(&nothing, maps, map("Pod", false), Some(&bare))
            .await
            .err()
            .as_deref(),
        Some(
            r#"configmaps "m" is forbidden: cannot set an ownerRef on a resource you can't delete: not listed, <nil>"#
        )
    );
    assert_eq!(
        run(&nothing, maps, map("Pod", true), None).await.err().as_deref(),
        Some(
            r#"configmaps "m" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: not listed, <nil>"#
        )
    );
    assert_eq!(
        run(&nothing, maps, map("Ghost", true), None).await.err().as_deref(),
        Some(
            r#"configmaps "m" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion v1 Kind Ghost: no matches for kind "Ghost" in version "v1""#
        )
    );
    assert!(
        run(&plugin(&["update pods/finalizers"]), maps, map("Pod", true), None)
            .await
            .is_ok()
    );
    assert!(
        run(&plugin(&["update */finalizers"]), maps, map("Ghost", true), None)
            .await
            .is_ok()
    );
    assert!(
        run(&nothing, maps, map("Pod", true), Some(&map("Pod", true)))
            .await
            .is_ok()
    );
}

#[derive(Debug)]
struct Values(Vec<Value>);

#[async_trait]
impl DynamicLookup for Values {
    async fn find(&self, _namespace: &str, name: &str) -> Result<Option<Value>, StatusError> {
        Ok(self.0.iter().find(|value| value["metadata"]["name"] == name).cloned())
    }

    fn list(&self, _namespace: &str) -> Vec<Value> {
        self.0.clone()
    }
}

#[tokio::test]
async fn gangs_keep_their_size() {
    let mut gates = FeatureGates::default();
    gates.set_from_text("GenericWorkload=true").expect("a gate");
    let gang = json!({"metadata": {"name": "g", "ownerReferences": [{"uid": "job", "controller": true}]},
        "spec": {"schedulingPolicy": {"gang": {"minCount": 2}}}});
    let job = |parallelism: i32| {
        object::<Job>(
            json!({"metadata": {"name": "j", "namespace": "ns", "uid": "job"}, "spec": {"parallelism": parallelism}}),
        )
    };
    let jobs = ("batch", "jobs");
    let plugin = JobValidation::new(&gates, Arc::new(Values(vec![gang])));
    assert_eq!(
        run(&plugin, jobs, job(3), Some(&job(2))).await.err().as_deref(),
        Some(
            r#"jobs.batch "j" is forbidden: cannot change parallelism for a Job referencing gang-scheduled PodGroup "g""#
        )
    );
    assert!(run(&plugin, jobs, job(2), Some(&job(2))).await.is_ok());
    assert!(
        run(
            &JobValidation::new(&gates, Arc::new(NotServed)),
            jobs,
            job(3),
            Some(&job(2))
        )
        .await
        .is_ok()
    );
    assert!(!JobValidation::new(&FeatureGates::default(), Arc::new(NotServed)).concerns("batch", "jobs"));
}

#[tokio::test]
async fn always() {
    let map: ConfigMap = object(json!({"metadata": {"name": "m"}}));
    let maps = ("", "configmaps");
    assert!(run(&AlwaysAdmit, maps, map.clone(), None).await.is_ok());
    assert_eq!(
        run(&AlwaysDeny, maps, map, None).await.err().as_deref(),
        Some(r#"configmaps "m" is forbidden: admission control is denying all modifications"#)
    );
}
