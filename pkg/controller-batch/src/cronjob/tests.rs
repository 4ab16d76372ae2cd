//! When jobs are due, and what is made of it.

use std::time::Duration;

use apis_workloads::cron::Schedule;
use controller::Clock;
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::batch::v1::{CronJob, Job};
use k8s_api::core::v1::Event;
use k8s_api::primitives::Time;
use serde_json::{Value, json};

use super::CRON_JOB;
use super::due::{most_recent, next, rfc1123, rfc3339_in};

const CRON_JOBS: &str = "/apis/batch/v1/cronjobs";
const JOBS: &str = "/apis/batch/v1/jobs";
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

fn at(seconds: i64) -> Time {
    Time::from_unix(START + seconds, 0)
}

fn cron_job(policy: &str, deadline: Option<i64>) -> Value {
    json!({
        "metadata": {"name": "tick", "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "schedule": "*/10 * * * *", "timeZone": "Etc/UTC", "concurrencyPolicy": policy,
            "startingDeadlineSeconds": deadline,
            "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {}},
        },
    })
}

#[test]
fn the_last_missed_time_counts() {
    let schedule = Schedule::parse("TZ=UTC */10 * * * *").unwrap();
    for (now, last, deadline, due, too_many, following) in [
        (599, None, None, None, false, Some(600)),
        (600, None, None, Some(600), false, Some(1200)),
        (1900, None, None, Some(1800), false, Some(2400)),
        (1900, Some(1800), None, None, false, Some(2400)),
        (1900, None, Some(50), None, false, Some(2400)),
        (600 * 200, None, None, Some(600 * 200), true, Some(600 * 201)),
    ] {
        let mut cron_job = CronJob::from_value(cron_job("Allow", deadline)).unwrap();
        cron_job.status.last_schedule_time = last.map(at);
        let found = most_recent(&cron_job, at(now), &schedule).unwrap();
        assert_eq!((found.time, found.too_many), (due.map(at), too_many), "{now}");
        assert_eq!(next(&cron_job, at(now), &schedule), following.map(at), "{now}");
    }
    assert_eq!(rfc1123(at(600)), "Thu, 01 Jan 2026 00:10:00 +0000");
    assert_eq!(rfc3339_in(at(600), "Europe/Berlin"), "2026-01-01T01:10:00+01:00");
    assert_eq!(rfc3339_in(at(600), ""), "2026-01-01T00:10:00Z");
}

struct Running {
    fixture: Fixture,
    clock: Clock,
}

impl Running {
    async fn start(cron_job: Value) -> Self {
        let mut fixture = Fixture::start().await;
        let clock = Clock::fixed(at(0));
        fixture.context.clock = clock.clone();
        fixture.run(CRON_JOB.constructor).await;
        fixture.create(CRON_JOBS, "ns", cron_job);
        Self { fixture, clock }
    }

    /// Moves the clock, and has the cron job looked at.
    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        let mark = json!({"metadata": {"annotations": {"look": self.clock.now().to_string()}}});
        self.fixture.patch(CRON_JOBS, "ns", "tick", mark);
    }

    fn jobs(&self) -> Vec<Job> {
        self.fixture.list(JOBS, "ns")
    }

    fn current(&self) -> CronJob {
        CronJob::from_value(self.fixture.get(CRON_JOBS, "ns", "tick").unwrap()).unwrap()
    }

    async fn told(&self, wanted: &str) {
        let told = || {
            let events: Vec<Event> = self.fixture.list("/api/v1/events", "ns");
            events
                .iter()
                .any(|event| format!("{}: {}", event.reason, event.message) == wanted)
        };
        self.fixture.eventually(wanted, told).await;
    }

    fn finish(&self, name: &str) {
        let end = json!({"status": {
            "completionTime": "2026-01-01T00:11:00Z", "startTime": "2026-01-01T00:10:00Z",
            "conditions": [{"type": "Complete", "status": "True"}],
        }});
        self.fixture.patch(JOBS, "ns", name, end);
    }
}

#[tokio::test]
async fn jobs_are_made_followed_and_forgotten() {
    let running = Running::start(cron_job("Allow", None)).await;
    running.advance(601);
    running.fixture.eventually("a job", || running.jobs().len() == 1).await;
    let name = format!("tick-{}", (START + 600) / 60);
    let job = running.jobs().remove(0);
    assert_eq!(job.metadata.name, name);
    assert_eq!(
        job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"],
        "2026-01-01T00:10:00Z"
    );
    assert_eq!(job.metadata.labels["a"], "b");
    running.told(&format!("SuccessfulCreate: Created job {name}")).await;
    running
        .fixture
        .eventually("the status", || {
            let status = running.current().status;
            status.active.len() == 1 && status.last_schedule_time == Some(at(600))
        })
        .await;
    running.finish(&name);
    running
        .told(&format!(
            "SawCompletedJob: Saw completed job: {name}, condition: Complete"
        ))
        .await;
    running
        .fixture
        .eventually("the end", || {
            let status = running.current().status;
            status.active.is_empty() && status.last_successful_time.is_some()
        })
        .await;
    running.advance(600);
    running
        .fixture
        .eventually("another job", || running.jobs().len() == 2)
        .await;
    running.finish(&format!("tick-{}", (START + 1200) / 60));
    running
        .fixture
        .eventually("one job kept", || running.jobs().len() == 1)
        .await;
    running.told(&format!("SuccessfulDelete: Deleted job {name}")).await;
}

#[tokio::test]
async fn a_job_that_runs_forbids_the_next_or_makes_room() {
    for (policy, told) in [
        (
            "Forbid",
            "JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid",
        ),
        (
            "Replace",
            &format!("SuccessfulDelete: Deleted job tick-{}", (START + 600) / 60),
        ),
    ] {
        let running = Running::start(cron_job(policy, None)).await;
        running.advance(601);
        running
            .fixture
            .eventually("a job", || running.current().status.active.len() == 1)
            .await;
        running.advance(600);
        running.told(told).await;
        running
            .fixture
            .eventually("one job", || running.jobs().len() == 1)
            .await;
    }
}
