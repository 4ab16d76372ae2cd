//! Levels, versions and modes, in upstream's words.

use std::sync::Arc;

use apiserver::{
    admission::{Attributes, FixedLookup, GroupVersionName, Operation, Plugin, Reinvocation, WriteOptions},
    registry::AnyObject,
    request::{RequestContext, RequestInfo, UserInfo},
};
use component_base::metrics::MetricsRegistry;
use k8s_api::{
    Kind as _,
    apps::v1::Deployment,
    core::v1::{Namespace, Pod},
    meta::v1::ObjectMeta,
};

use crate::{Evaluator, Level, LevelVersion, PodSecurity, PodSecurityConfiguration, PodSecurityMetrics, Version};

fn evaluate(level: Level, version: Version, pod: &str) -> String {
    let pod = Pod::from_json(pod.as_bytes()).expect("a pod");
    let mode = LevelVersion { level, version };
    Evaluator::new(36).evaluate(mode, &pod.metadata, &pod.spec).detail()
}

#[test]
fn baseline_of_versions() {
    use Version::{Latest, Minor};

    let probe = r#"{"spec":{"containers":[{"name":"a","livenessProbe":{"httpGet":{"host":"h","port":1}}}]}}"#;
    let engine =
        r#"{"spec":{"securityContext":{"seLinuxOptions":{"type":"container_engine_t","role":"r"}},"containers":[]}}"#;
    let sysctl =
        r#"{"spec":{"securityContext":{"sysctls":[{"name":"net.ipv4.tcp_rmem","value":"1"}]},"containers":[]}}"#;
    let seccomp = r#"{"metadata":{"annotations":{"seccomp.security.alpha.kubernetes.io/pod":"unconfined"}},
        "spec":{"containers":[{"name":"a","securityContext":{"seccompProfile":{"type":"Unconfined"}}}]}}"#;
    let unmasked =
        r#"{"spec":{"hostUsers":false,"containers":[{"name":"a","securityContext":{"procMount":"Unmasked"}}]}}"#;
    let unmasked_text = r#"procMount (container "a" must not set securityContext.procMount to "Unmasked")"#;
    let cases = [
        (
            Latest,
            probe,
            r#"probe or lifecycle host (container "a" uses probe or lifecycle host "h")"#,
        ),
        (Minor(33), probe, ""),
        (
            Latest,
            engine,
            "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: role may not be set)",
        ),
        (
            Minor(30),
            engine,
            r#"seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "container_engine_t"; role may not be set)"#,
        ),
        (Latest, sysctl, ""),
        (Minor(31), sysctl, "forbidden sysctls (net.ipv4.tcp_rmem)"),
        (
            Minor(18),
            seccomp,
            r#"seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")"#,
        ),
        (
            Minor(19),
            seccomp,
            r#"seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")"#,
        ),
        (Minor(99), unmasked, ""),
        (Minor(34), unmasked, unmasked_text),
    ];
    for (version, pod, expected) in cases {
        assert_eq!(evaluate(Level::Baseline, version, pod), expected, "{version} {pod}");
    }
    assert_eq!(evaluate(Level::Privileged, Latest, probe), "");
    assert!(evaluate(Level::Restricted, Latest, unmasked).contains(unmasked_text));
}

#[test]
fn every_baseline_check() {
    let pod = r#"{"metadata":{"annotations":{"container.apparmor.security.beta.kubernetes.io/a":"bad"}},
        "spec":{"hostNetwork":true,"hostIPC":true,"hostPID":true,
        "securityContext":{"appArmorProfile":{"type":"Unconfined"},"windowsOptions":{"hostProcess":true}},
        "volumes":[{"name":"v","hostPath":{"path":"/"}},{"name":"w","hostPath":{"path":"/"}}],
        "initContainers":[{"name":"i","securityContext":{"capabilities":{"add":["BAR","CHOWN"]}}}],
        "containers":[{"name":"a","ports":[{"containerPort":1,"hostPort":9},{"containerPort":2,"hostPort":10}],
            "securityContext":{"privileged":true,"capabilities":{"add":["FOO"]}}}],
        "ephemeralContainers":[{"name":"e","securityContext":{"privileged":true}}]}}"#;
    let expected = [
        r#"forbidden AppArmor profiles (pod and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/a="bad"")"#,
        r#"non-default capabilities (containers "i", "a" must not include "BAR", "FOO" in securityContext.capabilities.add)"#,
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
        r#"hostPath volumes (volumes "v", "w")"#,
        r#"hostPort (container "a" uses hostPorts 10, 9)"#,
        r#"privileged (containers "a", "e" must not set securityContext.privileged=true)"#,
        "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    ];
    assert_eq!(evaluate(Level::Baseline, Version::Latest, pod), expected.join(", "));
}

