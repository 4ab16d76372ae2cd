//! What of a review reaches the authorizer, and what its status says.

use std::sync::Arc;

use apiserver_auth::authorization::{Attributes, Authorization, Authorizer};
use async_trait::async_trait;
use k8s_api::authorization::v1::SubjectAccessReview;
use serde_json::json;

use super::{Asks, access_review::AccessReview};

/// Allows whatever selects `spec.nodeName=n` and label `a`, denies the verb `deny`.
struct Selective;

#[async_trait]
impl Authorizer for Selective {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        assert_eq!(attributes.api_version, "*", "no version stands for every version");
        let labels: Vec<_> = attributes.label_requirements.iter().map(|one| one.key()).collect();
        match attributes.verb {
            "deny" => Authorization::deny("never"),
            _ if attributes.selects_field("spec.nodeName", "n") && labels == ["a"] => Authorization::allow("narrow"),
            _ => Authorization::no_opinion(""),
        }
    }
}

#[tokio::test]
async fn selectors_narrow_as_far_as_they_are_understood() {
    let raw =
        json!({"fieldSelector": {"rawSelector": "spec.nodeName=n"}, "labelSelector": {"rawSelector": "a in (b)"}});
    let listed = json!({
        "fieldSelector": {"requirements": [
            {"key": "spec.nodeName", "operator": "In", "values": ["n"]},
            {"key": "x", "operator": "Near", "values": ["y"]},
        ]},
        "labelSelector": {"requirements": [{"key": "a", "operator": "Exists"}]},
    });
    let wild = json!({"labelSelector": {"rawSelector": "a in ("}});
    let cases = [
        ("get", raw, (true, false, "narrow", "")),
        (
            "get",
            listed,
            (
                true,
                false,
                "narrow",
                "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
            ),
        ),
        (
            "get",
            wild,
            (
                false,
                false,
                "",
                "spec.resourceAttributes.labelSelector ignored due to parse error",
            ),
        ),
        ("deny", json!({}), (false, true, "never", "")),
    ];
    let asks = Asks::new(Arc::new(Selective));
    for (verb, mut attributes, expected) in cases {
        attributes["verb"] = verb.into();
        let review: SubjectAccessReview =
            k8s_api::Kind::from_value(json!({"spec": {"user": "u", "resourceAttributes": attributes}})).unwrap();
        let (resource, path) = review.wanted();
        let subject = review.subject(&apiserver::request::UserInfo::default()).into_owned();
        assert_eq!(subject.name, "u");
        let status = asks.review(&subject, resource, path).await;
        let seen = (
            status.allowed,
            status.denied,
            status.reason.as_str(),
            status.evaluation_error.as_str(),
        );
        assert_eq!(seen, expected, "{verb} {attributes}");
    }
}
