//! What a pod of 8 KB costs on its way to the store, step by step: `cargo bench -p registry --bench pod`.
//!
//! The budget is 0.1 ms of CPU for defaults, preparation and validation together.

use std::time::{Duration, Instant};

use apiserver::{
    registry::{ObjectBox, StrategyContext},
    request::UserInfo,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind as _, core::v1::Pod};
use registry::{Registration, Settings};
use serde_json::{Value, json};

const ROUNDS: usize = 2000;

/// A pod as a chart makes it: eight containers with variables, probes, mounts and volumes.
fn pod() -> Value {
    let container = |number: usize| {
        let variables: Vec<Value> = (0..8)
            .map(|at| json!({"name": format!("VARIABLE_{at}"), "value": format!("the value of variable number {at}")}))
            .collect();
        json!({
            "name": format!("container-{number}"),
            "image": format!("registry.example.com/team/application-{number}:v1.2.3"),
            "env": variables,
            "ports": [{"name": format!("http-{number}"), "containerPort": 8080 + number}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080 + number}},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": format!("http-{number}")}, "periodSeconds": 5},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}, {"name": "data", "mountPath": "/data"}],
            "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "application", "namespace": "default",
            "labels": {"app.kubernetes.io/name": "application", "app.kubernetes.io/instance": "one"},
            "annotations": {"example.com/checksum": "0123456789abcdef0123456789abcdef"}},
        "spec": {
            "containers": (0..8).map(container).collect::<Vec<_>>(),
            "volumes": [{"name": "config", "configMap": {"name": "application"}}, {"name": "data", "emptyDir": {}}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100,
                "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "application"}}}}]}},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": 300}],
        },
    })
}

/// Times `step` on fresh inputs, which are made outside the time. The median tells, for a busy machine interrupts.
fn time<T, R>(name: &str, mut input: impl FnMut() -> T, mut step: impl FnMut(T) -> R) -> Duration {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let given = input();
        let start = Instant::now();
        let result = step(given);
        times.push(start.elapsed());
        std::hint::black_box(result);
    }
    times.sort_unstable();
    report(name, times[ROUNDS / 2])
}

fn report(name: &str, each: Duration) -> Duration {
    #[allow(clippy::print_stdout, reason = "a benchmark reports on standard output")]
    {
        println!("{name:<24}{:>9.2} µs", each.as_secs_f64() * 1e6);
    }
    each
}

fn main() {
    let registrations = registry::all(&Settings { allow_privileged: true });
    let pods: &Registration = registrations
        .iter()
        .find(|registration| registration.group_resource() == ("", "pods"))
        .expect("pods are registered");
    let (strategy, codec) = (&pods.strategy, &pods.versions[0].codec);
    let (user, gates) = (UserInfo::default(), FeatureGates::default());
    let context = StrategyContext {
        user: &user,
        gates: &gates,
        now: jiff::Timestamp::now(),
        api_group: "",
        api_version: "v1",
    };
    let value = pod();
    let bare = Pod::from_value(value.clone()).expect("a pod");
    let defaulted = codec.decode(value.clone()).expect("a pod");
    let mut ready: ObjectBox = defaulted.clone_boxed();
    strategy.prepare_for_create(&context, ready.as_mut());
    let errors = strategy.validate(&context, ready.as_ref());
    assert!(errors.is_empty(), "{errors}");

    let text = value.to_string();
    let _ = report("bytes of JSON", Duration::from_micros(text.len() as u64));
    time("decode", || value.clone(), |value| Pod::from_value(value));
    let defaults = time(
        "defaults",
        || bare.clone(),
        |mut pod| {
            apis_pod::pod::set_pod_defaults(&mut pod);
            pod
        },
    );
    let prepare = time(
        "prepare",
        || defaulted.clone_boxed(),
        |mut pod| {
            strategy.prepare_for_create(&context, pod.as_mut());
            pod
        },
    );
    let validate = time("validate", || (), |()| strategy.validate(&context, ready.as_ref()));
    let warnings = time(
        "warnings",
        || (),
        |()| strategy.warnings_on_create(&context, ready.as_ref()),
    );
    time("encode", || (), |()| ready.to_json());
    report("defaults to warnings", defaults + prepare + validate + warnings);
}
