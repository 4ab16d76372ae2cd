//! Answers and refusals. That webhooks are asked for real is tested where the server is put together.

use k8s_api::meta::v1::Status;
use serde_json::{Value, json};

use crate::{
    call::denial,
    review::{Answer, ReviewVersion},
};

#[test]
fn refusals_have_codes_and_words() {
    let status = |code, message: &str, reason: &str| Status {
        code,
        message: message.to_owned(),
        reason: reason.to_owned(),
        status: "Success".to_owned(),
        ..Status::default()
    };
    let cases = [
        (
            None,
            400,
            "admission webhook \"h\" denied the request without explanation",
        ),
        (
            Some(status(200, "", "")),
            400,
            "admission webhook \"h\" denied the request without explanation",
        ),
        (
            Some(status(403, "no", "Forbidden")),
            403,
            "admission webhook \"h\" denied the request: no",
        ),
        (
            Some(status(0, "", "Forbidden")),
            400,
            "admission webhook \"h\" denied the request: Forbidden",
        ),
    ];
    for (given, code, message) in cases {
        let refusal = denial("h", given);
        let refusal = refusal.status();
        assert_eq!(
            (refusal.code, refusal.message.as_str(), refusal.status.as_str()),
            (code, message, "Failure")
        );
    }
}

#[test]
fn answers_are_checked() {
    use ReviewVersion::{V1, V1Beta1};

    let review = |version: &str, response: Value| {
        json!({"apiVersion": version, "kind": "AdmissionReview", "response": response}).to_string()
    };
    let v1 = |response: Value| review("admission.k8s.io/v1", response);
    let invalid = |reason: &str| Some(format!("received invalid webhook response: {reason}"));
    let cases = [
        (V1, true, v1(json!({"uid": "u", "allowed": true})), None),
        (V1, true, v1(Value::Null), invalid("webhook response was absent")),
        (
            V1,
            true,
            v1(json!({"uid": "v"})),
            invalid("expected response.uid=\"u\", got \"v\""),
        ),
        (
            V1,
            true,
            json!({"response": {"uid": "u"}}).to_string(),
            invalid("expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind="),
        ),
        (
            V1,
            true,
            v1(json!({"uid": "u", "patch": "W10="})),
            invalid("webhook returned response.patch but not response.patchType"),
        ),
        (
            V1,
            true,
            v1(json!({"uid": "u", "patchType": "JSONPatch"})),
            invalid("webhook returned response.patchType but not response.patch"),
        ),
        (
            V1,
            false,
            v1(json!({"uid": "u", "patchType": "JSONPatch"})),
            invalid("validating webhook may not return response.patchType"),
        ),
        (
            V1Beta1,
            true,
            review("", json!({"allowed": true, "patch": "W10="})),
            None,
        ),
    ];
    for (version, mutating, body, expected) in cases {
        let answer = Answer::decode(version, "u", mutating, body.as_bytes());
        assert_eq!(answer.err().map(|error| error.to_string()), expected, "{body}");
    }
    let answer = Answer::decode(V1, "u", true, b"nothing")
        .expect_err("no review")
        .to_string();
    assert!(
        answer.starts_with("failed to call webhook: couldn't get version/kind; json parse error: "),
        "{answer}"
    );
}
