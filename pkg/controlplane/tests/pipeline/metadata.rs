//! Metadata alone: of one object, of a list, and the wrong one of the two.

use http::Method;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{MAPS, Plane, map};

const ONE: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

async fn ask(plane: &Plane, method: &Method, path: &str, accept: &str, body: &str) -> (u16, Value) {
    let content_type = match *method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let headers = [("accept", accept), ("content-type", content_type)];
    let answer = plane.raw(method.clone(), path, &headers, body.to_owned()).await;
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

#[tokio::test]
async fn an_answer_of_the_other_shape_is_refused() {
    let plane = Plane::start().await;
    plane.post(MAPS, map("m")).await;
    let object = format!("{MAPS}/m");
    let review = json!({"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}).to_string();
    let one = "you requested PartialObjectMetadata, but the requested object is a list";
    let list = "you requested PartialObjectMetadataList, but the requested object is not a list";
    let accepted = "only the following media types are accepted: application/json, application/yaml, \
                    application/vnd.kubernetes.protobuf";
    let protobuf_one = ONE.replace("json", "vnd.kubernetes.protobuf");
    let with_fallback = format!("{ONE},application/json");
    let labelled = json!({"metadata": {"labels": {"seen": "1"}}}).to_string();
    let new = map("n").to_string();
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (method, path, accept, body, message) in [
        (Method::GET, MAPS, ONE, "", format!("{one} (*core.ConfigMapList)")),
        (
            Method::GET,
            MAPS,
            &protobuf_one,
            "",
            format!("{one} (*core.ConfigMapList)"),
        ),
        (
            Method::GET,
            MAPS,
            &with_fallback,
            "",
            format!("{one} (*core.ConfigMapList)"),
        ),
        (
            Method::GET,
            "/apis/events.k8s.io/v1/events",
            ONE,
            "",
            format!("{one} (*core.EventList)"),
        ),
        (
            Method::GET,
            "/apis/autoscaling/v1/horizontalpodautoscalers",
            ONE,
            "",
            format!("{one} (*autoscaling.HorizontalPodAutoscalerList)"),
        ),
        (
            Method::GET,
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            ONE,
            "",
            format!("{one} (*rbac.ClusterRoleList)"),
        ),
        (
            Method::GET,
            "/api/v1/componentstatuses",
            ONE,
            "",
            format!("{one} (*core.ComponentStatusList)"),
        ),
        (Method::GET, &object, LIST, "", format!("{list} (*core.ConfigMap)")),
        (
            Method::PATCH,
            &object,
            LIST,
            &labelled,
            format!("{list} (*core.ConfigMap)"),
        ),
        (Method::POST, MAPS, LIST, &new, format!("{list} (*core.ConfigMap)")),
        (
            Method::POST,
            reviews,
            LIST,
            &review,
            format!("{list} (*authorization.SelfSubjectAccessReview)"),
        ),
        (Method::POST, reviews, TABLE, &review, accepted.to_owned()),
        (Method::DELETE, MAPS, ONE, "", format!("{one} (*core.ConfigMapList)")),
    ] {
        let (status, answer) = ask(&plane, &method, path, accept, body).await;
        assert_eq!(
            (status, answer["message"].as_str()),
            (406, Some(message.as_str())),
            "{method} {path} as {accept}"
        );
        assert_eq!(answer["reason"], "NotAcceptable");
        if method == Method::PATCH {
            assert_eq!(
                plane.get(&object).await.1["metadata"]["labels"]["seen"],
                "1",
                "what was written stays"
            );
        }
        if method == Method::POST && path == MAPS {
            assert_eq!(plane.get(&format!("{MAPS}/n")).await.0, 200, "what was created stays");
        }
    }
    assert_eq!(
        plane.get(MAPS).await.1["items"],
        json!([]),
        "what was to be deleted is gone"
    );
}

#[tokio::test]
async fn metadata_of_what_is_written_and_of_what_is_not_stored() {
    let plane = Plane::start().await;
    let meta = |answer: &Value| {
        (
            answer["kind"].clone(),
            answer["apiVersion"].clone(),
            answer["metadata"]["name"].clone(),
        )
    };
    let partial = (json!("PartialObjectMetadata"), json!("meta.k8s.io/v1"), json!("m"));
    let (status, created) = ask(&plane, &Method::POST, MAPS, ONE, &map("m").to_string()).await;
    assert_eq!((status, meta(&created), created.get("data")), (201, partial, None));
    let review = json!({"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (status, reviewed) = ask(&plane, &Method::POST, path, ONE, &review.to_string()).await;
    assert_eq!(
        (status, &reviewed["kind"], reviewed.get("status")),
        (201, &json!("PartialObjectMetadata"), None)
    );

    let deployment = json!({"metadata": {"name": "d"}, "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
    }}});
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    assert_eq!(plane.post(deployments, deployment).await.0, 201);
    let scale = format!("{deployments}/d/scale");
    let (status, table) = ask(&plane, &Method::GET, &scale, TABLE, "").await;
    assert_eq!(
        (status, &table["kind"], &table["rows"][0]["cells"][0]),
        (200, &json!("Table"), &json!("d"))
    );
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let (_, partial) = ask(&plane, &Method::GET, &scale, ONE, "").await;
    assert_eq!(
        (&partial["kind"], partial.get("spec")),
        (&json!("PartialObjectMetadata"), None)
    );

    // A Status is neither: it is answered as it is.
    let (status, deleted) = ask(&plane, &Method::DELETE, &format!("{MAPS}/m"), LIST, "").await;
    assert_eq!((status, &deleted["status"]), (200, &json!("Success")));
}

#[tokio::test]
async fn a_watch_that_wants_lists_ends_at_its_first_event() {
    let plane = Plane::start().await;
    plane.post(MAPS, map("m")).await;
    let path = format!("{MAPS}?watch=1&timeoutSeconds=600");
    let watched = plane.raw(Method::GET, &path, &[("accept", LIST)], "").await;
    assert_eq!(watched.status(), 200);
    let bytes = watched.into_body().collect().await.expect("an end").to_bytes();
    assert_eq!(bytes.len(), 0);
}
