//! Requests against a server on the loopback interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use component_base::metrics::MetricsRegistry;
use futures::StreamExt as _;
use http::Method;
use k8s_api::core::v1::{ConfigMap, Pod};
use serde_json::json;

use super::metrics::RestMetrics;
use super::watch::WatchEvent;
use super::*;
use crate::api::{DeleteOptions, Deleted, ListOptions, LogOptions, Patch, Propagation, WatchOptions, WriteOptions};
use crate::testing::{Canned, FakeServer};

fn config_map(name: &str, value: &str) -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.name = name.to_owned();
    object.metadata.namespace = "ns".to_owned();
    object.data.insert("value", value.to_owned());
    object
}

#[tokio::test]
async fn the_verbs_on_typed_objects() {
    let server = FakeServer::start().await;
    let api = server.client().namespaced::<ConfigMap>("ns");
    let created = api
        .create_with(&config_map("a", "1"), &WriteOptions::manager("me"))
        .await
        .unwrap();
    assert_eq!(created.metadata.resource_version, "1");
    let error = api.create(&config_map("a", "1")).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    let mut changed = created.clone();
    changed.data.insert("value", "2".to_owned());
    let updated = api.update(&changed).await.unwrap();
    let error = api.update(&changed).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("Operation cannot be fulfilled on configmaps \"a\""),
        "{error}"
    );
    assert_eq!(api.get("a").await.unwrap(), updated);
    let patched = api
        .patch("a", &Patch::Merge(json!({"data": {"value": null, "more": "x"}})))
        .await
        .unwrap();
    assert_eq!(patched.data.keys().collect::<Vec<_>>(), ["more"]);
    assert_eq!(api.get_opt("b").await.unwrap(), None);
    assert_eq!(
        api.get("b").await.unwrap_err().to_string(),
        "configmaps \"b\" not found"
    );
    assert_eq!(api.list(&ListOptions::default()).await.unwrap().items, [patched]);
    let options = DeleteOptions::uid("uid-1")
        .propagation(Propagation::Foreground)
        .grace_period(0);
    assert!(matches!(api.delete("a", &options).await.unwrap(), Deleted::Gone(_)));

    let seen = server.seen();
    assert_eq!(seen[0].path, "/api/v1/namespaces/ns/configmaps");
    assert_eq!(seen[0].query, "fieldManager=me&timeout=30s");
    assert!(
        seen[0].headers["user-agent"]
            .to_str()
            .unwrap()
            .contains("/v1.36.2 (linux/")
    );
    let body: serde_json::Value = serde_json::from_slice(&seen.last().unwrap().body).unwrap();
    assert_eq!(
        body,
        json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "propagationPolicy": "Foreground",
               "preconditions": {"uid": "uid-1"}})
    );
    let patch = seen.iter().find(|seen| seen.method == Method::PATCH).unwrap();
    assert_eq!(patch.headers["content-type"], "application/merge-patch+json");
    for (name, text) in [
        ("", "resource name may not be empty"),
        ("a/b", "invalid resource name \"a/b\": [may not contain '/']"),
    ] {
        assert_eq!(api.get(name).await.unwrap_err().to_string(), text);
    }
}

