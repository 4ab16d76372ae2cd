//! What the spec of a job must be, in a job or in the template of a cron job.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::rules::{named, one_of};
use k8s_api::batch::v1::JobSpec;

use super::{
    INDEXED, MANY_COMPLETIONS, MANY_COMPLETIONS_PARALLELISM, NON_INDEXED, is_indexed, pod_failure_policy, show,
    success_policy,
};
use crate::common::{
    nonnegative,
    template::{PodValidationOptions, validate_template},
    validate_domain_prefixed_path,
};

const MAX_PARALLELISM: i32 = 100_000;
const MAX_FAILED_INDEXES: i32 = 100_000;
const MANY_COMPLETIONS_FAILED_INDEXES: i32 = 10_000;
const MAX_MANAGED_BY_LENGTH: usize = 63;

/// Everything but the selector, which a cron job's template does not have.
pub(super) fn validate(spec: &JobSpec, path: &Path<'_>, options: &PodValidationOptions) -> ErrorList {
    let mut errors = ErrorList::new();
    let numbers = [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        (
            "ttlSecondsAfterFinished",
            spec.ttl_seconds_after_finished.map(i64::from),
        ),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index.map(i64::from)),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ];
    nonnegative(path, numbers, &mut errors);
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        let detail = "when maxFailedIndexes is specified";
        errors.push(Error::required(&path.child("backoffLimitPerIndex"), detail));
    }
    if let Some(manager) = &spec.managed_by {
        let path = path.child("managedBy");
        errors.append(validate_domain_prefixed_path(&path, manager));
        if manager.len() > MAX_MANAGED_BY_LENGTH {
            errors.push(Error::too_long(&path, MAX_MANAGED_BY_LENGTH));
        }
    }
    validate_completion_mode(spec, path, &mut errors);
    if let Some(policy) = &spec.pod_failure_policy {
        pod_failure_policy::validate(spec, policy, &path.child("podFailurePolicy"), &mut errors);
    }
    if let Some(policy) = &spec.success_policy {
        let path = path.child("successPolicy");
        if is_indexed(spec) {
            success_policy::validate(policy, spec.completions.unwrap_or(0), &path, &mut errors);
        } else {
            let shown = show::success_policy(&spec.success_policy);
            errors.push(Error::invalid(&path, shown, "requires indexed completion mode"));
        }
    }
    if let Some(policy) = &spec.pod_replacement_policy {
        let supported: &[&str] = if spec.pod_failure_policy.is_some() {
            &["Failed"]
        } else {
            &["Failed", "TerminatingOrFailed"]
        };
        errors.extend(one_of(&path.child("podReplacementPolicy"), policy, supported));
    }
    errors.append(validate_template(&spec.template, &path.child("template"), options));
    errors.extend(validate_restart_policy(
        spec,
        &path.child("template.spec.restartPolicy"),
    ));
    errors
}

fn validate_restart_policy(spec: &JobSpec, path: &Path<'_>) -> Option<Error> {
    match spec.template.spec.restart_policy.as_str() {
        "" | "Always" => Some(Error::required(path, r#"valid values: "OnFailure", "Never""#)),
        "Never" => None,
        policy @ "OnFailure" => spec.pod_failure_policy.is_some().then(|| {
            let detail = r#"only "Never" is supported when podFailurePolicy is specified"#;
            Error::invalid(path, named(policy), detail)
        }),
        policy => Some(Error::not_supported(path, named(policy), &["OnFailure", "Never"])),
    }
}

fn validate_completion_mode(spec: &JobSpec, path: &Path<'_>, errors: &mut ErrorList) {
    match spec.completion_mode.as_deref() {
        Some(INDEXED) => validate_indexed(spec, path, errors),
        None | Some(NON_INDEXED) => {
            let detail = "requires indexed completion mode";
            let mut refuse = |name, value: Option<i32>| {
                errors.extend(value.map(|value| Error::invalid(&path.child(name), value, detail)));
            };
            refuse("backoffLimitPerIndex", spec.backoff_limit_per_index);
            refuse("maxFailedIndexes", spec.max_failed_indexes);
        }
        Some(mode) => {
            let path = path.child("completionMode");
            errors.push(Error::not_supported(
                &path,
                BadValue::json(&mode),
                &[NON_INDEXED, INDEXED],
            ));
        }
    }
}

fn validate_indexed(spec: &JobSpec, path: &Path<'_>, errors: &mut ErrorList) {
    let parallelism_path = path.child("parallelism");
    let failed_path = path.child("maxFailedIndexes");
    let max_failed = spec.max_failed_indexes;
    if spec.completions.is_none() {
        let detail = "when completion mode is Indexed";
        errors.push(Error::required(&path.child("completions"), detail));
    }
    let mut too_great = |path: &Path<'_>, value: Option<i32>, most: i32, detail: String| {
        if let Some(value) = value.filter(|value| *value > most) {
            errors.push(Error::invalid(path, value, detail));
        }
    };
    let detail = format!("must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed");
    too_great(&parallelism_path, spec.parallelism, MAX_PARALLELISM, detail);
    if let Some(completions) = spec.completions {
        let detail = "must be less than or equal to completions".into();
        too_great(&failed_path, max_failed, completions, detail);
    }
    let detail = format!("must be less than or equal to {MAX_FAILED_INDEXES}");
    too_great(&failed_path, max_failed, MAX_FAILED_INDEXES, detail);
    if spec.backoff_limit_per_index.is_none() || spec.completions.is_none_or(|count| count <= MANY_COMPLETIONS) {
        return;
    }
    if max_failed.is_none() {
        let detail = format!("must be specified when completions is above {MANY_COMPLETIONS}");
        errors.push(Error::required(&failed_path, detail));
    }
    for (path, value, most) in [
        (&parallelism_path, spec.parallelism, MANY_COMPLETIONS_PARALLELISM),
        (&failed_path, max_failed, MANY_COMPLETIONS_FAILED_INDEXES),
    ] {
        if let Some(value) = value.filter(|value| *value > most) {
            let detail = format!(
                "must be less than or equal to {most} when completions are above {MANY_COMPLETIONS} and used with \
                 backoff limit per index"
            );
            errors.push(Error::invalid(path, value, detail));
        }
    }
}
