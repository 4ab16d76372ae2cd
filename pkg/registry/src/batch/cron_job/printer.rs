//! What `kubectl get cronjobs` shows.

use apiserver::registry::{Column, Row};
use k8s_api::batch::v1::CronJob;

use crate::printing::{AGE, NAME, NONE, UNSET, age, column, containers, label_selector, wide};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Schedule", "string"),
    column("Timezone", "string"),
    column("Suspend", "boolean"),
    column("Active", "integer"),
    column("Last Schedule", "string"),
    AGE,
    wide("Containers", "string"),
    wide("Images", "string"),
    wide("Selector", "string"),
];

/// The cells of a cron job.
#[must_use]
pub fn row(cron_job: &CronJob, now: jiff::Timestamp) -> Row {
    let CronJob { metadata, spec, status } = cron_job;
    let job = &spec.job_template.spec;
    let (names, images) = containers(&job.template.spec.containers);
    let suspend = match spec.suspend {
        None => UNSET,
        Some(true) => "True",
        Some(false) => "False",
    };
    let last = status.last_schedule_time.map(|time| age(Some(time), now));
    vec![
        metadata.name.as_str().into(),
        spec.schedule.as_str().into(),
        spec.time_zone.as_deref().unwrap_or(NONE).into(),
        suspend.into(),
        status.active.len().into(),
        last.unwrap_or_else(|| NONE.into()).into(),
        age(metadata.creation_timestamp, now).into(),
        names.into(),
        images.into(),
        label_selector(job.selector.as_deref()).into(),
    ]
}
