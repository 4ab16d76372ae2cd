//! `CronJob`: its schedule, its job template and the jobs that run.

use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{items, or_none, some, text, time, truth};
use crate::{Subject, job, metadata};

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let object = subject.object;
    metadata::head(object, out);
    put!(out, 0, "Schedule:\t{}\n", text(object, "/spec/schedule"));
    put!(
        out,
        0,
        "Concurrency Policy:\t{}\n",
        text(object, "/spec/concurrencyPolicy")
    );
    let suspend = some(object, "/spec/suspend").and_then(Value::as_bool);
    put!(out, 0, "Suspend:\t{}\n", suspend.map_or("<unset>", truth));
    let zone = some(object, "/spec/timeZone").and_then(Value::as_str);
    put!(out, 0, "Time Zone:\t{}\n", zone.unwrap_or("<unset>"));
    for (title, field, unit) in [
        ("Successful Job History Limit", "/spec/successfulJobsHistoryLimit", ""),
        ("Failed Job History Limit", "/spec/failedJobsHistoryLimit", ""),
        ("Starting Deadline Seconds", "/spec/startingDeadlineSeconds", "s"),
    ] {
        match some(object, field) {
            Some(number) => put!(out, 0, "{title}:\t{number}{unit}\n"),
            None => put!(out, 0, "{title}:\t<unset>\n"),
        }
    }
    job::template(&object["spec"]["jobTemplate"], out);
    match text(object, "/status/lastScheduleTime") {
        "" => put!(out, 0, "Last Schedule Time:\t<unset>\n"),
        last => put!(out, 0, "Last Schedule Time:\t{}\n", time(last)),
    }
    let active: Vec<_> = items(object, "/status/active")
        .iter()
        .map(|job| text(job, "/name"))
        .collect();
    put!(out, 0, "Active Jobs:\t{}\n", or_none(&active.join(", ")));
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}