#[test]
fn restricted_adds_and_replaces() {
    let pod = r#"{"spec":{"securityContext":{"runAsUser":0},
        "volumes":[{"name":"v","hostPath":{"path":"/"}},{"name":"n","nfs":{"server":"s","path":"/"}},{"name":"ok","emptyDir":{}}],
        "containers":[{"name":"a","securityContext":{"runAsNonRoot":false,"capabilities":{"add":["NET_RAW"],"drop":["ALL"]}}},
            {"name":"b"}]}}"#;
    let expected = [
        r#"allowPrivilegeEscalation != false (containers "a", "b" must set securityContext.allowPrivilegeEscalation=false)"#,
        r#"unrestricted capabilities (container "b" must set securityContext.capabilities.drop=["ALL"]; container "a" must not include "NET_RAW" in securityContext.capabilities.add)"#,
        r#"restricted volume types (volumes "v", "n" use restricted volume types "hostPath", "nfs")"#,
        r#"runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)"#,
        "runAsUser=0 (pod must not set runAsUser=0)",
        r#"seccompProfile (pod or containers "a", "b" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#,
    ];
    assert_eq!(evaluate(Level::Restricted, Version::Latest, pod), expected.join(", "));
    let windows =
        r#"{"spec":{"os":{"name":"windows"},"securityContext":{"runAsNonRoot":true},"containers":[{"name":"a"}]}}"#;
    assert_eq!(evaluate(Level::Restricted, Version::Latest, windows), "");
    let old = evaluate(Level::Restricted, Version::Minor(7), windows);
    assert_eq!(old, "");
}

struct Answer {
    refused: Option<String>,
    warnings: Vec<String>,
    annotations: Vec<(String, String)>,
}

fn namespace(name: &str, labels: &[(&str, &str)]) -> Namespace {
    let mut metadata = ObjectMeta {
        name: name.to_owned(),
        ..ObjectMeta::default()
    };
    for (mode, value) in labels {
        metadata
            .labels
            .insert(format!("pod-security.kubernetes.io/{mode}"), (*value).to_owned());
    }
    Namespace {
        metadata,
        ..Namespace::default()
    }
}

fn plugin(configuration: &str, pods: Vec<Pod>) -> PodSecurity {
    let namespaces = [
        namespace("plain", &[]),
        namespace("strict", &[("enforce", "baseline"), ("audit", "restricted")]),
        namespace("broken", &[("enforce", "nonsense"), ("warn", "nonsense")]),
        namespace("exempt", &[("enforce", "restricted")]),
    ];
    let configuration = match configuration {
        "" => PodSecurityConfiguration::default(),
        text => PodSecurityConfiguration::from_slice(text.as_bytes()).expect("a configuration"),
    };
    let metrics = PodSecurityMetrics::new(&MetricsRegistry::default(), 36);
    let (namespaces, pods) = (FixedLookup::new(namespaces), FixedLookup::new(pods));
    PodSecurity::new(configuration, 36, namespaces, pods, metrics).expect("a plugin")
}

async fn judge(
    plugin: &PodSecurity,
    resource: (&str, &str, &str),
    namespace: &str,
    object: &dyn AnyObject,
    old: Option<&dyn AnyObject>,
) -> Answer {
    let (group, resource, kind) = resource;
    let user = Arc::new(UserInfo::named("tester"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::UNIX_EPOCH, String::new());
    let named = |name: &str| GroupVersionName {
        group: group.to_owned(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let attributes = Attributes {
        request: &request,
        kind: &named(kind),
        resource: &named(resource),
        subresource: "",
        namespace,
        name: &object.metadata().name,
        operation: if old.is_some() {
            Operation::Update
        } else {
            Operation::Create
        },
        options: &WriteOptions::default(),
        old,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    let refused = plugin.validate(&attributes, Some(object)).await.err();
    Answer {
        refused: refused.map(|status| status.status().message.clone()),
        warnings: request.warnings(),
        annotations: request.annotations().into_iter().collect(),
    }
}

const PODS: (&str, &str, &str) = ("", "pods", "Pod");
const NAMESPACES: (&str, &str, &str) = ("", "namespaces", "Namespace");

fn host_pod(name: &str, owner: &str) -> Pod {
    let owners = match owner {
        "" => String::new(),
        uid => format!(r#","ownerReferences":[{{"uid":"{uid}","controller":true}}]"#),
    };
    let json = format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"plain"{owners}}},"spec":{{"hostNetwork":true,"containers":[{{"name":"a","image":"i"}}]}}}}"#
    );
    Pod::from_json(json.as_bytes()).expect("a pod")
}

