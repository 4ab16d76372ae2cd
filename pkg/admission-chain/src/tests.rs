//! Order, defaults, flags and configuration files.

use std::{fs, sync::Arc};

use apiserver::{
    admission::{AdmissionMetrics, Permissions, StoreDirectory},
    proxy::ServiceResolver,
};
use apiserver_auth::authorization::AlwaysAllow;
use component_base::{feature_gates::FeatureGates, metrics::MetricsRegistry};

use crate::{AdmissionOptions, Environment, PLUGINS, build};

fn environment() -> Environment {
    let registry = MetricsRegistry::default();
    let directory = Arc::new(StoreDirectory::default());
    Environment {
        gates: Arc::new(FeatureGates::default()),
        services: ServiceResolver::over(&directory, false),
        directory,
        permissions: Permissions::new(Arc::new(AlwaysAllow)),
        emulated: 36,
        metrics: AdmissionMetrics::new(&registry),
        registry,
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

const DEFAULT_ON: [&str; 27] = [
    "NamespaceLifecycle",
    "LimitRanger",
    "ServiceAccount",
    "TaintNodesByCondition",
    "PodSecurity",
    "Priority",
    "DefaultTolerationSeconds",
    "DefaultStorageClass",
    "StorageObjectInUseProtection",
    "PodGroupProtection",
    "PersistentVolumeClaimResize",
    "RuntimeClass",
    "CertificateApproval",
    "CertificateSigning",
    "ClusterTrustBundleAttest",
    "CertificateSubjectRestriction",
    "DefaultIngressClass",
    "PodTopologyLabels",
    "PodGroupWorkloadExists",
    "NodeDeclaredFeatureValidator",
    "JobValidation",
    "PodResizeValidator",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
    "ResourceQuota",
];

#[test]
fn what_is_on() {
    let options = AdmissionOptions::default();
    assert_eq!(options.enabled(), DEFAULT_ON);
    assert_eq!(PLUGINS.len(), 41);
    let chosen = AdmissionOptions {
        enable: names(&["NodeRestriction", "AlwaysDeny", "LimitRanger"]),
        disable: names(&["PodSecurity"]),
        ..AdmissionOptions::default()
    };
    let enabled = chosen.enabled();
    assert_eq!(
        enabled[..4],
        ["NamespaceLifecycle", "LimitRanger", "ServiceAccount", "NodeRestriction"]
    );
    assert_eq!(enabled.last(), Some(&"AlwaysDeny"));
    assert!(!enabled.contains(&"PodSecurity"));
    let exactly = AdmissionOptions {
        exactly: names(&["AlwaysDeny", "NamespaceLifecycle"]),
        ..AdmissionOptions::default()
    };
    assert_eq!(exactly.enabled(), ["NamespaceLifecycle", "AlwaysDeny"]);
}

#[test]
fn flags_are_checked() {
    let options = AdmissionOptions {
        enable: names(&["Ghost", "AlwaysAdmit"]),
        disable: names(&["AlwaysAdmit", "Spook"]),
        exactly: names(&["Spirit"]),
        ..AdmissionOptions::default()
    };
    assert_eq!(
        options.validate(),
        [
            "admission-control and enable-admission-plugins/disable-admission-plugins flags are mutually exclusive",
            r#"admission-control plugin "Spirit" is unknown"#,
            r#"enable-admission-plugins plugin "Ghost" is unknown"#,
            r#"disable-admission-plugins plugin "Spook" is unknown"#,
            "[AlwaysAdmit] in enable-admission-plugins and disable-admission-plugins overlapped",
        ]
    );
    assert!(build(&options, &environment()).is_err());
}

#[test]
fn every_plugin_can_be_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("admission.yaml");
    let kubeconfig = directory.path().join("kubeconfig");
    fs::write(
        &kubeconfig,
        "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n\
         contexts: [{name: c, context: {cluster: c, user: ''}}]\ncurrent-context: c\n",
    )
    .expect("a file");
    fs::write(directory.path().join("events.yaml"), EVENTS).expect("a file");
    let text = format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n\
         - name: EventRateLimit\n  path: events.yaml\n\
         - name: ImagePolicyWebhook\n  configuration: {{imagePolicy: {{kubeConfigFile: {kubeconfig:?}}}}}\n\
         - name: PodSecurity\n  configuration:\n    apiVersion: pod-security.admission.config.k8s.io/v1\n    kind: PodSecurityConfiguration\n    defaults: {{enforce: baseline}}\n"
    );
    fs::write(&file, text).expect("a file");
    let options = AdmissionOptions {
        exactly: PLUGINS.iter().map(|entry| entry.name.to_owned()).collect(),
        config_file: file.to_string_lossy().into_owned(),
        ..AdmissionOptions::default()
    };
    let chain = build(&options, &environment()).expect("a chain");
    let made = chain.names();
    let places = ["MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"];
    let expected: Vec<&str> = PLUGINS
        .iter()
        .map(|entry| entry.name)
        .filter(|name| !places.contains(name))
        .collect();
    assert_eq!(made, expected);
}

const EVENTS: &str = "apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\n\
    limits: [{type: Server, qps: 1, burst: 1}]\n";

#[test]
fn configurations_are_checked() {
    let directory = tempfile::tempdir().expect("a directory");
    let cases = [
        (
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n  configuration: {apiVersion: pod-security.admission.config.k8s.io/v1, kind: PodSecurityConfiguration, defaults: {enforce: none}}\n",
            r#"couldn't init admission plugin "PodSecurity": PodSecurity invalid: defaults.enforce: Invalid value: "none""#,
        ),
        (
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n  path: gone.yaml\n",
            "couldn't open admission plugin configuration ",
        ),
        (
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugin: []\n",
            "failed to read plugin config: strict decoding error: unknown field \"plugin\"",
        ),
        ("a: b\n", "failed to read plugin config: no kind \"\" is registered"),
    ];
    for (number, (text, expected)) in cases.into_iter().enumerate() {
        let file = directory.path().join(format!("{number}.yaml"));
        fs::write(&file, text).expect("a file");
        let options = AdmissionOptions {
            config_file: file.to_string_lossy().into_owned(),
            ..AdmissionOptions::default()
        };
        let error = build(&options, &environment()).expect_err("nonsense").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let missing = AdmissionOptions {
        config_file: "/nonexistent/admission.yaml".to_owned(),
        ..AdmissionOptions::default()
    };
    let error = build(&missing, &environment()).expect_err("no file").to_string();
    assert!(
        error.starts_with(r#"failed to read plugin config: unable to read admission control configuration from "/nonexistent/admission.yaml" ["#),
        "{error}"
    );
}

#[test]
fn files_of_old_are_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("selector.yaml");
    fs::write(
        &file,
        "podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: a=b\n",
    )
    .expect("a file");
    let options = AdmissionOptions {
        enable: names(&["PodNodeSelector"]),
        config_file: file.to_string_lossy().into_owned(),
        ..AdmissionOptions::default()
    };
    assert!(
        build(&options, &environment())
            .expect("a chain")
            .names()
            .contains(&"PodNodeSelector")
    );
}
