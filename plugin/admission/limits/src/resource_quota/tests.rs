//! Judging and charging, alone and many at once.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use apimachinery::status::{GroupResource, StatusError};
use apiserver::{
    admission::{Attributes, GroupVersionName, Lookup, Operation, Plugin, Reinvocation, WriteOptions},
    registry::AnyObject,
    request::{RequestContext, RequestInfo, UserInfo},
};
use async_trait::async_trait;
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Kind as _,
    apps::v1::Deployment,
    core::v1::{self as core, Pod},
    resource::v1::ResourceClaim,
};
use parking_lot::Mutex;
use quota::{ClaimOwner, DeviceClassNames, Registry};

use super::{QuotaAccess, ResourceQuota, ResourceQuotaConfiguration};

#[derive(Debug)]
struct NoClasses;

impl DeviceClassNames for NoClasses {
    fn extended_resource(&self, _class: &str) -> Option<String> {
        None
    }

    fn has_class(&self, _extended_resource: &str) -> bool {
        false
    }

    fn owner(&self, _namespace: &str, _claim: &ResourceClaim) -> Option<ClaimOwner> {
        None
    }
}

/// Quotas that are written by compare-and-swap, now and then by another server in between.
#[derive(Debug)]
struct Quotas {
    stored: Mutex<Vec<Arc<core::ResourceQuota>>>,
    writes: AtomicUsize,
    /// Every so manieth write finds that another server was first; 0 for none.
    intruder: usize,
}

fn version(quota: &core::ResourceQuota) -> u64 {
    quota.metadata.resource_version.parse().unwrap_or_default()
}

impl Quotas {
    fn new(quotas: &[&str], intruder: usize) -> Arc<Self> {
        let stored = quotas.iter().map(|text| {
            let mut quota = core::ResourceQuota::from_json(text.as_bytes()).expect("a quota");
            quota.metadata.namespace = "ns".to_owned();
            quota.metadata.resource_version = "1".to_owned();
            if quota.status.hard.is_empty() {
                quota.status.hard = quota.spec.hard.clone();
                let none = quota
                    .spec
                    .hard
                    .keys()
                    .map(|name| (name.clone(), k8s_api::primitives::Quantity::default()));
                quota.status.used = none.collect();
            }
            Arc::new(quota)
        });
        Arc::new(Self {
            stored: Mutex::new(stored.collect()),
            writes: AtomicUsize::new(0),
            intruder,
        })
    }

    fn used(&self, name: &str) -> String {
        let stored = self.stored.lock();
        let quota = stored.iter().find(|quota| quota.metadata.name == name);
        quota::format(&quota.expect("the quota").status.used)
    }
}

#[async_trait]
impl Lookup<core::ResourceQuota> for Quotas {
    fn get(&self, _namespace: &str, name: &str) -> Option<Arc<core::ResourceQuota>> {
        let stored = self.stored.lock();
        stored.iter().find(|quota| quota.metadata.name == name).cloned()
    }

    async fn live(&self, namespace: &str, name: &str) -> Result<Option<Arc<core::ResourceQuota>>, StatusError> {
        Ok(self.get(namespace, name))
    }

    fn visit(&self, _namespace: &str, visit: &mut dyn FnMut(&Arc<core::ResourceQuota>) -> ControlFlow<()>) {
        for quota in self.stored.lock().iter() {
            if visit(quota).is_break() {
                return;
            }
        }
    }

    fn changed(&self) -> u64 {
        0
    }
}

#[async_trait]
impl QuotaAccess for Quotas {
    async fn update_status(&self, quota: &core::ResourceQuota) -> Result<core::ResourceQuota, StatusError> {
        // Others come between here.
        tokio::task::yield_now().await;
        let name = &quota.metadata.name;
        let write = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut stored = self.stored.lock();
        let current = stored.iter_mut().find(|stored| stored.metadata.name == *name);
        let current = current.ok_or_else(|| StatusError::not_found(GroupResource::new("", "resourcequotas"), name))?;
        if self.intruder > 0 && write.is_multiple_of(self.intruder) {
            let changed = Arc::make_mut(current);
            changed.metadata.resource_version = (version(changed) + 1).to_string();
        }
        if version(current) != version(quota) {
            return Err(StatusError::conflict(
                GroupResource::new("", "resourcequotas"),
                name,
                "changed",
            ));
        }
        let mut written = quota.clone();
        written.metadata.resource_version = (version(quota) + 1).to_string();
        *current = Arc::new(written.clone());
        Ok(written)
    }
}

