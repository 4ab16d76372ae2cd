//! What a typed object in a cache costs beside its JSON: at most three times as much.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_api::Kind as _;
use k8s_api::core::v1::Pod;
use serde_json::json;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

/// Small blocks are rounded up as allocators do.
fn rounded(layout: Layout) -> usize {
    layout.size().next_multiple_of(16)
}

#[expect(
    unsafe_code,
    reason = "an allocator that counts is unsafe by its nature; it hands everything to the system's"
)]
// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(rounded(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(rounded(layout), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A pod as a Deployment makes it and a kubelet reports it, without managed fields.
fn pod() -> String {
    let probe = |path: &str| {
        json!({"httpGet": {"path": path, "port": 8080, "scheme": "HTTP"}, "initialDelaySeconds": 5,
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
    };
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "lastProbeTime": null,
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1})
    };
    let conditions = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .map(condition);
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": "frontend-7d4b9c6f5d-x2x7k", "generateName": "frontend-7d4b9c6f5d-", "namespace": "production",
            "uid": "0c2f7e0e-6f1d-4f6e-9a4b-7a5f3a0b7c11", "resourceVersion": "1234567", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app.kubernetes.io/name": "frontend", "app.kubernetes.io/part-of": "shop", "pod-template-hash": "7d4b9c6f5d"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080",
                "checksum/config": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "frontend-7d4b9c6f5d",
                "uid": "5e3f1b52-9c6c-4f0e-8a53-52d6d9f9a0f1", "controller": true, "blockOwnerDeletion": true}]},
        "spec": {
            "volumes": [
                {"name": "config", "configMap": {"name": "frontend-config", "defaultMode": 420}},
                {"name": "kube-api-access-8wz5l", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}],
            "containers": [{
                "name": "frontend", "image": "registry.example.com/shop/frontend:v1.2.3",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "BACKEND_URL", "value": "http://backend.production.svc:8080"},
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
                "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
                "volumeMounts": [{"name": "config", "mountPath": "/etc/frontend"},
                    {"name": "kube-api-access-8wz5l", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
                "livenessProbe": probe("/healthz"), "readinessProbe": probe("/readyz"),
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent", "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true}}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "frontend", "serviceAccount": "frontend", "nodeName": "worker-17",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000}, "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority"},
        "status": {
            "phase": "Running", "observedGeneration": 1,
            "conditions": conditions,
            "hostIP": "10.0.0.17", "hostIPs": [{"ip": "10.0.0.17"}], "podIP": "10.244.3.9", "podIPs": [{"ip": "10.244.3.9"}],
            "startTime": "2026-01-01T00:00:00Z", "qosClass": "Burstable",
            "containerStatuses": [{
                "name": "frontend", "state": {"running": {"startedAt": "2026-01-01T00:00:02Z"}}, "lastState": {}, "ready": true,
                "restartCount": 0, "image": "registry.example.com/shop/frontend:v1.2.3", "started": true,
                "imageID": "registry.example.com/shop/frontend@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                "containerID": "containerd://fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"}]}
    })
    .to_string()
}

#[test]
fn a_typed_pod_costs_at_most_three_times_its_json() {
    let json = pod();
    assert!(
        (3_500..5_000).contains(&json.len()),
        "a typical pod is about 4 KB: {}",
        json.len()
    );
    let decode = || {
        let mut pod = Pod::from_json(json.as_bytes()).expect("the pod is well-formed");
        pod.metadata.managed_fields = Vec::new();
        Arc::new(pod)
    };
    // Whatever is made once is made before.
    drop(decode());
    let before = BYTES.load(Ordering::Relaxed);
    let mut kept = Vec::with_capacity(100);
    let list = BYTES.load(Ordering::Relaxed);
    for _ in 0..100 {
        kept.push(decode());
    }
    let each = (BYTES.load(Ordering::Relaxed) - list) / kept.len();
    assert!(list > before);
    let ratio = each as f64 / json.len() as f64;
    println!(
        "{} bytes of JSON take {each} bytes in a cache: {ratio:.2} times",
        json.len()
    );
    assert!(
        ratio <= 3.0,
        "{} bytes of JSON take {each} bytes in a cache: {ratio:.2} times",
        json.len()
    );
}
