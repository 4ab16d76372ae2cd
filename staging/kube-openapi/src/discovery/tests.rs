//! Tests of discovery: the built-in documents as published, and groups that come and go.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{
    ApiGroups, ApiVersion, CUSTOM_RESOURCES, Freshness, Priority, Resource, Source, aggregated, compare_versions,
    legacy,
};

fn version(name: &str, resource: &str) -> ApiVersion {
    ApiVersion {
        version: name.to_owned().into(),
        resources: vec![Resource {
            name: resource.to_owned().into(),
            ..Resource::default()
        }],
        ..ApiVersion::default()
    }
}

fn names(groups: &ApiGroups) -> Vec<String> {
    groups.groups().iter().map(|g| g.name.clone().into_owned()).collect()
}

fn published(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../api/discovery")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("published files are JSON")
}

/// `cargo run -p kube-openapi --example publish -- discovery api/discovery` writes the files.
#[test]
fn the_published_documents_are_what_is_served() {
    let registry = ApiGroups::with_builtin();
    let groups = registry.groups();
    assert_eq!(published("aggregated_v2_api.json"), registry.aggregated().api.value);
    assert_eq!(published("aggregated_v2_apis.json"), registry.aggregated().apis.value);
    assert_eq!(published("apis.json"), legacy::api_group_list(&groups));
    for group in groups.iter() {
        let root = if group.name.is_empty() {
            "api".to_owned()
        } else {
            format!("apis__{}", group.name)
        };
        for version in &group.versions {
            let list = legacy::api_resource_list(&group.name, version);
            assert_eq!(published(&format!("{root}__{}.json", version.version)), list);
        }
    }
}

#[test]
fn groups_are_listed_by_rank() {
    let names = names(&ApiGroups::with_builtin());
    assert_eq!(names[..4], ["apiregistration.k8s.io", "", "apps", "events.k8s.io"]);
    // Equal ranks: by name.
    assert!(
        names.iter().position(|n| n == "admissionregistration.k8s.io")
            < names.iter().position(|n| n == "apiextensions.k8s.io")
    );
    assert_eq!(names.last().map(String::as_str), Some("flowcontrol.apiserver.k8s.io"));
}

#[test]
fn the_core_group_has_its_own_shapes() {
    let groups = ApiGroups::with_builtin();
    let core = groups.group("").expect("the core group is built in");
    let address = legacy::ServerAddress {
        client_cidr: "0.0.0.0/0".to_owned(),
        server_address: "10.0.0.1:6443".to_owned(),
    };
    assert_eq!(
        legacy::api_versions(&core, &[address]),
        json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.0.0.1:6443"}],
        })
    );
    let list = legacy::api_resource_list("", &core.versions[0]);
    assert_eq!(list.get("apiVersion"), None);
    let resources = list["resources"].as_array().expect("a list of resources");
    let named = |name: &str| {
        resources
            .iter()
            .find(|r| r["name"] == name)
            .expect("the resource is listed")
    };
    assert_eq!(
        *named("pods"),
        json!({
            "name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod",
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "shortNames": ["po"], "categories": ["all"], "storageVersionHash": "xPOwRZ+Yhw8=",
        })
    );
    assert_eq!(
        *named("pods/eviction"),
        json!({
            "name": "pods/eviction", "singularName": "", "namespaced": true, "group": "policy", "version": "v1",
            "kind": "Eviction", "verbs": ["create"],
        })
    );
    for unstored in ["bindings", "componentstatuses"] {
        assert_eq!(named(unstored).get("storageVersionHash"), None, "{unstored}");
    }
}

#[test]
fn hashes_name_the_stored_version() {
    let groups = ApiGroups::with_builtin();
    for (group, version, resource, hash) in [
        ("events.k8s.io", "v1", "events", "r2yiGXH7wu8="),
        ("autoscaling", "v1", "horizontalpodautoscalers", "qwQve8ut294="),
        (
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "jfWCUB31mvA=",
        ),
        ("authentication.k8s.io", "v1", "tokenreviews", ""),
    ] {
        let version = groups.version(group, version).expect("the version is built in");
        let found = version
            .resources
            .iter()
            .find(|r| r.name == resource)
            .expect("the resource is built in");
        assert_eq!(found.storage_version_hash, hash, "{resource}");
    }
}

