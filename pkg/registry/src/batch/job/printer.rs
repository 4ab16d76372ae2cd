//! What `kubectl get jobs` shows.

use apiserver::registry::{Column, Row};
use k8s_api::batch::v1::{Job, JobCondition};

use crate::printing::{AGE, NAME, age, column, containers, label_selector, since, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Status", "string"),
    column("Completions", "string"),
    column("Duration", "string"),
    AGE,
    wide("Containers", "string"),
    wide("Images", "string"),
    wide("Selector", "string"),
];

/// Whether the first condition of that type is true.
fn holds(conditions: &[JobCondition], type_: &str) -> bool {
    let condition = conditions.iter().find(|condition| condition.type_ == type_);
    condition.is_some_and(|condition| condition.status == "True")
}

fn status(job: &Job) -> &'static str {
    let first = |types: &[&'static str]| {
        let mut types = types.iter().copied();
        types.find(|type_| holds(&job.status.conditions, type_))
    };
    if let Some(end) = first(&["Complete", "Failed"]) {
        return end;
    }
    if job.metadata.deletion_timestamp.is_some() {
        return "Terminating";
    }
    first(&["Suspended", "FailureTarget", "SuccessCriteriaMet"]).unwrap_or("Running")
}

fn completions(job: &Job) -> String {
    let succeeded = job.status.succeeded;
    match (job.spec.completions, job.spec.parallelism) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, Some(parallelism)) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

/// The cells of a job.
#[must_use]
pub fn row(job: &Job, now: jiff::Timestamp) -> Row {
    let (names, images) = containers(&job.spec.template.spec.containers);
    let duration = job.status.start_time.map(|start| {
        let end = job.status.completion_time.map_or(now, Into::into);
        since(start.into(), end)
    });
    vec![
        job.metadata.name.as_str().into(),
        status(job).into(),
        completions(job).into(),
        duration.unwrap_or_default().into(),
        age(job.metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
        label_selector(job.spec.selector.as_deref()).into(),
    ]
}
