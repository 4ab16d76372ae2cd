//! Paths, queries and statuses.

use http::{Method, StatusCode};
use k8s_api::Kind;
use k8s_api::core::v1::Pod;
use kubelet_logs::Stream;

use crate::access::{subresources, verb};
use crate::logs::{container_id, parse};

#[test]
fn paths_are_subresources_of_the_node() {
    for (path, expected) in [
        ("/stats/summary", &["stats"][..]),
        ("/metrics", &["metrics"]),
        ("/metrics/cadvisor", &["metrics"]),
        ("/logs/syslog", &["log"]),
        ("/checkpoint/ns/p/c", &["checkpoint"]),
        ("/pods", &["pods", "proxy"]),
        ("/runningpods/", &["pods", "proxy"]),
        ("/healthz", &["healthz", "proxy"]),
        ("/configz", &["configz", "proxy"]),
        ("/flagz", &["configz"]),
        ("/podsx", &["proxy"]),
        ("/exec/ns/p/c", &["proxy"]),
        ("/", &["proxy"]),
    ] {
        assert_eq!(subresources(path), expected, "{path}");
    }
    assert_eq!(
        (verb(&Method::POST), verb(&Method::GET), verb(&Method::HEAD)),
        ("create", "get", "")
    );
}

#[test]
fn log_queries() {
    let parsed = parse(
        "follow=true&tailLines=5&limitBytes=10&timestamps=true&previous=true",
        false,
    )
    .expect("valid");
    assert!(parsed.options.follow && parsed.options.timestamps && parsed.previous);
    assert_eq!((parsed.options.tail, parsed.options.limit_bytes), (Some(5), Some(10)));
    assert_eq!(parse("tail=all", false).expect("valid").options.tail, None);
    assert_eq!(
        parse("stream=Stderr", true).expect("valid").options.stream,
        Some(Stream::Stderr)
    );
    assert!(parse("sinceSeconds=5", false).expect("valid").options.since.is_some());
    for (query, status) in [
        ("tailLines=x", StatusCode::BAD_REQUEST),
        ("tailLines=-1", StatusCode::UNPROCESSABLE_ENTITY),
        ("limitBytes=0", StatusCode::UNPROCESSABLE_ENTITY),
        ("sinceSeconds=0", StatusCode::UNPROCESSABLE_ENTITY),
        (
            "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        ("sinceTime=yesterday", StatusCode::BAD_REQUEST),
        ("stream=Stdout", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(
            parse(query, false).map_err(|(status, _)| status),
            Err(status),
            "{query}"
        );
    }
}

fn pod(state: &str, last: &str) -> Pod {
    let text = format!(
        r#"{{"metadata":{{"name":"p"}},"spec":{{}},"status":{{"containerStatuses":[
            {{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"containerID":"containerd://now","state":{state},"lastState":{last}}}]}}}}"#
    );
    Pod::from_json(text.as_bytes()).expect("a pod")
}

#[test]
fn which_container_s_log_is_meant() {
    let ended = r#"{"terminated":{"exitCode":1,"containerID":"containerd://before"}}"#;
    let place = "container \"c\" in pod \"p\"";
    for (state, last, previous, expected) in [
        (r#"{"running":{}}"#, "{}", false, Ok("now")),
        (r#"{"running":{}}"#, ended, true, Ok("before")),
        (ended, "{}", false, Ok("before")),
        (
            r#"{"waiting":{"reason":"CrashLoopBackOff"}}"#,
            ended,
            false,
            Ok("before"),
        ),
        (
            r#"{"waiting":{"reason":"ContainerCreating"}}"#,
            "{}",
            false,
            Err("is waiting to start: ContainerCreating"),
        ),
        (
            r#"{"waiting":{"reason":"ErrImagePull"}}"#,
            "{}",
            false,
            Err("is waiting to start: image can't be pulled"),
        ),
        (
            r#"{"waiting":{"reason":"ImagePullBackOff"}}"#,
            "{}",
            false,
            Err("is waiting to start: trying and failing to pull image"),
        ),
    ] {
        let found = container_id(&pod(state, last), "c", previous);
        let expected = expected
            .map(str::to_owned)
            .map_err(|words: &str| format!("{place} {words}"));
        assert_eq!(found, expected, "{state} {last}");
    }
    let missing = container_id(&pod(r#"{"running":{}}"#, "{}"), "c", true);
    assert_eq!(missing, Err(format!("previous terminated {place} not found")));
    let unknown = container_id(&pod("{}", "{}"), "other", false);
    assert_eq!(
        unknown,
        Err("container \"other\" in pod \"p\" is not available".to_owned())
    );
}
