//! Codes, reasons and messages.

use super::*;
use crate::field::{Error, ErrorList, Path};

const PODS: GroupResource<'_> = GroupResource::new("", "pods");
const DEPLOYMENTS: GroupResource<'_> = GroupResource::new("apps", "deployments");

#[test]
fn constructors() {
    for (error, code, reason, message) in [
        (
            StatusError::not_found(PODS, "a"),
            404,
            "NotFound",
            r#"pods "a" not found"#,
        ),
        (
            StatusError::already_exists(DEPLOYMENTS, "a"),
            409,
            "AlreadyExists",
            r#"deployments.apps "a" already exists"#,
        ),
        (
            StatusError::generate_name_conflict(PODS, "a-x", 1),
            409,
            "AlreadyExists",
            r#"pods "a-x" already exists, the server was not able to generate a unique name for the object"#,
        ),
        (StatusError::unauthorized(""), 401, "Unauthorized", "not authorized"),
        (
            StatusError::forbidden(PODS, "a", "no"),
            403,
            "Forbidden",
            r#"pods "a" is forbidden: no"#,
        ),
        (
            StatusError::forbidden(PODS, "", "no"),
            403,
            "Forbidden",
            "pods is forbidden: no",
        ),
        (
            StatusError::forbidden(GroupResource::default(), "", "no"),
            403,
            "Forbidden",
            "forbidden: no",
        ),
        (
            StatusError::conflict(PODS, "a", "changed"),
            409,
            "Conflict",
            r#"Operation cannot be fulfilled on pods "a": changed"#,
        ),
        (StatusError::gone("away"), 410, "Gone", "away"),
        (StatusError::resource_expired("too old"), 410, "Expired", "too old"),
        (StatusError::bad_request("what?"), 400, "BadRequest", "what?"),
        (
            StatusError::too_many_requests("slow", 3),
            429,
            "TooManyRequests",
            "slow",
        ),
        (
            StatusError::too_many_requests_error("slow"),
            429,
            "TooManyRequests",
            "Too many requests: slow",
        ),
        (
            StatusError::service_unavailable("later"),
            503,
            "ServiceUnavailable",
            "later",
        ),
        (
            StatusError::method_not_supported(DEPLOYMENTS, "patch"),
            405,
            "MethodNotAllowed",
            r#"patch is not supported on resources of kind "deployments.apps""#,
        ),
        (
            StatusError::server_timeout(PODS, "list", 2),
            500,
            "ServerTimeout",
            "The list operation against pods could not be completed at this time, please try again.",
        ),
        (
            StatusError::internal_error("oops"),
            500,
            "InternalError",
            "Internal error occurred: oops",
        ),
        (StatusError::timeout("slow", 0), 504, "Timeout", "Timeout: slow"),
        (
            StatusError::request_entity_too_large("limit is 3"),
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 3",
        ),
        (
            StatusError::not_acceptable(&["application/json", "application/yaml"]),
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml",
        ),
        (
            StatusError::unsupported_media_type(&["application/json"]),
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json",
        ),
    ] {
        let status = error.status();
        assert_eq!((status.code, status.reason.as_str()), (code, reason), "{message}");
        assert_eq!(error.to_string(), message);
        assert_eq!(status.status, "Failure");
        assert!(error.is(error.reason().unwrap()));
    }
    assert_eq!(
        StatusError::too_many_requests("slow", 3).suggests_client_delay(),
        Some(3)
    );
    assert_eq!(
        StatusError::server_timeout(PODS, "list", 0).suggests_client_delay(),
        Some(0)
    );
    assert_eq!(StatusError::not_found(PODS, "a").suggests_client_delay(), None);
}

#[test]
fn invalid_objects_tell_every_cause() {
    let mut errors = ErrorList::from(Error::required(&Path::new("spec"), ""));
    errors.push(Error::invalid(&Path::new("metadata").child("name"), "A", "no"));
    let error = StatusError::invalid(GroupResource::new("apps", "Deployment"), "A", &errors);
    assert_eq!(
        error.to_string(),
        r#"Deployment.apps "A" is invalid: [spec: Required value, metadata.name: Invalid value: "A": no]"#
    );
    let details = error.status().details.as_ref().unwrap();
    assert_eq!((details.group.as_str(), details.kind.as_str()), ("apps", "Deployment"));
    assert_eq!(details.causes[1].reason, "FieldValueInvalid");
    assert_eq!(details.causes[1].field, "metadata.name");
    assert_eq!(details.causes[1].message, r#"Invalid value: "A": no"#);
    assert_eq!(
        StatusError::invalid(PODS, "A", &ErrorList::new()).to_string(),
        r#"pods "A" is invalid"#
    );
}

#[test]
fn codes_stand_in_for_unknown_reasons() {
    let mut status = StatusError::not_found(PODS, "a").into_status();
    status.reason = "Mystery".into();
    assert!(StatusError::from(status.clone()).is_not_found());
    status.reason = "Conflict".into();
    let conflict = StatusError::from(status.clone());
    assert!(conflict.is_conflict() && !conflict.is_not_found());
    status.code = 429;
    assert!(StatusError::from(status.clone()).is_too_many_requests());
    status.reason = String::new();
    status.code = 409;
    assert!(!StatusError::from(status).is_already_exists());
}

#[test]
fn bare_responses() {
    let response = ResponseError {
        code: 404,
        verb: "GET",
        resource: PODS,
        name: "a",
        ..ResponseError::default()
    };
    let error = generic_server_response(response);
    assert_eq!(
        error.to_string(),
        "the server could not find the requested resource (get pods a)"
    );
    let error = generic_server_response(ResponseError {
        code: 500,
        server_message: "a \"b\"",
        unexpected: true,
        ..ResponseError::default()
    });
    assert_eq!(
        error.to_string(),
        r#"an error on the server ("a \"b\"") has prevented the request from succeeding"#
    );
    assert!(error.is_unexpected_server_error() && error.is_internal_error());
    let error = generic_server_response(ResponseError {
        code: 302,
        resource: PODS,
        verb: "GET",
        ..ResponseError::default()
    });
    assert_eq!(
        error.to_string(),
        "the server responded with the status code 302 but did not return more information (get pods)"
    );
    let post = ResponseError {
        code: 409,
        verb: "POST",
        ..ResponseError::default()
    };
    assert!(generic_server_response(post).is_already_exists());
}

#[test]
fn statuses_in_bodies() {
    let body =
        br#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"m","reason":"NotFound","code":404}"#;
    let error = from_response_body(body).unwrap();
    assert!(error.is_not_found());
    assert_eq!(error.to_string(), "m");
    for other in [
        &b"{}"[..],
        b"404 page not found",
        br#"{"kind":"Pod","apiVersion":"v1"}"#,
        br#"{"kind":"Status","apiVersion":"v1","status":"Success"}"#,
    ] {
        assert_eq!(from_response_body(other), None);
    }
}