#[test]
fn custom_groups_come_and_go() {
    let groups = ApiGroups::with_builtin();
    let before = groups.aggregated();
    assert!(groups.add(
        Source::CustomResources,
        "example.com",
        version("v1beta1", "widgets"),
        Some(CUSTOM_RESOURCES)
    ));
    assert!(groups.add(
        Source::CustomResources,
        "example.com",
        version("v1", "widgets"),
        Some(CUSTOM_RESOURCES)
    ));
    let generation = groups.generation();
    assert!(
        !groups.add(Source::CustomResources, "example.com", version("v1", "widgets"), None),
        "nothing changed"
    );
    assert_eq!(groups.generation(), generation);

    let group = legacy::api_group(&groups.group("example.com").expect("the group was added"));
    assert_eq!(group["preferredVersion"]["groupVersion"], "example.com/v1");
    assert_eq!(names(&groups).last().map(String::as_str), Some("example.com"));
    let with = groups.aggregated();
    assert_ne!(before.apis.etag, with.apis.etag);
    assert_eq!(before.api.etag, with.api.etag, "the core group did not change");

    assert!(groups.remove(Source::CustomResources, "example.com", "v1"));
    assert!(!groups.remove(Source::CustomResources, "example.com", "v1"));
    assert!(groups.remove_group(Source::CustomResources, "example.com"));
    assert_eq!(groups.group("example.com"), None);
    assert_eq!(groups.aggregated().apis.etag, before.apis.etag);
}

#[test]
fn the_nearest_source_is_believed() {
    let groups = ApiGroups::new();
    groups.add(Source::CustomResources, "g", version("v1", "custom"), None);
    groups.add(Source::Aggregator, "g", version("v1", "aggregated"), None);
    groups.add(Source::Builtin, "g", version("v2", "builtin"), None);
    let resources = |groups: &ApiGroups| -> Vec<String> {
        let group = groups.group("g").expect("the group has versions");
        group
            .versions
            .iter()
            .map(|v| v.resources[0].name.clone().into_owned())
            .collect()
    };
    assert_eq!(resources(&groups), ["builtin", "aggregated"]);
    groups.remove(Source::Aggregator, "g", "v1");
    assert_eq!(resources(&groups), ["builtin", "custom"]);
}

#[test]
fn a_stale_server_stays_listed() {
    let groups = ApiGroups::new();
    let mut metrics = version("v1beta1", "pods");
    groups.add(
        Source::Aggregator,
        "metrics.k8s.io",
        metrics.clone(),
        Some(Priority {
            group: 100,
            version: 100,
        }),
    );
    let current = groups.aggregated();
    metrics.freshness = Freshness::Stale;
    groups.add(Source::Aggregator, "metrics.k8s.io", metrics, None);
    let stale = groups.aggregated();
    assert_eq!(stale.apis.value["items"][0]["versions"][0]["freshness"], "Stale");
    assert_ne!(current.apis.etag, stale.apis.etag);
}

#[test]
fn aggregated_documents_can_be_read_back() {
    let groups = ApiGroups::with_builtin();
    let read = aggregated::parse(&groups.aggregated().apis.value).expect("the document is well formed");
    let apps = read.iter().find(|g| g.name == "apps").expect("apps is built in");
    let expected = groups.group("apps").expect("apps is built in");
    for (read, expected) in apps.versions[0].resources.iter().zip(&expected.versions[0].resources) {
        let mut expected = expected.clone();
        expected.storage_version_hash = "".into();
        assert_eq!(*read, expected);
    }
    let error = aggregated::parse(&json!({"kind": "Pod"})).expect_err("another kind");
    assert_eq!(
        error.to_string(),
        "not an aggregated discovery document: member \"kind\" is missing or of the wrong type"
    );
    let wrong = json!({"kind": "APIGroupDiscoveryList", "items": [{"versions": 1}]});
    assert!(
        aggregated::parse(&wrong)
            .expect_err("a wrong type")
            .to_string()
            .contains("\"versions\"")
    );
}

#[test]
fn versions_are_compared_as_kubernetes_does() {
    let mut versions = [
        "v1alpha1", "foo1", "v10", "v2beta1", "v1", "v11beta2", "v2", "v3beta1", "foo10", "v1beta",
    ];
    versions.sort_by(|a, b| compare_versions(b, a));
    assert_eq!(
        versions,
        [
            "v10", "v2", "v1", "v11beta2", "v3beta1", "v2beta1", "v1alpha1", "foo1", "foo10", "v1beta"
        ]
    );
}
