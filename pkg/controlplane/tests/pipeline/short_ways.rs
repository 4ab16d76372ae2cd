//! Writes that change metadata alone, or nothing, go a shorter way: they end as they would have on the long one.

use http::Method;
use serde_json::{Value, json};

use super::Plane;

const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// What may differ between two objects with one history.
fn comparable(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in ["name", "uid", "resourceVersion", "creationTimestamp"] {
            metadata.remove(name);
        }
        for entry in metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            entry["time"] = json!(null);
        }
    }
    object
}

/// What may differ between two states of an object; a Deployment counts its annotations among what makes a generation.
fn content(object: Value) -> Value {
    let mut object = comparable(object);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("generation");
    }
    object
}

/// An object of each sort: where it lies, what is posted, and a member besides metadata that a patch may open in vain.
fn objects() -> [(&'static str, Value, &'static str); 3] {
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    [
        (
            "/api/v1/namespaces/default/configmaps",
            json!({"data": {"a": "1"}, "metadata": {"labels": {"app": "a"}}}),
            "data",
        ),
        (
            // Its labels are by default those of its template.
            "/api/v1/namespaces/default/replicationcontrollers",
            json!({"metadata": {}, "spec": {"selector": {"app": "a"}, "template": template}}),
            "spec",
        ),
        (
            "/apis/apps/v1/namespaces/default/deployments",
            json!({"metadata": {"annotations": {"x": "y"}},
                "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template}}),
            "spec",
        ),
    ]
}

#[tokio::test]
async fn a_patch_of_metadata_ends_as_one_that_opens_more() {
    let plane = Plane::start().await;
    let patches = [
        (MERGE, json!({"annotations": {"a": "b"}})),
        (MERGE, json!({"labels": null})),
        (MERGE, json!({"labels": {"app": null, "other": "1"}, "annotations": {}})),
        (MERGE, json!({"finalizers": [], "ownerReferences": []})),
        (MERGE, json!({"finalizers": ["example.com/x"], "generateName": "g-"})),
        (
            STRATEGIC,
            json!({"finalizers": ["example.com/y"], "annotations": {"c": "d"}}),
        ),
        (
            STRATEGIC,
            json!({"$deleteFromPrimitiveList/finalizers": ["example.com/x"]}),
        ),
        (MERGE, json!({"finalizers": null, "labels": {"n": "1"}})),
        (MERGE, json!({"labels": {"n": 1}})),
        (MERGE, json!({"labels": {"-": "1"}})),
        (MERGE, json!({"what": 1})),
        (MERGE, json!({"name": "q"})),
        (STRATEGIC, json!({"uid": "0"})),
        (MERGE, json!({"resourceVersion": "1"})),
        (MERGE, json!({"managedFields": []})),
        (MERGE, json!(null)),
    ];
    for (collection, object, other) in objects() {
        for name in ["short", "long"] {
            let mut object = object.clone();
            object["metadata"]["name"] = name.into();
            let (status, answer) = plane.post(collection, object).await;
            assert_eq!(status, 201, "{answer}");
        }
        for (number, (content_type, metadata)) in patches.iter().enumerate() {
            let mut ends = Vec::new();
            for (name, patch) in [
                ("short", json!({"metadata": metadata})),
                ("long", json!({"metadata": metadata, other: {}})),
            ] {
                let path = format!("{collection}/{name}?fieldManager=m{}", number % 3);
                let (status, answer) = plane.send(Method::PATCH, &path, content_type, &patch.to_string()).await;
                let message = answer["message"].as_str().unwrap_or_default().replace(name, "NAME");
                // What is refused is shown with all that was sent or came of it.
                let message = message
                    .split(": Invalid value: \"")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let (_, now) = plane.get(&format!("{collection}/{name}")).await;
                ends.push((status, message, comparable(now)));
            }
            assert_eq!(ends[0], ends[1], "{collection}: {metadata}");
        }
    }
}

#[tokio::test]
async fn an_apply_of_what_is_there_writes_nothing_and_one_of_metadata_changes_no_more() {
    let plane = Plane::start().await;
    for (collection, mut object, other) in objects() {
        let (api_version, kind) = match other {
            "data" => ("v1", "ConfigMap"),
            _ if collection.contains("apps") => ("apps/v1", "Deployment"),
            _ => ("v1", "ReplicationController"),
        };
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        let path = format!("{collection}/applied?fieldManager=applier");
        let apply = async |object: &Value| plane.send(Method::PATCH, &path, APPLY, &object.to_string()).await;
        let (status, first) = apply(&object).await;
        assert_eq!(status, 201, "{first}");
        assert_eq!(apply(&object).await, (200, first.clone()), "the same again is no write");

        let configuration = object.clone();
        object["metadata"]["annotations"]["applied"] = "1".into();
        let (status, annotated) = apply(&object).await;
        assert_eq!(status, 200, "{annotated}");
        let mut expected = first.clone();
        expected["metadata"]["annotations"]["applied"] = "1".into();
        let owned = &mut expected["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"]["f:annotations"];
        match owned.as_object_mut() {
            Some(owned) => drop(owned.insert("f:applied".to_owned(), json!({}))),
            None => *owned = json!({"f:applied": {}}),
        }
        assert_eq!(content(annotated.clone()), content(expected));

        let (status, back) = apply(&configuration).await;
        assert_eq!(
            (status, content(back)),
            (200, content(first)),
            "what is no longer applied goes"
        );

        object["metadata"]["what"] = 1.into();
        let (status, refused) = apply(&object).await;
        assert_eq!(status, 500, "{refused}");
        let message = refused["message"].as_str().unwrap_or_default();
        assert!(
            message.ends_with(".metadata.what: field not declared in schema"),
            "{message}"
        );
    }
}
