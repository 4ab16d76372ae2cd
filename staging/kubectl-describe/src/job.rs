//! `Job`: how far it has come, and its template.

use cli_runtime::gotext::human_duration;
use jiff::Timestamp;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{flag, number, some, text, time};
use crate::workload::selector;
use crate::{Subject, metadata, pod};

/// How much of the completed indexes is shown, in bytes; the index that begins there is shown whole.
const SHOWN_INDEXES: usize = 50;

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let job = subject.object;
    put!(out, 0, "Name:\t{}\n", text(job, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(job, "/metadata/namespace"));
    selector_line(job, out);
    metadata::labels("Labels", job.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", job.pointer("/metadata/annotations"), out);
    metadata::controlled_by(job, out);
    count(job, "Parallelism", "/spec/parallelism", None, out);
    count(job, "Completions", "/spec/completions", Some("<unset>"), out);
    let mode = text(job, "/spec/completionMode");
    if !mode.is_empty() {
        put!(out, 0, "Completion Mode:\t{mode}\n");
    }
    if some(job, "/spec/suspend").is_some() {
        put!(out, 0, "Suspend:\t{}\n", flag(job, "/spec/suspend"));
    }
    count(job, "Backoff Limit", "/spec/backoffLimit", None, out);
    count(
        job,
        "TTL Seconds After Finished",
        "/spec/ttlSecondsAfterFinished",
        None,
        out,
    );
    times(job, out);
    if some(job, "/spec/activeDeadlineSeconds").is_some() {
        let deadline = number(job, "/spec/activeDeadlineSeconds");
        put!(out, 0, "Active Deadline Seconds:\t{deadline}s\n");
    }
    let ready = some(job, "/status/ready").map(|ready| format!(" ({ready} Ready)"));
    put!(
        out,
        0,
        "Pods Statuses:\t{} Active{} / {} Succeeded / {} Failed\n",
        number(job, "/status/active"),
        ready.unwrap_or_default(),
        number(job, "/status/succeeded"),
        number(job, "/status/failed")
    );
    if mode == "Indexed" {
        let indexes = indexes(text(job, "/status/completedIndexes"));
        put!(out, 0, "Completed Indexes:\t{indexes}\n");
    }
    pod::template(&job["spec"]["template"], out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

fn selector_line(job: &Value, out: &mut Text) {
    match selector(job, "/spec/selector") {
        Ok(selector) => put!(out, 0, "Selector:\t{selector}\n"),
        Err(error) => put!(out, 0, "Selector:\tFailed to get selector: {error}\n"),
    }
}

/// A number, or what stands for none.
fn count(job: &Value, title: &str, field: &str, absent: Option<&str>, out: &mut Text) {
    match (some(job, field), absent) {
        (Some(number), _) => put!(out, 0, "{title}:\t{number}\n"),
        (None, Some(absent)) => put!(out, 0, "{title}:\t{absent}\n"),
        (None, None) => {}
    }
}

fn times(job: &Value, out: &mut Text) {
    let (start, end) = (text(job, "/status/startTime"), text(job, "/status/completionTime"));
    for (title, at) in [("Start Time", start), ("Completed At", end)] {
        if !at.is_empty() {
            put!(out, 0, "{title}:\t{}\n", time(at));
        }
    }
    if let (Ok(start), Ok(end)) = (start.parse::<Timestamp>(), end.parse::<Timestamp>()) {
        put!(out, 0, "Duration:\t{}\n", human_duration(end.duration_since(start)));
    }
}

fn indexes(indexes: &str) -> String {
    if indexes.is_empty() {
        return "<none>".to_owned();
    }
    let comma = indexes.get(SHOWN_INDEXES..).and_then(|rest| rest.find(','));
    match comma.and_then(|at| indexes.get(..=SHOWN_INDEXES + at)) {
        Some(shown) => format!("{shown}..."),
        None => indexes.to_owned(),
    }
}

/// The template of a cron job's jobs.
pub(crate) fn template(template: &Value, out: &mut Text) {
    if some(template, "/spec/selector").is_some() {
        selector_line(template, out);
    } else {
        put!(out, 0, "Selector:\t<unset>\n");
    }
    count(template, "Parallelism", "/spec/parallelism", Some("<unset>"), out);
    count(template, "Completions", "/spec/completions", Some("<unset>"), out);
    if some(template, "/spec/activeDeadlineSeconds").is_some() {
        let deadline = number(template, "/spec/activeDeadlineSeconds");
        put!(out, 0, "Active Deadline Seconds:\t{deadline}s\n");
    }
    pod::template(&template["spec"]["template"], out);
}

#[cfg(test)]
mod tests {
    use super::indexes;

    #[test]
    fn long_lists_of_indexes_end_at_a_comma() {
        let long = "1,".repeat(40);
        assert_eq!(indexes(""), "<none>");
        assert_eq!(indexes("0-5"), "0-5");
        assert_eq!(indexes(&long), format!("{}...", &long[..52]));
    }
}
