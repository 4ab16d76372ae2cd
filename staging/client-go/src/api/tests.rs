//! What is asked for.

use k8s_api::core::v1::Pod;
use k8s_api::meta::v1::PartialObjectMetadata;
use serde_json::json;

use super::options::{ListOptions, WatchOptions};
use super::{ApiObject, GroupVersionResource};
use crate::testing::{Canned, FakeServer};

/// The media types that one object, a list and a watch of `T` are asked for with.
async fn asked_for<T: ApiObject>() -> Vec<String> {
    let server = FakeServer::start().await;
    server.on_request(|seen| {
        let body = match seen.path.ends_with("/p") {
            true => json!({"metadata": {"name": "p", "namespace": "ns"}}),
            false => json!({"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": "p"}}]}),
        };
        Some(Canned::json(200, &body))
    });
    let pods = server
        .client()
        .resource::<T>(GroupVersionResource::new("", "v1", "pods"), Some("ns"));
    assert_eq!(pods.get("p").await.expect("a pod").name(), "p");
    assert_eq!(pods.list(&ListOptions::default()).await.expect("a list").items.len(), 1);
    drop(pods.watch(&WatchOptions::default()).await.expect("a watch"));
    let accepted = |headers: &http::HeaderMap| headers["accept"].to_str().expect("text").to_owned();
    server.seen().iter().map(|seen| accepted(&seen.headers)).collect()
}

#[tokio::test]
async fn metadata_of_a_list_is_a_kind_of_its_own() {
    let one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";
    let list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json";
    assert_eq!(asked_for::<PartialObjectMetadata>().await, [one, list, one]);
    assert_eq!(asked_for::<Pod>().await, ["application/json"; 3]);
}