fn plugin(quotas: &Arc<Quotas>, configuration: &str) -> ResourceQuota {
    let configuration = match configuration {
        "" => ResourceQuotaConfiguration::default(),
        text => ResourceQuotaConfiguration::from_slice(text.as_bytes()).expect("a configuration"),
    };
    let registry = Registry::new(&FeatureGates::default(), Arc::new(NoClasses));
    ResourceQuota::new(configuration, registry, quotas.clone(), quotas.clone())
}

fn pod(name: &str, spec: &str) -> Pod {
    let json = format!(r#"{{"metadata":{{"name":"{name}","namespace":"ns","resourceVersion":"1"}},"spec":{spec}}}"#);
    Pod::from_json(json.as_bytes()).expect("a pod")
}

const PLAIN: &str = r#"{"containers":[{"name":"a"}]}"#;

async fn write(
    plugin: &ResourceQuota,
    resource: (&str, &str),
    subresource: &str,
    object: &dyn AnyObject,
    old: Option<&dyn AnyObject>,
    dry_run: bool,
) -> Result<(), String> {
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName {
        group: resource.0.to_owned(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let attributes = Attributes {
        request: &request,
        kind: &named("Kind"),
        resource: &named(resource.1),
        subresource,
        namespace: "ns",
        name: &object.metadata().name,
        operation: if old.is_some() {
            Operation::Update
        } else {
            Operation::Create
        },
        options: &WriteOptions {
            dry_run,
            ..WriteOptions::default()
        },
        old,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    let judged = plugin.validate(&attributes, Some(object)).await;
    judged.map_err(|status| status.status().message.clone())
}

async fn create(plugin: &ResourceQuota, pod: &Pod) -> Result<(), String> {
    write(plugin, ("", "pods"), "", pod, None, false).await
}

#[tokio::test]
async fn creations_are_charged_until_nothing_is_left() {
    let quotas = Quotas::new(
        &[r#"{"metadata":{"name":"q"},"spec":{"hard":{"pods":"2","services":"1"}}}"#],
        0,
    );
    let plugin = plugin(&quotas, "");
    let first = pod("one", PLAIN);
    assert_eq!(write(&plugin, ("", "pods"), "", &first, None, true).await, Ok(()));
    assert_eq!(quotas.used("q"), "pods=0,services=0", "a dry run uses nothing");
    assert_eq!(create(&plugin, &first).await, Ok(()));
    assert_eq!(create(&plugin, &pod("two", PLAIN)).await, Ok(()));
    let expected = r#"pods "three" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"#;
    assert_eq!(create(&plugin, &pod("three", PLAIN)).await, Err(expected.to_owned()));
    assert_eq!(
        write(&plugin, ("", "pods"), "", &first, Some(&first), false).await,
        Ok(())
    );
    assert_eq!(quotas.used("q"), "pods=2,services=0");
    let deployment = Deployment::default();
    assert_eq!(
        write(&plugin, ("apps", "deployments"), "", &deployment, None, false).await,
        Ok(())
    );
}

#[tokio::test]
async fn updates_are_charged_what_they_use_more() {
    let quotas = Quotas::new(
        &[r#"{"metadata":{"name":"q"},"spec":{"hard":{"requests.cpu":"3"}}}"#],
        0,
    );
    let plugin = plugin(&quotas, "");
    let asking = |cpu: &str| {
        pod(
            "p",
            &format!(r#"{{"containers":[{{"name":"a","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}"#),
        )
    };
    let (one, two, five) = (asking("1"), asking("2"), asking("5"));
    assert_eq!(create(&plugin, &one).await, Ok(()));
    assert_eq!(
        write(&plugin, ("", "pods"), "resize", &two, Some(&one), false).await,
        Ok(())
    );
    assert_eq!(quotas.used("q"), "requests.cpu=2");
    let refused = write(&plugin, ("", "pods"), "resize", &five, Some(&two), false).await;
    let expected = r#"pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=3, used: requests.cpu=2, limited: requests.cpu=3"#;
    assert_eq!(refused, Err(expected.to_owned()));
    assert_eq!(
        write(&plugin, ("", "pods"), "resize", &one, Some(&two), false).await,
        Ok(())
    );
    assert_eq!(
        quotas.used("q"),
        "requests.cpu=2",
        "what is given back the controller counts"
    );
    let silent = create(&plugin, &pod("s", PLAIN)).await;
    let expected = r#"pods "s" is forbidden: failed quota: q: must specify requests.cpu for: a"#;
    assert_eq!(silent, Err(expected.to_owned()));
}

#[tokio::test]
async fn what_is_not_counted_yet_cannot_be_charged() {
    let text = r#"{"metadata":{"name":"q"},"spec":{"hard":{"pods":"2"}},"status":{"hard":{"pods":"2"}}}"#;
    let quotas = Quotas::new(&[text], 0);
    let refused = create(&plugin(&quotas, ""), &pod("p", PLAIN)).await;
    let expected = r#"pods "p" is forbidden: status unknown for quota: q, resources: pods"#;
    assert_eq!(refused, Err(expected.to_owned()));
}

#[tokio::test]
async fn limited_resources_need_a_quota() {
    let configuration = "apiVersion: apiserver.config.k8s.io/v1\nkind: ResourceQuotaConfiguration\n\
        limitedResources:\n- resource: pods\n  matchContains: [cpu]\n  matchScopes:\n  - {scopeName: PriorityClass, operator: In, values: [high]}\n";
    let quotas = Quotas::new(&[], 0);
    let unbounded = plugin(&quotas, configuration);
    assert_eq!(create(&unbounded, &pod("p", PLAIN)).await, Ok(()));
    let asking = pod(
        "p",
        r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}]}"#,
    );
    let expected = r#"pods "p" is forbidden: insufficient quota to consume: cpu,requests.cpu"#;
    assert_eq!(create(&unbounded, &asking).await, Err(expected.to_owned()));
    let important = pod("p", r#"{"priorityClassName":"high","containers":[{"name":"a"}]}"#);
    let expected = "insufficient quota to match these scopes: [{PriorityClass In [high]}]";
    assert_eq!(create(&unbounded, &important).await, Err(expected.to_owned()));
    let covering = r#"{"metadata":{"name":"q"},"spec":{"hard":{"pods":"1"},"scopes":["PriorityClass"]}}"#;
    let quotas = Quotas::new(&[covering], 0);
    assert_eq!(create(&plugin(&quotas, configuration), &important).await, Ok(()));
    assert_eq!(quotas.used("q"), "pods=1");
    let bad = "apiVersion: apiserver.config.k8s.io/v1\nkind: ResourceQuotaConfiguration\nlimitedResources: [{matchContains: [a]}]\n";
    let error = ResourceQuotaConfiguration::from_slice(bad.as_bytes()).expect_err("nonsense");
    assert_eq!(error.to_string(), "limitedResources[0].resource: Required value");
}

/// Many creations at once, with and without another server that writes in between: never more than there is, and
/// nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_creations_never_exceed() {
    for intruder in [0, 3] {
        let quotas = Quotas::new(
            &[
                r#"{"metadata":{"name":"few"},"spec":{"hard":{"pods":"25"}}}"#,
                r#"{"metadata":{"name":"many"},"spec":{"hard":{"count/pods":"1000"}}}"#,
            ],
            intruder,
        );
        let plugin = Arc::new(plugin(&quotas, ""));
        let creations = (0..100).map(|number| {
            let plugin = plugin.clone();
            tokio::spawn(async move { create(&plugin, &pod(&format!("p{number}"), PLAIN)).await })
        });
        let mut created = 0;
        for creation in creations.collect::<Vec<_>>() {
            match creation.await.expect("no panic") {
                Ok(()) => created += 1,
                Err(message) => assert!(message.contains("exceeded quota: few"), "{message}"),
            }
        }
        assert_eq!(created, 25, "intruder {intruder}");
        assert_eq!(quotas.used("few"), "pods=25");
        assert_eq!(
            quotas.used("many"),
            "count/pods=25",
            "who is refused by one quota uses nothing of another"
        );
        let writes = quotas.writes.load(Ordering::SeqCst);
        assert!(writes < 100, "creations at the same time share writes: {writes}");
    }
}
