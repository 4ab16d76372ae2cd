//! What pods get and what is refused, in upstream's words.

use std::sync::Arc;

use apiserver::{
    admission::{Attributes, FixedLookup, GroupVersionName, Operation, Plugin, Reinvocation, WriteOptions},
    registry::{AnyObject, ObjectBox},
    request::{RequestContext, RequestInfo, UserInfo},
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Kind,
    core::v1::{Binding, Namespace, Node, Pod, ServiceAccount},
    node::v1::RuntimeClass,
    scheduling::v1::PriorityClass,
};

use super::*;

fn json<T: Kind>(text: &str) -> T {
    T::from_json(text.as_bytes()).expect("an object")
}

fn pod(spec: &str) -> Pod {
    json(&format!(
        r#"{{"metadata":{{"name":"p","namespace":"ns"}},"spec":{spec}}}"#
    ))
}

/// How a request stands.
#[derive(Clone, Copy)]
struct Case<'a> {
    resource: (&'a str, &'a str),
    subresource: &'a str,
    old: Option<&'a dyn AnyObject>,
}

const POD: Case<'static> = Case {
    resource: ("", "pods"),
    subresource: "",
    old: None,
};

/// Lets a plugin change and judge an object; the refusal's message, or the object.
async fn run<T: k8s_api::HasMetadata>(plugin: &dyn Plugin, case: Case<'_>, object: T) -> Result<T, String> {
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName {
        group: case.resource.0.to_owned(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let name = object.metadata().name.clone();
    let attributes = Attributes {
        request: &request,
        kind: &named("Kind"),
        resource: &named(case.resource.1),
        subresource: case.subresource,
        namespace: "ns",
        name: &name,
        operation: if case.old.is_some() {
            Operation::Update
        } else {
            Operation::Create
        },
        options: &WriteOptions::default(),
        old: case.old,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    assert!(plugin.handles(attributes.operation) && plugin.concerns(case.resource.0, case.resource.1));
    let mut object: ObjectBox = Box::new(object);
    let text = |status: apimachinery::status::StatusError| status.status().message.clone();
    plugin.admit(&attributes, Some(&mut object)).await.map_err(text)?;
    plugin
        .validate(&attributes, Some(object.as_ref()))
        .await
        .map_err(text)?;
    Ok(*object.into_any().downcast().expect("the same kind"))
}

fn accounts(objects: &[&str]) -> ServiceAccountAdmission {
    ServiceAccountAdmission::new(FixedLookup::new(
        objects.iter().map(|text| json::<ServiceAccount>(text)),
    ))
}

#[tokio::test]
async fn service_accounts_are_mounted() {
    let plugin = accounts(&[
        r#"{"metadata":{"name":"default","namespace":"ns"},"imagePullSecrets":[{"name":"pull"}]}"#,
        r#"{"metadata":{"name":"quiet","namespace":"ns"},"automountServiceAccountToken":false}"#,
    ]);
    let plain = pod(
        r#"{"containers":[{"name":"a"},{"name":"b","volumeMounts":[{"name":"own","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}],
            "initContainers":[{"name":"i"}]}"#,
    );
    let admitted = run(&plugin, POD, plain).await.expect("admitted");
    assert_eq!(admitted.spec.service_account_name, "default");
    assert_eq!(admitted.spec.service_account, "default");
    assert_eq!(admitted.spec.image_pull_secrets[0].name, "pull");
    let volume = &admitted.spec.volumes[0];
    assert!(volume.name.starts_with("kube-api-access-") && volume.name.len() == 21);
    assert_eq!(volume.projected.as_ref().expect("projected").sources.len(), 3);
    let mounts = |containers: &[k8s_api::core::v1::Container]| -> Vec<usize> {
        containers
            .iter()
            .map(|container| container.volume_mounts.len())
            .collect()
    };
    assert_eq!(
        (
            mounts(&admitted.spec.containers),
            mounts(&admitted.spec.init_containers)
        ),
        (vec![1, 1], vec![1])
    );
    let quiet = pod(r#"{"serviceAccountName":"quiet","containers":[{"name":"a"}]}"#);
    assert!(
        run(&plugin, POD, quiet)
            .await
            .expect("admitted")
            .spec
            .volumes
            .is_empty()
    );
    let insisting =
        pod(r#"{"serviceAccountName":"quiet","automountServiceAccountToken":true,"containers":[{"name":"a"}]}"#);
    assert_eq!(
        run(&plugin, POD, insisting).await.expect("admitted").spec.volumes.len(),
        1
    );
}

#[tokio::test]
async fn service_accounts_are_looked_for() {
    let plugin = accounts(&[
        r#"{"metadata":{"name":"strict","namespace":"ns","annotations":{"kubernetes.io/enforce-mountable-secrets":"true"}},
            "secrets":[{"name":"mine"}],"imagePullSecrets":[{"name":"pull"}]}"#,
    ]);
    let cases = [
        (
            r#"{"serviceAccountName":"gone","containers":[{"name":"a"}]}"#,
            r#"pods "p" is forbidden: error looking up service account ns/gone: serviceaccount "gone" not found"#,
        ),
        (
            r#"{"serviceAccountName":"strict","containers":[{"name":"a"}],"volumes":[{"name":"v","secret":{"secretName":"other"}}]}"#,
            r#"pods "p" is forbidden: volume with secret.secretName="other" is not allowed because service account strict does not reference that secret"#,
        ),
        (
            r#"{"serviceAccountName":"strict","containers":[{"name":"a","env":[{"name":"E","valueFrom":{"secretKeyRef":{"name":"mine","key":"k"}}}],
                "envFrom":[{"secretRef":{"name":"other"}}]}]}"#,
            r#"pods "p" is forbidden: container a with envFrom referencing secret.secretName="other" is not allowed because service account strict does not reference that secret"#,
        ),
        (
            r#"{"serviceAccountName":"strict","containers":[{"name":"a"}],"imagePullSecrets":[{"name":"pull"},{"name":"x"}]}"#,
            r#"pods "p" is forbidden: imagePullSecrets[1].name="x" is not allowed because service account strict does not reference that imagePullSecret"#,
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(
            run(&plugin, POD, pod(spec)).await.err().as_deref(),
            Some(expected),
            "{spec}"
        );
    }
    let mut mirror = pod(r#"{"containers":[{"name":"a"}],"volumes":[{"name":"v","secret":{"secretName":"s"}}]}"#);
    mirror
        .metadata
        .annotations
        .insert("kubernetes.io/config.mirror", "x".to_owned());
    assert_eq!(
        run(&plugin, POD, mirror).await.err().as_deref(),
        Some(r#"pods "p" is forbidden: a mirror pod may not reference secrets"#)
    );
}

#[tokio::test]
async fn priorities() {
    let classes = [
        r#"{"metadata":{"name":"high"},"value":100,"preemptionPolicy":"Never"}"#,
        r#"{"metadata":{"name":"usual"},"value":10,"globalDefault":true,"preemptionPolicy":"PreemptLowerPriority"}"#,
        r#"{"metadata":{"name":"lower"},"value":5,"globalDefault":true}"#,
    ];
    let plugin = Priority::new(FixedLookup::new(classes.map(json::<PriorityClass>)));
    let of = |pod: &Pod| {
        (
            pod.spec.priority_class_name.clone(),
            pod.spec.priority,
            pod.spec.preemption_policy.clone(),
        )
    };
    let admitted = run(&plugin, POD, pod(r#"{"containers":[]}"#)).await.expect("admitted");
    assert_eq!(of(&admitted), ("lower".to_owned(), Some(5), None));
    let admitted = run(&plugin, POD, pod(r#"{"priorityClassName":"high","containers":[]}"#))
        .await
        .expect("admitted");
    assert_eq!(of(&admitted), ("high".to_owned(), Some(100), Some("Never".to_owned())));
    let refused = [
        (
            r#"{"priorityClassName":"gone","containers":[]}"#,
            r#"pods "p" is forbidden: no PriorityClass with name gone was found"#,
        ),
        (
            r#"{"priorityClassName":"high","priority":7,"containers":[]}"#,
            r#"pods "p" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 100 from the given PriorityClass name"#,
        ),
        (
            r#"{"priorityClassName":"high","preemptionPolicy":"PreemptLowerPriority","containers":[]}"#,
            r#"pods "p" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name"#,
        ),
    ];
    for (spec, expected) in refused {
        assert_eq!(run(&plugin, POD, pod(spec)).await.err().as_deref(), Some(expected));
    }
    let none = Priority::new(FixedLookup::new([]));
    let admitted = run(&none, POD, pod(r#"{"containers":[]}"#)).await.expect("admitted");
    assert_eq!(
        of(&admitted),
        (String::new(), Some(0), Some("PreemptLowerPriority".to_owned()))
    );
    let class: PriorityClass = json(r#"{"metadata":{"name":"new"},"value":1,"globalDefault":true}"#);
    let case = Case {
        resource: ("scheduling.k8s.io", "priorityclasses"),
        ..POD
    };
    assert_eq!(
        run(&plugin, case, class).await.err().as_deref(),
        Some(
            r#"priorityclasses.scheduling.k8s.io "new" is forbidden: PriorityClass lower is already marked as default. Only one default can exist"#
        )
    );
}

fn shown(pod: &Pod) -> Vec<String> {
    let tolerations = pod.spec.tolerations.iter();
    tolerations
        .map(|t| {
            let seconds = t.toleration_seconds.map_or(String::new(), |s| format!(":{s}"));
            format!("{}:{}:{}{seconds}", t.key, t.operator, t.effect)
        })
        .collect()
}

#[tokio::test]
async fn tolerations_are_added_and_merged() {
    let seconds = DefaultTolerationSeconds::new(300, 60);
    let cases: [(&str, &[&str]); 3] = [
        (
            "[]",
            &[
                "node.kubernetes.io/not-ready:Exists:NoExecute:300",
                "node.kubernetes.io/unreachable:Exists:NoExecute:60",
            ],
        ),
        (r#"[{"operator":"Exists"}]"#, &[":Exists:"]),
        (
            r#"[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute"}]"#,
            &[
                "node.kubernetes.io/unreachable:Exists:NoExecute",
                "node.kubernetes.io/not-ready:Exists:NoExecute:300",
            ],
        ),
    ];
    for (tolerations, expected) in cases {
        let pod = pod(&format!(r#"{{"containers":[],"tolerations":{tolerations}}}"#));
        assert_eq!(
            shown(&run(&seconds, POD, pod).await.expect("admitted")),
            expected,
            "{tolerations}"
        );
    }
    let asking = pod(
        r#"{"containers":[{"name":"a","resources":{"requests":{"b.com/x":"1","cpu":"1"}}}],
            "initContainers":[{"name":"i","resources":{"requests":{"a.com/x":"1"}}}]}"#,
    );
    let admitted = run(&ExtendedResourceToleration, POD, asking).await.expect("admitted");
    assert_eq!(
        shown(&admitted),
        ["a.com/x:Exists:NoSchedule", "b.com/x:Exists:NoSchedule"]
    );
}

#[tokio::test]
async fn tolerations_are_restricted() {
    let namespace: Namespace = json(
        r#"{"metadata":{"name":"ns","annotations":{
            "scheduler.alpha.kubernetes.io/defaultTolerations":"[{\"key\":\"own\",\"operator\":\"Exists\"}]",
            "scheduler.alpha.kubernetes.io/tolerationsWhitelist":"[{\"key\":\"own\",\"operator\":\"Exists\"},{\"key\":\"node.kubernetes.io/memory-pressure\",\"operator\":\"Exists\"}]"}}}"#,
    );
    let gates = Arc::new(FeatureGates::default());
    let plugin = PodTolerationRestriction::new(
        TolerationConfiguration::default(),
        gates.clone(),
        FixedLookup::new([namespace]),
    );
    let burstable = pod(r#"{"containers":[{"name":"a","resources":{"requests":{"cpu":"1"}}}]}"#);
    let admitted = run(&plugin, POD, burstable).await.expect("admitted");
    assert_eq!(
        shown(&admitted),
        ["own:Exists:", "node.kubernetes.io/memory-pressure:Exists:NoSchedule"]
    );
    let foreign = r#"{"containers":[],"tolerations":[{"key":"other","operator":"Exists"}]}"#;
    assert_eq!(
        run(&plugin, POD, pod(foreign)).await.err().as_deref(),
        Some(
            "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist"
        )
    );
    let text = "apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1\nkind: Configuration\n\
        whitelist: [{key: a, operator: Exists}]\n";
    let configuration = TolerationConfiguration::from_slice(text.as_bytes()).expect("a configuration");
    let silent: Namespace = json(r#"{"metadata":{"name":"ns"}}"#);
    let plugin = PodTolerationRestriction::new(configuration, gates, FixedLookup::new([silent]));
    assert_eq!(
        run(&plugin, POD, pod(foreign)).await.err().as_deref(),
        Some(
            "pod tolerations (possibly merged with namespace default tolerations) conflict with its cluster whitelist"
        )
    );
    let bad = "apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1\nkind: Configuration\n\
        default: [{key: a, operator: Near}]\n";
    let error = TolerationConfiguration::from_slice(bad.as_bytes())
        .expect_err("nonsense")
        .to_string();
    assert!(
        error.starts_with("invalid config: [podtolerationrestriction.default[0].operator: Unsupported value"),
        "{error}"
    );
}

#[tokio::test]
async fn runtime_classes() {
    let classes = [
        r#"{"metadata":{"name":"heavy"},"handler":"h","overhead":{"podFixed":{"cpu":"100m"}}}"#,
        r#"{"metadata":{"name":"placed"},"handler":"h","scheduling":{"nodeSelector":{"a":"b"},"tolerations":[{"key":"r","operator":"Exists"}]}}"#,
    ];
    let plugin = RuntimeClassAdmission::new(FixedLookup::new(classes.map(json::<RuntimeClass>)));
    let heavy = run(&plugin, POD, pod(r#"{"runtimeClassName":"heavy","containers":[]}"#))
        .await
        .expect("admitted");
    assert_eq!(heavy.spec.overhead["cpu"].to_string(), "100m");
    let placed = pod(r#"{"runtimeClassName":"placed","containers":[],"nodeSelector":{"c":"d"}}"#);
    let placed = run(&plugin, POD, placed).await.expect("admitted");
    assert_eq!(
        (placed.spec.node_selector.len(), shown(&placed)),
        (2, vec!["r:Exists:".to_owned()])
    );
    let cases = [
        (
            r#"{"runtimeClassName":"gone","containers":[]}"#,
            r#"pods "p" is forbidden: pod rejected: RuntimeClass "gone" not found"#,
        ),
        (
            r#"{"runtimeClassName":"heavy","containers":[],"overhead":{"cpu":"1"}}"#,
            r#"pods "p" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"#,
        ),
        (
            r#"{"containers":[],"overhead":{"cpu":"1"}}"#,
            r#"pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"#,
        ),
        (
            r#"{"runtimeClassName":"placed","containers":[],"nodeSelector":{"a":"x"}}"#,
            r#"pods "p" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[a] = b; pod.spec.nodeSelector[a] = x"#,
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(run(&plugin, POD, pod(spec)).await.err().as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn nodes_label_and_bound_pods() {
    let node: Node = json(
        r#"{"metadata":{"name":"n","labels":{"topology.kubernetes.io/zone":"z","other":"x"}},"status":{"allocatable":{"cpu":"1","memory":"1Gi"}}}"#,
    );
    let windows: Node = json(r#"{"metadata":{"name":"w","labels":{"kubernetes.io/os":"windows"}}}"#);
    let nodes = FixedLookup::new([node, windows]);
    let gates = FeatureGates::default();
    let labels = PodTopologyLabels::new(&gates, nodes.clone());
    let placed = run(&labels, POD, pod(r#"{"nodeName":"n","containers":[]}"#))
        .await
        .expect("admitted");
    assert_eq!(
        placed
            .metadata
            .labels
            .get("topology.kubernetes.io/zone")
            .map(String::as_str),
        Some("z")
    );
    let binding: Binding = json(r#"{"metadata":{"name":"p"},"target":{"kind":"Node","name":"n"}}"#);
    let case = Case {
        subresource: "binding",
        ..POD
    };
    assert_eq!(
        run(&labels, case, binding)
            .await
            .expect("admitted")
            .metadata
            .labels
            .len(),
        1
    );
    let resize = PodResizeValidator::new(&gates, nodes);
    let cases = [
        ("n", "1", None),
        (
            "n",
            "2",
            Some(
                r#"pods "p" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2000, allocatable: 1000"#,
            ),
        ),
        (
            "w",
            "1",
            Some(r#"pods "p" is forbidden: pod resize is only supported on linux nodes, node "w" is "windows""#),
        ),
        ("gone", "1", Some(r#"pods "p" is forbidden: node "gone" not found"#)),
    ];
    for (node, cpu, expected) in cases {
        let old = pod(&format!(r#"{{"nodeName":"{node}","containers":[{{"name":"a"}}]}}"#));
        let mut new = pod(&format!(
            r#"{{"nodeName":"{node}","containers":[{{"name":"a","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}"#
        ));
        new.metadata.generation = 2;
        let case = Case {
            subresource: "resize",
            old: Some(&old),
            ..POD
        };
        assert_eq!(run(&resize, case, new).await.err().as_deref(), expected, "{node} {cpu}");
    }
}

#[tokio::test]
async fn node_selectors() {
    let namespace: Namespace =
        json(r#"{"metadata":{"name":"ns","annotations":{"scheduler.alpha.kubernetes.io/node-selector":"env=test"}}}"#);
    let configuration = PodNodeSelectorConfiguration::from_slice(
        b"podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: env=any\n  ns: env=test,disk=ssd\n",
    )
    .expect("a configuration");
    let plugin = PodNodeSelector::new(configuration, FixedLookup::new([namespace]));
    let admitted = run(&plugin, POD, pod(r#"{"containers":[],"nodeSelector":{"disk":"ssd"}}"#))
        .await
        .expect("admitted");
    assert_eq!(admitted.spec.node_selector.get("env").map(String::as_str), Some("test"));
    let cases = [
        (
            r#"{"env":"prod"}"#,
            r#"pods "p" is forbidden: pod node label selector conflicts with its namespace node label selector"#,
        ),
        (
            r#"{"gpu":"yes"}"#,
            r#"pods "p" is forbidden: pod node label selector labels conflict with its namespace whitelist"#,
        ),
    ];
    for (selector, expected) in cases {
        let pod = pod(&format!(r#"{{"containers":[],"nodeSelector":{selector}}}"#));
        assert_eq!(run(&plugin, POD, pod).await.err().as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn images_and_topologies() {
    let images = pod(
        r#"{"containers":[{"name":"a","image":"i","imagePullPolicy":"Never"}],"ephemeralContainers":[{"name":"e","image":"x"}],
            "volumes":[{"name":"v","image":{"reference":"r","pullPolicy":"Never"}}]}"#,
    );
    let admitted = run(&AlwaysPullImages, POD, images.clone()).await.expect("admitted");
    assert_eq!(admitted.spec.containers[0].image_pull_policy, "Always");
    assert_eq!(admitted.spec.ephemeral_containers[0].image_pull_policy, "Always");
    assert_eq!(
        admitted.spec.volumes[0].image.as_ref().expect("an image").pull_policy,
        "Always"
    );
    let case = Case {
        old: Some(&images),
        ..POD
    };
    let unchanged = run(&AlwaysPullImages, case, images.clone()).await.expect("admitted");
    assert_eq!(
        unchanged.spec.containers[0].image_pull_policy, "Never",
        "no new image, no new policy"
    );
    let apart = |key: &str| {
        pod(&format!(
            r#"{{"containers":[],"affinity":{{"podAntiAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":[{{"topologyKey":"{key}"}}]}}}}}}"#
        ))
    };
    let plugin = LimitPodHardAntiAffinityTopology;
    assert!(run(&plugin, POD, apart("kubernetes.io/hostname")).await.is_ok());
    assert_eq!(
        run(&plugin, POD, apart("zone")).await.err().as_deref(),
        Some(
            r#"pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key kubernetes.io/hostname is allowed"#
        )
    );
}

/// A service that answers by the image's name, or is away.
#[derive(Debug, Default)]
struct Reviews(std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl ImageReviewer for Reviews {
    async fn review(&self, spec: &ImageReviewSpec) -> Result<ImageReviewStatus, String> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match spec.containers[0].image.as_str() {
            "away" => Err("connection refused".to_owned()),
            "good" => Ok(ImageReviewStatus {
                allowed: true,
                ..ImageReviewStatus::default()
            }),
            _ => Ok(ImageReviewStatus {
                reason: "too old".to_owned(),
                ..ImageReviewStatus::default()
            }),
        }
    }
}

#[tokio::test]
async fn images_are_reviewed() {
    let read = |text: &str| ImagePolicyConfiguration::from_slice(Some(text.as_bytes()));
    let strict = read("imagePolicy: {kubeConfigFile: /x, allowTTL: 60}").expect("a configuration");
    let reviews = Arc::new(Reviews::default());
    let plugin = ImagePolicyWebhook::new(&strict, reviews.clone());
    let image = |name: &str| pod(&format!(r#"{{"containers":[{{"name":"a","image":"{name}"}}]}}"#));
    for _ in 0..2 {
        assert!(run(&plugin, POD, image("good")).await.is_ok());
    }
    assert_eq!(
        reviews.0.load(std::sync::atomic::Ordering::SeqCst),
        1,
        "the answer is kept"
    );
    let cases = [
        (
            "old",
            r#"pods "p" is forbidden: image policy webhook backend denied one or more images: too old"#,
        ),
        ("away", r#"pods "p" is forbidden: connection refused"#),
    ];
    for (name, expected) in cases {
        assert_eq!(run(&plugin, POD, image(name)).await.err().as_deref(), Some(expected));
    }
    let lax = read("imagePolicy: {defaultAllow: true}").expect("a configuration");
    let plugin = ImagePolicyWebhook::new(&lax, reviews);
    assert!(run(&plugin, POD, image("away")).await.is_ok());
    let error = read("imagePolicy: {denyTTL: 3600}").expect_err("too long").to_string();
    assert_eq!(error, "valid value is between 1s and 1800s, got 3600s");
    let none = ImagePolicyConfiguration::from_slice(None)
        .expect_err("nothing")
        .to_string();
    assert_eq!(none, "no config specified");
}
