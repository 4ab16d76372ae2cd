//! Tests of the OpenAPI documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use serde_json::{Value, json};

use super::{
    Definitions, Form, OpenApi, ServerRelativePath,
    routes::{ResourceRoutes, resource_paths},
    v3_document_name,
};
use crate::negotiation::Representation;

static SERVICE: LazyLock<OpenApi> = LazyLock::new(|| OpenApi::new("v1.36.0"));
static V2: LazyLock<Value> = LazyLock::new(|| parse(&SERVICE.v2(Representation::Json).identity()));

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("documents are JSON")
}

fn v3(name: &str) -> Value {
    match SERVICE.v3(name, "", Representation::Json) {
        ServerRelativePath::Document { artifact, .. } => parse(&artifact.identity()),
        other => panic!("{name}: {other:?}"),
    }
}

fn core() -> &'static Value {
    static CORE: LazyLock<Value> = LazyLock::new(|| v3("api/v1"));
    &CORE
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("a document has paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let members = item.as_object().expect("a path is an object");
            members
                .iter()
                .filter(|(key, _)| *key != "parameters")
                .map(move |(key, operation)| (path.as_str(), key.as_str(), operation))
        })
        .collect()
}

#[test]
fn operations_are_named_once_and_as_clients_know_them() {
    let mut by_id: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (path, method, operation) in operations(&V2) {
        let id = operation["operationId"].as_str().expect("every operation has a name");
        assert_eq!(by_id.insert(id, (path, method)), None, "{id} stands twice");
    }
    for (id, path, method) in [
        ("listCoreV1NamespacedPod", "/api/v1/namespaces/{namespace}/pods", "get"),
        ("listCoreV1PodForAllNamespaces", "/api/v1/pods", "get"),
        (
            "deleteCoreV1CollectionNamespacedPod",
            "/api/v1/namespaces/{namespace}/pods",
            "delete",
        ),
        ("readCoreV1Namespace", "/api/v1/namespaces/{name}", "get"),
        (
            "createRbacAuthorizationV1ClusterRole",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            "post",
        ),
        (
            "watchAppsV1NamespacedDeploymentList",
            "/apis/apps/v1/watch/namespaces/{namespace}/deployments",
            "get",
        ),
        (
            "replaceAppsV1NamespacedDeploymentScale",
            "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale",
            "put",
        ),
        (
            "createCoreV1NamespacedPodEviction",
            "/api/v1/namespaces/{namespace}/pods/{name}/eviction",
            "post",
        ),
        (
            "connectCoreV1HeadNodeProxyWithPath",
            "/api/v1/nodes/{name}/proxy/{path}",
            "head",
        ),
        (
            "replaceCertificatesV1CertificateSigningRequestApproval",
            "/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}/approval",
            "put",
        ),
        (
            "getFlowcontrolApiserverV1APIResources",
            "/apis/flowcontrol.apiserver.k8s.io/v1/",
            "get",
        ),
        ("getCodeVersion", "/version/", "get"),
    ] {
        assert_eq!(by_id.get(id), Some(&(path, method)), "{id}");
    }
    let pod = &V2["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"];
    assert_eq!(pod["get"]["x-kubernetes-action"], "get");
    assert_eq!(pod["get"]["tags"], json!(["core_v1"]));
    assert_eq!(
        pod["delete"]["responses"]["200"]["schema"]["$ref"],
        "#/definitions/io.k8s.api.core.v1.Pod"
    );
    let kind =
        &V2["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]["post"]["x-kubernetes-group-version-kind"];
    assert_eq!(*kind, json!({"group": "policy", "version": "v1", "kind": "Eviction"}));
}

#[test]
fn parameters_are_shared_but_for_those_that_kubectl_looks_for() {
    let item = &V2["paths"]["/api/v1/namespaces/{namespace}/configmaps"];
    let common = item["parameters"].as_array().expect("the path has parameters");
    assert_eq!(common.len(), 2);
    let resolve = |reference: &Value| {
        let name = reference["$ref"]
            .as_str()
            .and_then(|r| r.strip_prefix("#/parameters/"))
            .expect("a reference");
        V2["parameters"][name].clone()
    };
    assert_eq!(resolve(&common[0])["name"], "namespace");
    assert_eq!(resolve(&common[1])["name"], "pretty");
    let post = item["post"]["parameters"]
        .as_array()
        .expect("the operation has parameters");
    assert_eq!(post[0]["schema"]["$ref"], "#/definitions/io.k8s.api.core.v1.ConfigMap");
    assert_eq!(
        (&post[1]["name"], &post[3]["name"]),
        (&json!("dryRun"), &json!("fieldValidation"))
    );
    assert_eq!(resolve(&post[2])["name"], "fieldManager");
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|v| walk(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    for document in [&*V2, core()] {
        let mut references = BTreeSet::new();
        walk(document, &mut references);
        assert!(references.len() > 100);
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("references stay in the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

#[test]
fn definitions_say_how_lists_and_maps_are_merged() {
    let spec = &V2["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"];
    assert_eq!(spec["containers"]["x-kubernetes-list-type"], "map");
    assert_eq!(spec["containers"]["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(spec["containers"]["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(spec["tolerations"]["x-kubernetes-list-type"], "atomic");
    assert_eq!(spec["volumes"]["x-kubernetes-patch-strategy"], "merge,retainKeys");
    assert_eq!(spec["nodeSelector"]["x-kubernetes-map-type"], "atomic");
    let definitions = &V2["definitions"];
    assert_eq!(
        definitions["io.k8s.api.core.v1.LocalObjectReference"]["x-kubernetes-map-type"],
        "atomic"
    );
    assert_eq!(
        definitions["io.k8s.api.core.v1.PersistentVolumeSpec"]["properties"]["claimRef"]["x-kubernetes-map-type"],
        "granular"
    );
    assert_eq!(
        definitions["io.k8s.api.core.v1.PodList"]["properties"]["items"].get("x-kubernetes-list-type"),
        None
    );
    assert_eq!(
        definitions["io.k8s.api.core.v1.SeccompProfile"]["x-kubernetes-unions"],
        json!([{"discriminator": "type", "fields-to-discriminateBy": {"localhostProfile": "LocalhostProfile"}}])
    );
}

#[test]
fn the_versions_differ_in_defaults_alternatives_and_references() {
    let name = "io.k8s.api.core.v1.ContainerPort";
    let (old, new) = (&V2["definitions"][name], &core()["components"]["schemas"][name]);
    assert_eq!(old["properties"]["protocol"].get("default"), None);
    assert_eq!(new["properties"]["protocol"]["default"], "TCP");
    assert_eq!(new["properties"]["protocol"]["enum"], json!(["SCTP", "TCP", "UDP"]));
    assert_eq!(new["properties"]["containerPort"]["default"], 0);
    assert_eq!(new["properties"]["hostPort"].get("default"), None);
    assert_eq!(new["required"], json!(["containerPort"]));
    let quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
    assert_eq!(V2["definitions"][quantity]["type"], "string");
    assert_eq!(
        core()["components"]["schemas"][quantity]["oneOf"],
        json!([{"type": "string"}, {"type": "number"}])
    );
    let metadata = |document: &Value, root: &str| {
        document
            .pointer(&format!("{root}/io.k8s.api.core.v1.Pod/properties/metadata"))
            .cloned()
            .expect("Pods have metadata")
    };
    assert!(metadata(&V2, "/definitions")["$ref"].is_string());
    let wrapped = metadata(core(), "/components/schemas");
    assert_eq!(wrapped["default"], json!({}));
    assert_eq!(
        wrapped["allOf"][0]["$ref"],
        "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    );
}

#[test]
fn fields_are_described() {
    let pod = &core()["components"]["schemas"]["io.k8s.api.core.v1.Pod"];
    for described in [pod, &pod["properties"]["spec"], &pod["properties"]["kind"]] {
        assert!(
            described["description"].as_str().is_some_and(|d| d.len() > 20),
            "{described}"
        );
    }
    let schemas = core()["components"]["schemas"].as_object().expect("schemas");
    let silent: Vec<&String> = schemas
        .iter()
        .filter(|(_, s)| s.get("description").is_none())
        .map(|(n, _)| n)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn kinds_are_shown_with_the_versions_of_the_document() {
    let kinds = |document: &Value| {
        let options = &document["components"]["schemas"]["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"];
        options["x-kubernetes-group-version-kind"].clone()
    };
    let entry = |group: &str| json!({"group": group, "version": "v1", "kind": "DeleteOptions"});
    assert_eq!(kinds(core()), json!([entry("")]));
    assert_eq!(kinds(&v3("apis/apps/v1")), json!([entry(""), entry("apps")]));
    let all =
        &V2["definitions"]["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]["x-kubernetes-group-version-kind"];
    assert_eq!(all.as_array().map(Vec::len), Some(60));
}

#[test]
fn a_hash_makes_a_document_immutable() {
    let index = parse(&SERVICE.v3_index().identity());
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .expect("apps is listed");
    let hash = url
        .strip_prefix("/openapi/v3/apis/apps/v1?hash=")
        .expect("the URL has a hash");
    assert!(hash.len() == 128 && !hash.contains(char::is_lowercase), "{hash}");
    for representation in [Representation::Json, Representation::Protobuf] {
        match SERVICE.v3("apis/apps/v1", hash, representation) {
            ServerRelativePath::Document { artifact, immutable } => {
                assert!(immutable);
                assert_eq!(&*artifact.etag, hash);
                assert_eq!(artifact.identity().len(), artifact.length);
            }
            other => panic!("{other:?}"),
        }
    }
    let json = match SERVICE.v3("apis/apps/v1", "", Representation::Json) {
        ServerRelativePath::Document {
            artifact,
            immutable: false,
        } => artifact.identity(),
        other => panic!("{other:?}"),
    };
    assert_eq!(crate::digest::etag(&json), hash);
    assert!(
        matches!(SERVICE.v3("apis/apps/v1", "0", Representation::Json), ServerRelativePath::Moved(to) if to == url)
    );
    assert!(matches!(
        SERVICE.v3("apis/apps/v9", "", Representation::Json),
        ServerRelativePath::NotFound
    ));
}

#[test]
fn paths_belong_to_documents() {
    for (path, name) in [
        ("/api/", "api"),
        ("/api/v1/pods", "api/v1"),
        ("/apis/", "apis"),
        ("/apis/apps/", "apis/apps"),
        (
            "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
            "apis/apps/v1",
        ),
        ("/version/", "version"),
        ("/logs/{logpath}", "logs"),
        ("/.well-known/openid-configuration/", ".well-known/openid-configuration"),
        ("/openid/v1/jwks/", "openid/v1/jwks"),
    ] {
        assert_eq!(v3_document_name(path), name, "{path}");
    }
}

struct Widgets;

impl Definitions for Widgets {
    fn schema(&self, name: &str, form: Form) -> Option<Value> {
        let item = form.reference("com.example.v1.Widget");
        match name {
            "com.example.v1.Widget" => Some(json!({"type": "object", "properties": {"size": {"type": "integer"}}})),
            "com.example.v1.WidgetList" => {
                Some(json!({"type": "object", "properties": {"items": {"type": "array", "items": {"$ref": item}}}}))
            }
            _ => None,
        }
    }
}

#[test]
fn custom_resources_come_and_go() {
    let service = OpenApi::new("v1.36.0");
    let verbs = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    let paths = resource_paths(&ResourceRoutes {
        group: "example.com".into(),
        version: "v1".into(),
        plural: "widgets".into(),
        kind: "Widget".into(),
        definition: "com.example.v1.Widget".into(),
        namespaced: true,
        verbs: verbs.map(Into::into).to_vec(),
        returns_deleted: false,
        custom: true,
        subresources: Vec::new(),
    });
    let (before, core_before) = (service.v2(Representation::Json), service.v3_index());
    service.set("widgets.example.com", paths, Arc::new(Widgets));
    let document = parse(&service.v2(Representation::Json).identity());
    let item = &document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"];
    assert_eq!(item["get"]["operationId"], "readExampleComV1NamespacedWidget");
    assert_eq!(item["patch"]["consumes"][2], "application/apply-patch+yaml");
    assert!(document["definitions"]["com.example.v1.WidgetList"].is_object());
    assert!(document["paths"].get("/apis/example.com/v1/watch/widgets").is_none());
    let index = parse(&service.v3_index().identity());
    assert!(index["paths"]["apis/example.com/v1"].is_object());
    assert_eq!(
        index["paths"]["api/v1"],
        parse(&core_before.identity())["paths"]["api/v1"]
    );

    assert!(service.remove("widgets.example.com"));
    assert!(!service.remove("widgets.example.com"));
    assert_eq!(service.v2(Representation::Json).etag, before.etag);
    assert_eq!(service.v3_index().etag, core_before.etag);
}

#[test]
fn documents_of_other_servers_stand_in_the_index() {
    let service = OpenApi::new("v1.36.0");
    let name = "apis/metrics.k8s.io/v1beta1";
    service.set_remote(name, "/openapi/v3/apis/metrics.k8s.io/v1beta1?hash=AB");
    let entry = parse(&service.v3_index().identity())["paths"][name].clone();
    assert_eq!(
        entry["serverRelativeURL"],
        "/openapi/v3/apis/metrics.k8s.io/v1beta1?hash=AB"
    );
    assert!(service.remove_remote(name));
    assert!(parse(&service.v3_index().identity())["paths"].get(name).is_none());
}

#[test]
fn both_representations_have_one_tag() {
    let protobuf = SERVICE.v2(Representation::Protobuf);
    assert_eq!(protobuf.etag, SERVICE.v2(Representation::Json).etag);
    // Field 1, `swagger`.
    assert!(protobuf.identity().starts_with(b"\x0a\x032.0"));
}