#[tokio::test]
async fn a_watch_gives_events_and_errors_as_they_are() {
    let server = FakeServer::start().await;
    let api = server.client().all::<ConfigMap>();
    server.with_store(|store| store.put_config_map("a", "x", "1"));
    let options = WatchOptions {
        resource_version: "1".into(),
        ..WatchOptions::default()
    };
    let mut watch = api.watch(&options).await.unwrap();
    server.with_store(|store| {
        store.put_config_map("a", "x", "line\nbreak");
        store.delete("/api/v1/configmaps", "a", "x").unwrap();
    });
    let event = watch.next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Modified(object) if object.data["value"] == "line\nbreak"));
    let event = watch.next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Deleted(object) if object.metadata.resource_version == "3"));
    server.with_store(|store| store.compact());
    let mut old = api.watch(&options).await.unwrap();
    let error = old.next().await.unwrap().unwrap_err();
    assert!(error.is_expired(), "{error}");
    assert!(old.next().await.is_none());

    // An event over several lines, one without an end, and one that is none.
    for (body, wanted) in [
        (
            "{\"type\":\"BOOKMARK\",\n\"object\":{\n\"metadata\":{\"resourceVersion\":\"7\"}}}\n",
            Ok("7"),
        ),
        ("{\"type\":\"ADDED\",\"obj", Err("the watch ended within an event")),
        (
            "{\"type\":\"GROWN\",\"object\":{}}\n",
            Err("unknown watch event \"GROWN\""),
        ),
    ] {
        server.on_request(move |_| {
            Some(Canned {
                status: 200,
                headers: Vec::new(),
                body: body.into(),
            })
        });
        let outcome = api.watch(&options).await.unwrap().next().await.unwrap();
        match (outcome, wanted) {
            (Ok(WatchEvent::Bookmark { resource_version, .. }), Ok(version)) => assert_eq!(resource_version, version),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

fn failing(server: &FakeServer, times: usize, answer: Canned) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    server.on_request(move |_| (seen.fetch_add(1, Ordering::SeqCst) < times).then(|| answer.clone()));
    count
}

#[tokio::test(start_paused = true)]
async fn retries_happen_as_the_server_asks_and_only_then() {
    let server = FakeServer::start().await;
    let registry = MetricsRegistry::default();
    let config = Config {
        metrics: Some(RestMetrics::new(&registry)),
        timeout: None,
        ..server.config()
    };
    let client = Client::new(&config).unwrap();
    let api = client.namespaced::<ConfigMap>("ns");
    let busy = Canned::json(429, &json!({})).header("retry-after", "1");
    let count = failing(&server, 3, busy.clone());
    let started = tokio::time::Instant::now();
    api.create(&config_map("a", "1")).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 4);
    assert_eq!(started.elapsed().as_secs(), 3);
    let text = registry.encode();
    let host = server.address();
    for line in [
        format!("rest_client_requests_total{{code=\"429\",host=\"{host}\",method=\"POST\"}} 3"),
        format!("rest_client_requests_total{{code=\"201\",host=\"{host}\",method=\"POST\"}} 1"),
        format!("rest_client_request_retries_total{{code=\"429\",host=\"{host}\",verb=\"POST\"}} 3"),
    ] {
        assert!(text.contains(&line), "{line} is missing in:\n{text}");
    }

    let count = failing(&server, 100, busy);
    let error = api.get("a").await.unwrap_err();
    assert!(error.is_too_many_requests(), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 11, "ten retries");
    let wanted = "the server has received too many requests and has asked us to try again later (get configmaps a)";
    assert_eq!(error.to_string(), wanted);
    assert_eq!(error.status().unwrap().suggests_client_delay(), Some(1));

    let count = failing(&server, 1, Canned::json(500, &json!({"not": "a status"})));
    let error = api.get("a").await.unwrap_err();
    assert_eq!(count.load(Ordering::SeqCst), 1, "nothing asks for another try");
    assert!(
        error.is_internal_error() && error.is_unexpected_server_error(),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_reached_or_read_is_told_in_gos_words() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = Config {
        host: format!("http://{address}"),
        ..Config::default()
    };
    let error = Client::new(&config)
        .unwrap()
        .cluster::<k8s_api::core::v1::Node>()
        .get("n")
        .await
        .unwrap_err();
    assert!(error.is_connection_refused());
    let wanted = format!("Get \"http://{address}/api/v1/nodes/n\": dial tcp {address}: connect: connection refused");
    assert_eq!(error.to_string(), wanted);
    let server = FakeServer::start().await;
    server.on_request(|_| {
        Some(Canned {
            status: 200,
            headers: Vec::new(),
            body: b"<html>".to_vec(),
        })
    });
    let error = server
        .client()
        .namespaced::<ConfigMap>("ns")
        .get("x")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error}");
    let bad = Config {
        host: "ftp://x".to_owned(),
        ..Config::default()
    };
    assert_eq!(
        Client::new(&bad).unwrap_err().to_string(),
        "host must be a URL or a host:port pair: \"ftp://x\""
    );
}

