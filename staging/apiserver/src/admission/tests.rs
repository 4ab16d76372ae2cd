//! Which plugins a chain asks, and how values that follow from all objects are kept.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use apimachinery::status::StatusError;
use async_trait::async_trait;
use k8s_api::{core::v1::ConfigMap, meta::v1::ObjectMeta};

use component_base::metrics::MetricsRegistry;

use super::{
    AdmissionMetrics, Attributes, Chain, Derived, FixedLookup, GroupVersionName, Lookup, Operation, Plugin,
    Reinvocation, WriteOptions,
};
use crate::{
    registry::AnyObject,
    request::{RequestContext, RequestInfo, UserInfo},
};

#[derive(Debug)]
struct Named {
    name: &'static str,
    resource: &'static str,
}

impl Plugin for Named {
    fn name(&self) -> &'static str {
        self.name
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && resource == self.resource
    }
}

#[test]
fn a_resource_is_asked_of_what_concerns_it() {
    let plugin = |name, resource| Arc::new(Named { name, resource }) as Arc<dyn Plugin>;
    let chain = Chain::new(vec![
        plugin("first", "pods"),
        plugin("second", "nodes"),
        plugin("third", "pods"),
    ]);
    assert_eq!(chain.names(), ["first", "second", "third"]);
    assert_eq!(chain.for_resource("", "pods").names(), ["first", "third"]);
    assert!(chain.for_resource("apps", "pods").names().is_empty());
}

/// Refuses in the phase that judges.
#[derive(Debug)]
struct Refusing;

#[async_trait]
impl Plugin for Refusing {
    fn name(&self) -> &'static str {
        "Refusing"
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        Err(attributes.forbidden(object, "no"))
    }
}

#[tokio::test]
async fn durations_are_measured() {
    let registry = MetricsRegistry::default();
    let chain = Chain::measured(vec![Arc::new(Refusing)], &AdmissionMetrics::new(&registry)).for_resource("", "pods");
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let name = GroupVersionName::default();
    let attributes = Attributes {
        request: &request,
        kind: &name,
        resource: &name,
        subresource: "",
        namespace: "",
        name: "",
        operation: Operation::Create,
        options: &WriteOptions::default(),
        old: None,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    let map = ConfigMap {
        metadata: ObjectMeta {
            generate_name: "generated-".to_owned(),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    assert!(
        chain
            .admit(&attributes, Some(&mut (Box::new(map.clone()) as _)))
            .await
            .is_ok()
    );
    let refused = chain.validate(&attributes, Some(&map)).await.expect_err("refused");
    assert_eq!(refused.code(), 403);
    let text = registry.encode();
    for line in [
        r#"apiserver_admission_controller_admission_duration_seconds_count{name="Refusing",operation="CREATE",rejected="true",type="validate"} 1"#,
        r#"apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="true",type="validate"} 1"#,
        r#"apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="false",type="admit"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// A lookup whose objects "change" when the test says so.
#[derive(Debug)]
struct Changing {
    objects: Arc<dyn Lookup<ConfigMap>>,
    revision: AtomicU64,
}

#[async_trait]
impl Lookup<ConfigMap> for Changing {
    fn get(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        self.objects.get(namespace, name)
    }

    async fn live(&self, namespace: &str, name: &str) -> Result<Option<Arc<ConfigMap>>, StatusError> {
        self.objects.live(namespace, name).await
    }

    fn visit(&self, namespace: &str, visit: &mut dyn FnMut(&Arc<ConfigMap>) -> std::ops::ControlFlow<()>) {
        self.objects.visit(namespace, visit);
    }

    fn changed(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }
}

#[test]
fn a_derived_value_is_made_once_a_change() {
    let objects = ["a", "b"].map(|name| ConfigMap {
        metadata: ObjectMeta {
            name: name.to_owned(),
            namespace: "ns".to_owned(),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    });
    let lookup = Arc::new(Changing {
        objects: FixedLookup::new(objects),
        revision: AtomicU64::new(7),
    });
    let count = Derived::new(lookup.clone() as Arc<dyn Lookup<ConfigMap>>);
    let made = AtomicUsize::new(0);
    let get = || {
        count.get(|objects| {
            made.fetch_add(1, Ordering::SeqCst);
            objects.len()
        })
    };
    assert_eq!((get(), get()), (2, 2));
    assert_eq!(made.load(Ordering::SeqCst), 1);
    lookup.revision.store(8, Ordering::SeqCst);
    assert_eq!(get(), 2);
    assert_eq!(made.load(Ordering::SeqCst), 2);
    assert!(lookup.get("other", "a").is_none());
}
