//! Both kinds of discovery, and the mapper on what they find.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Canned, FakeServer};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn aggregated(path: &str) -> Option<Value> {
    let resource = |name: &str, kind: &str, short: &[&str], subresources: &[&str]| {
        let subresources: Vec<_> = subresources.iter().map(|name| json!({"subresource": name})).collect();
        json!({"resource": name, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": "Namespaced",
               "singularResource": kind.to_lowercase(), "verbs": ["get", "list"], "shortNames": short,
               "categories": ["all"], "subresources": subresources})
    };
    let groups = match path {
        "/api" => json!([{"metadata": {"name": ""}, "versions": [
            {"version": "v1", "freshness": "Current", "resources": [
                resource("pods", "Pod", &["po"], &["log", "status"]), resource("events", "Event", &["ev"], &[])]}]}]),
        "/apis" => json!([
            {"metadata": {"name": "apps"}, "versions": [
                {"version": "v1", "resources": [resource("deployments", "Deployment", &["deploy"], &["scale"])]},
                {"version": "v1beta1", "resources": [resource("deployments", "Deployment", &["deploy"], &[])]}]},
            {"metadata": {"name": "events.k8s.io"}, "versions": [
                {"version": "v1", "resources": [resource("events", "Event", &["ev"], &[])]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}]),
        _ => return None,
    };
    Some(json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups}))
}

fn legacy(path: &str) -> Option<Value> {
    Some(match path {
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => json!({"kind": "APIGroupList", "groups": [
            {"name": "apps", "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
             "versions": [{"groupVersion": "apps/v1beta1", "version": "v1beta1"}, {"groupVersion": "apps/v1", "version": "v1"}]}]}),
        "/api/v1" => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["get"], "shortNames": ["po"]},
            {"name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get"]}]}),
        "/apis/apps/v1" => json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": ["get"]}]}),
        "/apis/apps/v1beta1" => return None,
        _ => return None,
    })
}

#[tokio::test]
async fn aggregated_discovery_takes_two_requests() {
    let server = FakeServer::start().await;
    server.on_request(|seen| {
        let accept = seen.headers["accept"].to_str().unwrap();
        assert!(accept.starts_with(AGGREGATED), "{accept}");
        let mut canned = Canned::json(200, &aggregated(&seen.path)?);
        canned.headers = vec![("content-type", AGGREGATED.to_owned())];
        Some(canned)
    });
    let found = discover(&server.client()).await.unwrap();
    assert_eq!(server.seen().len(), 2);
    let stale = "stale GroupVersion discovery: metrics.k8s.io/v1beta1".to_owned();
    assert_eq!(found.failed, [("metrics.k8s.io/v1beta1".to_owned(), stale)]);
    let mapper = RestMapper::new(found.groups);
    let names = |text: &str| {
        mapper
            .find(text)
            .map(|r| r.group_version_resource().to_string())
            .map_err(|e| e.to_string())
    };
    assert_eq!(names("po").unwrap(), "/v1, Resource=pods");
    assert_eq!(names("Pod").unwrap(), "/v1, Resource=pods");
    assert_eq!(names("deploy").unwrap(), "apps/v1, Resource=deployments");
    assert_eq!(
        names("deployments.v1beta1.apps").unwrap(),
        "apps/v1beta1, Resource=deployments"
    );
    assert_eq!(
        names("ev").unwrap(),
        "/v1, Resource=events",
        "the core group goes first"
    );
    assert_eq!(
        names("events.events.k8s.io").unwrap(),
        "events.k8s.io/v1, Resource=events"
    );
    assert_eq!(names("pods.v1.").unwrap(), "/v1, Resource=pods");
    assert_eq!(
        names("foo").unwrap_err(),
        "the server doesn't have a resource type \"foo\""
    );
    assert_eq!(
        mapper.mapping("apps", "Deployment", &["v1beta1"]).unwrap().version,
        "v1beta1"
    );
    assert_eq!(
        mapper.mapping("apps", "Deployment", &["v2"]).unwrap_err().to_string(),
        "no matches for kind \"Deployment\" in version \"apps/v2\""
    );
    assert_eq!(mapper.category("all").len(), 4);
    assert_eq!(mapper.find("pods").unwrap().subresources, ["log", "status"]);
}

#[tokio::test]
async fn without_it_every_version_is_asked_and_the_preferred_one_goes_first() {
    let server = FakeServer::start().await;
    server.on_request(|seen| {
        Some(match legacy(&seen.path) {
            Some(body) => Canned::json(200, &body),
            None => Canned::json(503, &json!({})),
        })
    });
    let found = discover(&server.client()).await.unwrap();
    assert_eq!(found.failed.len(), 1);
    assert_eq!(found.failed[0].0, "apps/v1beta1");
    let mapper = RestMapper::new(found.groups);
    assert_eq!(mapper.find("deployments").unwrap().version, "v1");
    assert_eq!(mapper.find("po").unwrap().subresources, ["log"]);
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_once_more() {
    let server = FakeServer::start().await;
    let mut rounds = 0;
    server.on_request(move |seen| {
        rounds += usize::from(seen.path == "/api");
        let mut body = legacy(&seen.path)?;
        if rounds > 1 && seen.path == "/api/v1" {
            body["resources"][0]["name"] = "widgets".into();
        }
        Some(Canned::json(200, &body))
    });
    let discovery = CachedDiscovery::new(server.client());
    let find = async |name: &str| discovery.find(|mapper| mapper.find(name).cloned()).await;
    assert_eq!(find("pods").await.unwrap().kind, "Pod");
    assert_eq!(find("widgets").await.unwrap().kind, "Pod");
    let error = find("gadgets").await.unwrap_err();
    assert_eq!(error.to_string(), "the server doesn't have a resource type \"gadgets\"");
}