#[tokio::test]
async fn pods_are_refused_audited_and_warned_of() {
    let plugin = plugin("", Vec::new());
    let pod = host_pod("p", "");
    let answer = judge(&plugin, PODS, "plain", &pod, None).await;
    assert_eq!(answer.refused, None);
    assert_eq!(
        answer.annotations,
        [(
            "pod-security.kubernetes.io/enforce-policy".to_owned(),
            "privileged:latest".to_owned()
        )]
    );
    let answer = judge(&plugin, PODS, "strict", &pod, None).await;
    assert_eq!(
        answer.refused.as_deref(),
        Some(r#"pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)"#)
    );
    let keys: Vec<&str> = answer.annotations.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "pod-security.kubernetes.io/audit-violations",
            "pod-security.kubernetes.io/enforce-policy"
        ]
    );
    // What ran already may be updated.
    let answer = judge(&plugin, PODS, "strict", &pod, Some(&pod)).await;
    assert_eq!(answer.refused, None);
    // Unreadable labels are taken for the strictest.
    let answer = judge(&plugin, PODS, "broken", &pod, None).await;
    assert!(
        answer
            .refused
            .expect("a refusal")
            .contains(r#"PodSecurity "restricted:latest""#)
    );
    let answer = judge(&plugin, PODS, "gone", &pod, None).await;
    assert_eq!(
        answer.refused.as_deref(),
        Some(r#"Internal error occurred: failed to lookup namespace "gone""#)
    );
}

#[tokio::test]
async fn workloads_are_warned_of() {
    let plugin = plugin("", Vec::new());
    let mut deployment = Deployment::default();
    deployment.spec.template.spec = host_pod("p", "").spec;
    let answer = judge(
        &plugin,
        ("apps", "deployments", "Deployment"),
        "strict",
        &deployment,
        None,
    )
    .await;
    assert_eq!(answer.refused, None);
    assert_eq!(
        answer.warnings,
        [r#"would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)"#]
    );
}

#[tokio::test]
async fn labels_of_namespaces() {
    let pods = vec![host_pod("c", ""), host_pod("b", "x"), host_pod("a", "x")];
    let plugin = plugin("", pods);
    let bad = namespace("plain", &[("enforce", "strictest"), ("warn-version", "v2")]);
    let answer = judge(&plugin, NAMESPACES, "plain", &bad, None).await;
    assert_eq!(
        answer.refused.as_deref(),
        Some(
            r#"Namespace "plain" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strictest": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "v2": must be "latest" or "v1.x"]"#
        )
    );
    let answer = judge(&plugin, NAMESPACES, "plain", &bad, Some(&bad)).await;
    assert_eq!(answer.refused, None, "what was wrong before may stay");
    let old = namespace("plain", &[]);
    let new = namespace("plain", &[("enforce", "baseline")]);
    let answer = judge(&plugin, NAMESPACES, "plain", &new, Some(&old)).await;
    assert_eq!(
        answer.warnings,
        [
            r#"existing pods in namespace "plain" violate the new PodSecurity enforce level "baseline:latest""#,
            "a (and 2 other pods): host namespaces"
        ]
    );
    let answer = judge(&plugin, NAMESPACES, "plain", &old, Some(&new)).await;
    assert!(answer.warnings.is_empty(), "a laxer level breaks nothing");
}

#[tokio::test]
async fn configuration() {
    let text = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n\
        defaults: {enforce: baseline, enforce-version: v1.30}\n\
        exemptions: {usernames: [root], namespaces: [exempt], runtimeClasses: [gvisor]}\n";
    let plugin = plugin(text, Vec::new());
    let pod = host_pod("p", "");
    let answer = judge(&plugin, PODS, "plain", &pod, None).await;
    assert!(
        answer
            .refused
            .expect("a refusal")
            .contains(r#"PodSecurity "baseline:v1.30""#)
    );
    let answer = judge(&plugin, PODS, "exempt", &pod, None).await;
    assert_eq!(answer.refused, None);
    assert_eq!(
        answer.annotations,
        [("pod-security.kubernetes.io/exempt".to_owned(), "namespace".to_owned())]
    );
    let mut sandboxed = pod.clone();
    sandboxed.spec.runtime_class_name = Some("gvisor".to_owned());
    assert_eq!(judge(&plugin, PODS, "plain", &sandboxed, None).await.refused, None);
    let exempt = namespace("exempt", &[("enforce", "restricted"), ("warn", "baseline")]);
    let answer = judge(&plugin, NAMESPACES, "exempt", &exempt, None).await;
    assert_eq!(
        answer.warnings,
        [
            r#"namespace "exempt" is exempt from Pod Security, and the policy (enforce=restricted:v1.30, warn=baseline:latest) will be ignored"#
        ]
    );
    let bad = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n\
        defaults: {enforce: none, warn-version: v01}\nexemptions: {namespaces: [a, a, A]}\n";
    let error = PodSecurityConfiguration::from_slice(bad.as_bytes()).expect_err("nonsense");
    let text = error.to_string();
    for part in [
        r#"defaults.enforce: Invalid value: "none": must be one of privileged, baseline, restricted"#,
        r#"defaults.warn-version: Invalid value: "v01""#,
        r#"exemptions.namespaces[1]: Duplicate value: "a""#,
        r#"exemptions.namespaces[2]: Invalid value: "A""#,
    ] {
        assert!(text.contains(part), "{text}");
    }
}
