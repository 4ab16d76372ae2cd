//! What a cron job must be.

use apimachinery::field::{Error, ErrorList};
use apis_pod::{
    meta::{NameRule, validate_object_meta, validate_object_meta_update},
    rules::required_one_of,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::batch::v1::{CronJob, CronJobSpec};

use crate::{
    batch::job::validate_template_spec,
    common::{
        METADATA, SPEC, nonnegative,
        template::{PodValidationOptions, options_from_template},
    },
    cron::{Schedule, load_location},
};

/// What is left of a job's name when the controller has put eleven characters behind it.
const MAX_NAME_LENGTH: usize = 63 - 11;

/// Every fault of a new cron job.
#[must_use]
pub fn validate(cron_job: &CronJob, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(None, gates);
    let mut errors = validate_object_meta(&cron_job.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(&cron_job.spec, None, &options, &mut errors);
    let name = &cron_job.metadata.name;
    if name.len() > MAX_NAME_LENGTH {
        let detail = "must be no more than 52 characters";
        errors.push(Error::invalid(&METADATA.child("name"), name, detail));
    }
    errors
}

/// Every fault of a changed cron job.
#[must_use]
pub fn validate_update(new: &CronJob, old: &CronJob, gates: &FeatureGates) -> ErrorList {
    let old_template = &old.spec.job_template.spec.template;
    let options = options_from_template(Some(old_template), gates);
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_spec(&new.spec, Some(&old.spec), &options, &mut errors);
    errors
}

fn validate_spec(
    spec: &CronJobSpec,
    old: Option<&CronJobSpec>,
    options: &PodValidationOptions,
    errors: &mut ErrorList,
) {
    validate_schedule(spec, old, errors);
    nonnegative(
        &SPEC,
        [("startingDeadlineSeconds", spec.starting_deadline_seconds)],
        errors,
    );
    if old.is_none_or(|old| old.time_zone != spec.time_zone)
        && let Some(zone) = &spec.time_zone
    {
        validate_time_zone(zone, errors);
    }
    errors.extend(required_one_of(
        &SPEC.child("concurrencyPolicy"),
        &spec.concurrency_policy,
        &["Allow", "Forbid", "Replace"],
    ));
    let path = SPEC.child("jobTemplate");
    errors.append(validate_template_spec(&spec.job_template, &path, options));
    let limits = [
        (
            "successfulJobsHistoryLimit",
            spec.successful_jobs_history_limit.map(i64::from),
        ),
        ("failedJobsHistoryLimit", spec.failed_jobs_history_limit.map(i64::from)),
    ];
    nonnegative(&SPEC, limits, errors);
}

fn validate_schedule(spec: &CronJobSpec, old: Option<&CronJobSpec>, errors: &mut ErrorList) {
    let (path, schedule) = (SPEC.child("schedule"), &spec.schedule);
    if schedule.is_empty() {
        errors.push(Error::required(&path, ""));
        return;
    }
    if let Err(error) = Schedule::parse(schedule) {
        errors.push(Error::invalid(&path, schedule, error.to_string()));
    }
    if !schedule.contains("TZ") {
        return;
    }
    let had_zone = old.is_some_and(|old| old.schedule.contains("TZ"));
    if !had_zone {
        let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(Error::invalid(&path, schedule, detail));
    } else if spec.time_zone.is_some() {
        let detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        errors.push(Error::invalid(&path, schedule, detail));
    }
}

/// Whether the text can be a part of the name of a zone, between slashes.
fn is_zone_part(part: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    !matches!(part, "." | "..") && !part.starts_with('-') && matches!(part.len(), 1..=14) && part.bytes().all(known)
}

fn validate_time_zone(zone: &str, errors: &mut ErrorList) {
    let path = SPEC.child("timeZone");
    let mut refuse = |detail: String| errors.push(Error::invalid(&path, zone, detail));
    if zone.is_empty() {
        refuse("timeZone must be nil or non-empty string".into());
        return;
    }
    if !zone.split('/').all(is_zone_part) {
        refuse(format!("unknown time zone {zone}"));
        return;
    }
    if zone.eq_ignore_ascii_case("Local") {
        refuse("timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones".into());
    }
    if let Err(error) = load_location(zone) {
        refuse(error.to_string());
    }
}
