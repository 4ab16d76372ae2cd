//! Jobs and their pods, on a server in memory.

use std::collections::HashSet;

use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::batch::v1::{Job, JobCondition};
use k8s_api::core::v1::{Event, Pod};
use serde_json::{Value, json};

use super::JOB;
use super::pods::{has_finalizer, index};

const JOBS: &str = "/apis/batch/v1/jobs";
const PODS: &str = "/api/v1/pods";

fn job(spec: Value) -> Value {
    let mut job = json!({
        "metadata": {"name": "work", "namespace": "ns", "generation": 1},
        "spec": {
            "parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed",
            "selector": {"matchLabels": {"job": "work"}},
            "template": {
                "metadata": {"labels": {"job": "work"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    job
}

async fn started(spec: Value) -> Fixture {
    let fixture = Fixture::start().await;
    fixture.run(JOB.constructor).await;
    fixture.create(JOBS, "ns", job(spec));
    fixture
}

fn current(fixture: &Fixture) -> Job {
    Job::from_value(fixture.get(JOBS, "ns", "work").unwrap()).unwrap()
}

fn pods(fixture: &Fixture) -> Vec<Pod> {
    fixture.list(PODS, "ns")
}

fn active(fixture: &Fixture) -> Vec<Pod> {
    let mut pods = pods(fixture);
    pods.retain(controller::workload::pods::is_active);
    pods
}

fn end_pod(fixture: &Fixture, pod: &Pod, exit_code: i32) {
    let phase = if exit_code == 0 { "Succeeded" } else { "Failed" };
    let ended = json!({"status": {"phase": phase, "containerStatuses": [{
        "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": exit_code, "finishedAt": "2020-01-01T00:00:00Z"}},
    }]}});
    fixture.patch(PODS, "ns", &pod.metadata.name, ended);
}

fn condition(fixture: &Fixture, type_: &str) -> Option<JobCondition> {
    let conditions = current(fixture).status.conditions;
    conditions
        .into_iter()
        .find(|condition| condition.type_ == type_ && condition.status == "True")
}

async fn told(fixture: &Fixture, wanted: &str) {
    let told = || {
        let events: Vec<Event> = fixture.list("/api/v1/events", "ns");
        events
            .iter()
            .any(|event| format!("{}: {}", event.reason, event.message) == wanted)
    };
    fixture.eventually(wanted, told).await;
}

#[tokio::test]
async fn every_pod_counts_once_and_the_job_completes() {
    let fixture = started(json!({"parallelism": 2, "completions": 3})).await;
    fixture.eventually("two pods", || active(&fixture).len() == 2).await;
    assert!(pods(&fixture).iter().all(has_finalizer));
    fixture
        .eventually("the job", || {
            for pod in active(&fixture) {
                end_pod(&fixture, &pod, 0);
            }
            condition(&fixture, "Complete").is_some()
        })
        .await;
    let status = current(&fixture).status;
    assert_eq!((status.succeeded, status.failed, status.active), (3, 0, 0));
    assert!(status.completion_time.is_some() && status.start_time.is_some());
    assert_eq!(
        condition(&fixture, "SuccessCriteriaMet").unwrap().reason,
        "CompletionsReached"
    );
    assert_eq!(pods(&fixture).len(), 3);
    // The server in memory does not know patches that delete from lists.
    let seen = fixture.server.seen();
    let released: HashSet<_> = seen
        .iter()
        .filter(|seen| String::from_utf8_lossy(&seen.body).contains("$deleteFromPrimitiveList/finalizers"))
        .map(|seen| seen.path.clone())
        .collect();
    assert_eq!(released.len(), 3, "counted pods are let go");
    told(&fixture, "Completed: Job completed").await;
}

#[tokio::test]
async fn too_many_failures_end_the_job() {
    let fixture = started(json!({"backoffLimit": 0, "parallelism": 2, "completions": 2})).await;
    fixture.eventually("two pods", || active(&fixture).len() == 2).await;
    end_pod(&fixture, &active(&fixture)[0], 1);
    fixture
        .eventually("the end", || condition(&fixture, "Failed").is_some())
        .await;
    let failed = condition(&fixture, "Failed").unwrap();
    assert_eq!(failed.reason, "BackoffLimitExceeded");
    assert_eq!(failed.message, "Job has reached the specified backoff limit");
    assert!(active(&fixture).is_empty(), "what ran is deleted");
    told(
        &fixture,
        "BackoffLimitExceeded: Job has reached the specified backoff limit",
    )
    .await;
}

#[tokio::test]
async fn indexes_succeed_and_fail_each_for_itself() {
    let spec = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3, "backoffLimitPerIndex": 0});
    let fixture = started(spec).await;
    fixture.eventually("three pods", || active(&fixture).len() == 3).await;
    let second = active(&fixture).into_iter().find(|pod| index(pod) == Some(1)).unwrap();
    assert_eq!(second.spec.hostname, "work-1");
    assert!(second.metadata.name.starts_with("work-1-"));
    assert_eq!(second.spec.containers[0].env[0].name, "JOB_COMPLETION_INDEX");
    for pod in active(&fixture) {
        end_pod(&fixture, &pod, i32::from(index(&pod) == Some(1)));
    }
    fixture
        .eventually("the end", || condition(&fixture, "Failed").is_some())
        .await;
    let status = current(&fixture).status;
    assert_eq!(status.completed_indexes, "0,2");
    assert_eq!(status.failed_indexes.as_deref(), Some("1"));
    assert_eq!(condition(&fixture, "Failed").unwrap().reason, "FailedIndexes");
}

#[tokio::test]
async fn policies_decide_what_failures_and_successes_mean() {
    let rule = json!({"rules": [
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]});
    let fixture = started(json!({"podFailurePolicy": rule, "backoffLimit": 0})).await;
    fixture.eventually("a pod", || active(&fixture).len() == 1).await;
    end_pod(&fixture, &active(&fixture)[0], 3);
    fixture.eventually("another pod", || active(&fixture).len() == 1).await;
    let name = active(&fixture)[0].metadata.name.clone();
    end_pod(&fixture, &active(&fixture)[0], 42);
    fixture
        .eventually("the end", || condition(&fixture, "Failed").is_some())
        .await;
    let failed = condition(&fixture, "Failed").unwrap();
    let message = format!("Container c for pod ns/{name} failed with exit code 42 matching FailJob rule at index 1");
    assert_eq!((failed.reason.as_str(), failed.message), ("PodFailurePolicy", message));

    let policy = json!({"rules": [{"succeededIndexes": "0"}]});
    let fixture =
        started(json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2, "successPolicy": policy}))
            .await;
    fixture.eventually("two pods", || active(&fixture).len() == 2).await;
    let first = active(&fixture).into_iter().find(|pod| index(pod) == Some(0)).unwrap();
    end_pod(&fixture, &first, 0);
    fixture
        .eventually("the end", || condition(&fixture, "Complete").is_some())
        .await;
    assert_eq!(
        condition(&fixture, "Complete").unwrap().message,
        "Matched rules at index 0"
    );
}

#[tokio::test]
async fn a_suspended_job_runs_nothing() {
    let fixture = started(json!({"suspend": true})).await;
    fixture
        .eventually("the condition", || condition(&fixture, "Suspended").is_some())
        .await;
    assert!(pods(&fixture).is_empty());
    assert!(current(&fixture).status.start_time.is_none());
    fixture.patch(
        JOBS,
        "ns",
        "work",
        json!({"metadata": {"generation": 2}, "spec": {"suspend": false}}),
    );
    fixture.eventually("a pod", || active(&fixture).len() == 1).await;
    told(&fixture, "Resumed: Job resumed").await;
    fixture.patch(
        JOBS,
        "ns",
        "work",
        json!({"metadata": {"generation": 3}, "spec": {"suspend": true}}),
    );
    fixture.eventually("no pod", || active(&fixture).is_empty()).await;
    told(&fixture, "Suspended: Job suspended").await;
    assert_eq!(
        current(&fixture).status.failed,
        0,
        "pods that are ended by suspension do not count"
    );
}
