//! Scales, bindings and evictions.

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::Plane;

const PODS: &str = "/api/v1/namespaces/default/pods";

async fn ready() -> Plane {
    let plane = Plane::start().await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    assert_eq!(
        plane
            .post("/api/v1/namespaces/default/serviceaccounts", account)
            .await
            .0,
        201
    );
    plane
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "automountServiceAccountToken": false},
    })
}

fn eviction(name: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}})
}

#[tokio::test]
async fn scales_are_read_written_and_applied() {
    let plane = ready().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    assert_eq!(plane.post(path, deployment).await.0, 201);
    let scale_path = format!("{path}/d/scale");
    let (status, mut scale) = plane.get(&scale_path).await;
    assert_eq!((status, scale["kind"].as_str()), (200, Some("Scale")));
    assert_eq!(scale["status"], json!({"replicas": 0, "selector": "app=a"}));
    scale["spec"]["replicas"] = 5.into();
    let (status, scale) = plane.put(&scale_path, &scale).await;
    assert_eq!((status, scale["spec"]["replicas"].as_i64()), (200, Some(5)));
    assert_eq!(plane.get(&format!("{path}/d")).await.1["spec"]["replicas"], 5);

    let apply =
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}, "spec": {"replicas": 7}});
    let query = format!("{scale_path}?fieldManager=m&force=true");
    let (status, applied) = plane
        .send(
            Method::PATCH,
            &query,
            "application/apply-patch+yaml",
            &apply.to_string(),
        )
        .await;
    assert_eq!(status, 200, "{applied}");
    let (_, deployment) = plane.get(&format!("{path}/d")).await;
    assert_eq!(deployment["spec"]["replicas"], 7);
    let managers = deployment["metadata"]["managedFields"].as_array().expect("managers");
    let owner = managers
        .iter()
        .find(|manager| manager["manager"] == "m")
        .expect("who applied");
    assert_eq!(owner["subresource"], "scale");
    assert_eq!(owner["apiVersion"], "apps/v1");
    assert_eq!(owner["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    plane.plane.close().await;
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let plane = ready().await;
    assert_eq!(plane.post(PODS, pod("p")).await.0, 201);
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
    });
    let path = format!("{PODS}/p/binding");
    let (status, dry) = plane.post(&format!("{path}?dryRun=All"), binding.clone()).await;
    assert_eq!((status, dry["status"].as_str()), (201, Some("Success")));
    assert_eq!(plane.post(&path, binding.clone()).await.0, 201);
    let (_, bound) = plane.get(&format!("{PODS}/p")).await;
    assert_eq!(bound["spec"]["nodeName"], "n1");
    let scheduled = bound["status"]["conditions"].as_array().into_iter().flatten();
    assert!(
        scheduled
            .into_iter()
            .any(|condition| condition["type"] == "PodScheduled" && condition["status"] == "True")
    );
    let (status, again) = plane.post(&path, binding).await;
    assert_eq!(status, 409);
    let message = "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\"";
    assert_eq!(again["message"], message);
    plane.plane.close().await;
}

#[tokio::test]
async fn budgets_hold_evictions_back() {
    let plane = ready().await;
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}},
    });
    assert_eq!(plane.post(budgets, budget).await.0, 201);
    for name in ["p", "q"] {
        assert_eq!(plane.post(PODS, pod(name)).await.0, 201);
        let (_, mut running) = plane.get(&format!("{PODS}/{name}")).await;
        running["status"]["phase"] = "Running".into();
        running["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        assert_eq!(plane.put(&format!("{PODS}/{name}/status"), &running).await.0, 200);
    }
    let (_, mut budget) = plane.get(&format!("{budgets}/b")).await;
    budget["status"] = json!({
        "observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2,
    });
    assert_eq!(plane.put(&format!("{budgets}/b/status"), &budget).await.0, 200);

    let (status, dry) = plane
        .post(&format!("{PODS}/p/eviction?dryRun=All"), eviction("p"))
        .await;
    assert_eq!(status, 201, "{dry}");
    assert_eq!(
        plane.get(&format!("{budgets}/b")).await.1["status"]["disruptionsAllowed"],
        1
    );
    let (status, evicted) = plane.post(&format!("{PODS}/p/eviction"), eviction("p")).await;
    assert_eq!(status, 201, "{evicted}");
    let (_, status) = plane.get(&format!("{budgets}/b")).await;
    assert_eq!(status["status"]["disruptionsAllowed"], 0);
    assert!(status["status"]["disruptedPods"]["p"].is_string(), "{status}");
    let (status, refused) = plane.post(&format!("{PODS}/q/eviction"), eviction("q")).await;
    assert_eq!(status, 429);
    assert_eq!(
        refused["message"],
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
    assert_eq!(
        refused["details"]["causes"][0]["message"],
        "The disruption budget b does not allow evicting pods currently"
    );
    plane.plane.close().await;
}

#[tokio::test]
async fn component_statuses_are_made_when_they_are_asked_for() {
    let plane = Plane::start().await;
    let path = "/api/v1/componentstatuses";
    let (status, list) = plane.get(path).await;
    assert_eq!((status, list["kind"].as_str()), (200, Some("ComponentStatusList")));
    assert_eq!(list["metadata"], json!({}));
    let names: Vec<&str> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect();
    assert_eq!(names, ["controller-manager", "scheduler", "etcd-0"]);
    let (_, store) = plane.get(&format!("{path}/etcd-0")).await;
    assert_eq!(
        store["conditions"],
        json!([{"type": "Healthy", "status": "True", "message": "ok"}])
    );
    assert_eq!(plane.get(&format!("{path}/nothing")).await.0, 404);
    let accept = [("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")];
    let table = plane
        .raw(
            Method::GET,
            &format!("{path}?fieldSelector=metadata.name=etcd-0"),
            &accept,
            String::new(),
        )
        .await;
    let table = table.into_body().collect().await.expect("a body").to_bytes();
    let table: Value = serde_json::from_slice(&table).expect("JSON");
    assert_eq!(table["rows"][0]["cells"], json!(["etcd-0", "Healthy", "ok", ""]));
    assert_eq!(plane.delete(&format!("{path}/etcd-0")).await.0, 405);
    plane.plane.close().await;
}