#[tokio::test]
async fn a_request_takes_no_longer_than_it_may() {
    // A server that takes connections and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let config = Config {
        host,
        timeout: Some(Duration::from_millis(50)),
        ..Config::default()
    };
    let error = Client::new(&config)
        .unwrap()
        .namespaced::<ConfigMap>("ns")
        .get("x")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("context deadline exceeded"), "{error}");
    drop(listener);
}

#[tokio::test]
async fn logs_come_as_they_are_and_connections_are_used_again() {
    let server = FakeServer::start().await;
    server.on_request(|seen| {
        seen.path.ends_with("/log").then(|| Canned {
            status: 200,
            headers: Vec::new(),
            body: b"one\ntwo\n".to_vec(),
        })
    });
    let api = server.client().namespaced::<Pod>("ns");
    let options = LogOptions {
        container: "c".into(),
        tail_lines: Some(2),
        follow: true,
        ..LogOptions::default()
    };
    let chunks: Vec<_> = api.logs("p", &options).await.unwrap().collect().await;
    let text: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect();
    assert_eq!(text, b"one\ntwo\n");
    assert_eq!(server.seen()[0].query, "container=c&follow=true&tailLines=2");
}

#[tokio::test(start_paused = true)]
async fn requests_keep_to_their_rate() {
    let server = FakeServer::start().await;
    let config = Config {
        qps: 0.0,
        burst: 0,
        timeout: None,
        ..server.config()
    };
    let api = Client::new(&config).unwrap().namespaced::<ConfigMap>("ns");
    let started = tokio::time::Instant::now();
    for _ in 0..20 {
        assert!(api.get("x").await.unwrap_err().is_not_found());
    }
    let elapsed = started.elapsed().as_secs_f64();
    assert!((1.9..2.2).contains(&elapsed), "10 at once, then 5 a second: {elapsed}");
}

#[tokio::test]
async fn retry_on_conflict_reads_anew() {
    let server = FakeServer::start().await;
    let api = server.client().namespaced::<ConfigMap>("ns");
    api.create(&config_map("a", "0")).await.unwrap();
    let attempts = AtomicUsize::new(0);
    let outcome = crate::wait::retry_on_conflict(async || {
        let mut object = api.get("a").await?;
        if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
            server.with_store(|store| store.put_config_map("ns", "a", "other"));
        }
        object.data.insert("value", "mine".to_owned());
        api.update(&object).await
    })
    .await;
    assert_eq!(outcome.unwrap().data["value"], "mine");
    assert_eq!(attempts.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let server = FakeServer::start().await;
    server.with_store(|store| {
        for i in 0..1203 {
            store.put_config_map("ns", &format!("x{i:04}"), "1");
        }
    });
    let api = server.client().all::<ConfigMap>();
    let list = crate::pager::list_all(&api, &ListOptions::default()).await.unwrap();
    assert_eq!(list.items.len(), 1203);
    assert_eq!(server.seen().len(), 3);
    // A token that has expired: everything at once.
    let mut calls = 0;
    server.on_request(move |_| {
        calls += 1;
        let expired =
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"});
        (calls == 2).then(|| Canned::json(410, &expired))
    });
    let list = crate::pager::list_all(&api, &ListOptions::default()).await.unwrap();
    assert_eq!(list.items.len(), 1203);
    assert_eq!(server.seen().last().unwrap().parameter("limit"), None);
}
