//! Cron jobs: defaults, faults, warnings.

use k8s_api::{Kind, batch::v1::CronJob};
use serde_json::{Value, json};

use super::{set_defaults, validate, validate_update, warnings_on_update};
use crate::common::testing::{gates, object, stored, template, texts};

fn cron_job(members: &Value) -> CronJob {
    let mut json = json!({"spec": {
        "schedule": "5 4 * * *",
        "jobTemplate": {"spec": {"template": template("OnFailure")}},
    }});
    for (name, value) in members.as_object().expect("members of the spec") {
        json["spec"][name] = value.clone();
    }
    let mut cron_job = object(json);
    set_defaults(&mut cron_job);
    cron_job
}

#[test]
fn defaults() {
    let spec = cron_job(&json!({})).to_value()["spec"].take();
    for (name, value) in [
        ("concurrencyPolicy", json!("Allow")),
        ("suspend", json!(false)),
        ("successfulJobsHistoryLimit", json!(3)),
        ("failedJobsHistoryLimit", json!(1)),
    ] {
        assert_eq!(spec[name], value, "{name}");
    }
    // What a job has when nothing is said is left to the jobs that are made.
    assert_eq!(spec["jobTemplate"]["spec"].get("backoffLimit"), None);
}

#[test]
fn faults() {
    let cases: &[(Value, &[&str])] = &[
        (json!({"timeZone": "Europe/Berlin"}), &[]),
        (json!({"schedule": ""}), &["spec.schedule: Required value"]),
        (
            json!({"schedule": "every day"}),
            &[r#"spec.schedule: Invalid value: "every day": expected exactly 5 fields, found 2: [every day]"#],
        ),
        (
            json!({"schedule": "TZ=UTC 0 0 * * *"}),
            &[
                r#"spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"#,
            ],
        ),
        (
            json!({"timeZone": ""}),
            &[r#"spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string"#],
        ),
        (
            json!({"timeZone": "Mars/Phobos"}),
            &[r#"spec.timeZone: Invalid value: "Mars/Phobos": unknown time zone Mars/Phobos"#],
        ),
        (
            json!({"timeZone": "../x"}),
            &[r#"spec.timeZone: Invalid value: "../x": unknown time zone ../x"#],
        ),
        (
            json!({"timeZone": "local"}),
            &[
                r#"spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"#,
                r#"spec.timeZone: Invalid value: "local": unknown time zone local"#,
            ],
        ),
        (
            json!({"concurrencyPolicy": "Maybe", "startingDeadlineSeconds": -1}),
            &[
                "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
                r#"spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace""#,
            ],
        ),
        (
            json!({"successfulJobsHistoryLimit": -1, "failedJobsHistoryLimit": -1}),
            &[
                "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
                "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            json!({"jobTemplate": {"spec": {
                "template": template("Always"), "manualSelector": true, "selector": {"matchLabels": {"a": "b"}},
            }}}),
            &[
                r#"spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#,
                r#"spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated"#,
                r#"spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false""#,
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(
            texts(&validate(&cron_job(members), &gates())),
            *expected,
            "of {members}"
        );
    }
    let mut long = cron_job(&json!({}));
    long.metadata.name = "a".repeat(53);
    assert_eq!(
        texts(&validate(&long, &gates())),
        [format!(
            "metadata.name: Invalid value: \"{}\": must be no more than 52 characters",
            long.metadata.name
        )]
    );
}

#[test]
fn zones_in_old_schedules_stay() {
    let old = stored(cron_job(&json!({"schedule": "TZ=UTC 0 0 * * *"})));
    let mut new = old.clone();
    new.spec.schedule = "CRON_TZ=UTC 1 0 * * *".into();
    assert_eq!(texts(&validate_update(&new, &old, &gates())), [""; 0]);
    assert_eq!(
        warnings_on_update(&new, &old),
        [
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
             https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        ]
    );
    new.spec.time_zone = Some("UTC".into());
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        [
            r#"spec.schedule: Invalid value: "CRON_TZ=UTC 1 0 * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule"#
        ]
    );
}
