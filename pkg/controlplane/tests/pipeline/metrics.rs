//! What is counted of requests, under the names that dashboards and alerts know.

use component_base::serving::{Body, Handler as _, RequestContext};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{MAPS, Plane, map};

#[tokio::test]
async fn requests_are_counted_under_upstreams_names() {
    let plane = Plane::start().await;
    assert_eq!(plane.post(MAPS, map("m")).await.0, 201);
    assert_eq!(plane.post(&format!("{MAPS}?dryRun=All"), map("n")).await.0, 201);
    assert_eq!(plane.get(MAPS).await.0, 200);
    assert_eq!(plane.get(&format!("{MAPS}/none")).await.0, 404);
    let (path, applied) = (format!("{MAPS}/m?fieldManager=x"), map("m").to_string());
    let answer = plane
        .send(Method::PATCH, &path, "application/apply-patch+yaml", &applied)
        .await;
    assert_eq!(answer.0, 200, "{answer:?}");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "default", "automountServiceAccountToken": false},
    });
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    plane.post("/api/v1/namespaces/default/serviceaccounts", account).await;
    assert_eq!(plane.post("/api/v1/namespaces/default/pods", pod).await.0, 201);
    // As of now: behind this the cache, which is what is counted, has seen the pod.
    assert_eq!(plane.get("/api/v1/namespaces/default/pods").await.0, 200);
    let mut request = Request::get(MAPS)
        .header("authorization", "Bearer unknown")
        .body(Body::empty())
        .expect("a request");
    request.extensions_mut().insert(RequestContext::detached());
    let stranger = plane.handler.handle(request).await;
    assert_eq!(stranger.status(), 401);

    assert_eq!(plane.raw(Method::GET, "/livez", &[], "").await.status(), 200);
    let answer = plane.raw(Method::GET, "/metrics/slis", &[], "").await;
    let text = answer.into_body().collect().await.expect("a body").to_bytes();
    let ping = "kubernetes_healthcheck{name=\"ping\",type=\"livez\"} 1";
    assert!(String::from_utf8_lossy(&text).contains(ping), "{text:?}");

    let answer = plane.raw(Method::GET, "/metrics", &[], "").await;
    let text = answer.into_body().collect().await.expect("a body").to_bytes();
    let text = String::from_utf8_lossy(&text);
    for line in [
        "apiserver_request_total{code=\"201\",component=\"apiserver\",dry_run=\"\",group=\"\",resource=\"configmaps\",scope=\"resource\",subresource=\"\",verb=\"POST\",version=\"v1\"} 1",
        "apiserver_request_total{code=\"201\",component=\"apiserver\",dry_run=\"All\",group=\"\",resource=\"configmaps\",scope=\"resource\",subresource=\"\",verb=\"POST\",version=\"v1\"} 1",
        "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"\",group=\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1",
        "apiserver_request_total{code=\"404\",component=\"apiserver\",dry_run=\"\",group=\"\",resource=\"configmaps\",scope=\"resource\",subresource=\"\",verb=\"GET\",version=\"v1\"} 1",
        "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"\",group=\"\",resource=\"configmaps\",scope=\"resource\",subresource=\"\",verb=\"APPLY\",version=\"v1\"} 1",
        "apiserver_request_duration_seconds_count{component=\"apiserver\",dry_run=\"\",group=\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1",
        "apiserver_request_sli_duration_seconds_count{component=\"apiserver\",group=\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1",
        "apiserver_response_sizes_count{component=\"apiserver\",group=\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"LIST\",version=\"v1\"} 1",
        "apiserver_storage_objects{resource=\"pods\"} 1",
        "apiserver_resource_objects{group=\"\",resource=\"pods\"} 1",
        "etcd_request_duration_seconds_count{group=\"\",operation=\"create\",resource=\"configmaps\"} ",
        "etcd_requests_total{group=\"\",operation=\"create\",resource=\"pods\"} 1",
        "apiserver_cache_list_total{group=\"\",index=\"\",resource=\"configmaps\"} 1",
        "apiserver_cache_list_returned_objects_total{group=\"\",resource=\"configmaps\"} 1",
        "apiserver_watch_cache_events_received_total{group=\"\",resource=\"pods\"} 1",
        "apiserver_watch_cache_events_dispatched_total{group=\"\",resource=\"pods\"} 1",
        "apiserver_watch_cache_initializations_total{group=\"\",resource=\"pods\"} 1",
        "apiserver_watch_cache_read_wait_seconds_bucket{group=\"\",resource=\"pods\",le=\"3\"} ",
        "apiserver_watch_cache_resource_version{group=\"\",resource=\"pods\"} ",
        "watch_cache_capacity{group=\"\",resource=\"pods\"} 1",
        "apiserver_storage_events_received_total{group=\"\",resource=\"pods\"} 1",
        "apiserver_storage_list_total{group=\"\",resource=\"configmaps\"} 0",
        "apiserver_client_certificate_expiration_seconds_count 0",
        "apiserver_current_inflight_requests{request_kind=\"readOnly\"} 1",
        "apiserver_current_inflight_requests{request_kind=\"mutating\"} 0",
        "authentication_attempts{result=\"error\"} 1",
        "authenticated_user_requests{username=\"admin\"}",
        "authorization_attempts_total{result=\"allowed\"}",
        "authentication_token_cache_request_total{status=\"hit\"}",
        "authentication_token_cache_fetch_total{status=\"ok\"}",
        "pod_security_evaluations_total{decision=\"allow\",mode=\"enforce\",policy_level=\"privileged\",policy_version=\"latest\",request_operation=\"create\",resource=\"pod\",subresource=\"\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
