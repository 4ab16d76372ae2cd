//! Jobs: defaults, generated selectors, faults, what may change, and the status.

use k8s_api::{Kind, batch::v1::Job};
use serde_json::{Value, json};

use super::{
    generate_selector, indexes, set_defaults, spec_warnings, validate, validate_status_update, validate_update,
};
use crate::common::{
    SPEC,
    testing::{gates, object, stored, template, texts},
};

fn job(members: &Value) -> Job {
    let mut json = json!({"metadata": {"uid": "1-2"}, "spec": {"template": template("Never")}});
    for (name, value) in members.as_object().expect("members of the spec") {
        json["spec"][name] = value.clone();
    }
    let mut job = object(json);
    set_defaults(&mut job);
    generate_selector(&mut job);
    job
}

#[test]
fn defaults() {
    let spec = job(&json!({})).to_value()["spec"].take();
    for (name, value) in [
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("manualSelector", json!(false)),
    ] {
        assert_eq!(spec[name], value, "{name}");
    }
    let queue = job(&json!({"parallelism": 3, "backoffLimitPerIndex": 1}));
    assert_eq!(
        (queue.spec.completions, queue.spec.backoff_limit),
        (None, Some(i32::MAX))
    );
    let policy = json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]});
    let spec = job(&json!({"podFailurePolicy": policy})).to_value()["spec"].take();
    assert_eq!(spec["podReplacementPolicy"], "Failed");
    assert_eq!(
        spec["podFailurePolicy"]["rules"][0]["onPodConditions"][0]["status"],
        "True"
    );
}

#[test]
fn the_selector_is_generated() {
    let value = job(&json!({})).to_value();
    assert_eq!(
        value["spec"]["selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "1-2"}})
    );
    let labels = json!({
        "app": "demo",
        "batch.kubernetes.io/controller-uid": "1-2",
        "batch.kubernetes.io/job-name": "demo",
        "controller-uid": "1-2",
        "job-name": "demo",
    });
    assert_eq!(value["spec"]["template"]["metadata"]["labels"], labels);
    // The job had no labels of its own, so it shares those of its pods.
    assert_eq!(value["metadata"]["labels"], labels);
    let manual = job(&json!({"manualSelector": true, "selector": {"matchLabels": {"app": "demo"}}}));
    assert_eq!(manual.spec.template.metadata.labels.len(), 1);
    assert_eq!(texts(&validate(&manual, &gates())), [""; 0]);
}

#[test]
fn faults() {
    let cases: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (
            json!({"selector": {"matchLabels": {"app": "x"}}}),
            &[
                r#"spec.selector: Invalid value: {"matchLabels":{"app":"x","batch.kubernetes.io/controller-uid":"1-2"}}: `selector` not auto-generated"#,
                r#"spec.template.metadata.labels: Invalid value: {"app":"demo","batch.kubernetes.io/controller-uid":"1-2","batch.kubernetes.io/job-name":"demo","controller-uid":"1-2","job-name":"demo"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            json!({"manualSelector": true}),
            &[
                "spec.selector: Required value",
                r#"spec.template.metadata.labels: Invalid value: {"app":"demo"}: `selector` does not match template `labels`"#,
            ],
        ),
        (
            json!({"template": template("Always")}),
            &[r#"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#],
        ),
        (
            json!({"completions": -1, "maxFailedIndexes": 1, "managedBy": "me"}),
            &[
                "spec.completions: Invalid value: -1: must be greater than or equal to 0",
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
                r#"spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")"#,
                "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
            ],
        ),
        (
            json!({"completionMode": "Other"}),
            &[r#"spec.completionMode: Unsupported value: "Other": supported values: "NonIndexed", "Indexed""#],
        ),
        (
            json!({"completionMode": "Indexed", "parallelism": 100_001}),
            &[
                "spec.completions: Required value: when completion mode is Indexed",
                "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
            ],
        ),
        (
            json!({
                "completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001, "backoffLimitPerIndex": 1,
            }),
            &[
                "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
                "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
            ],
        ),
        (
            json!({"podReplacementPolicy": "Never"}),
            &[
                r#"spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed""#,
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(texts(&validate(&job(members), &gates())), *expected, "of {members}");
    }
}

#[test]
fn faults_of_failure_policies() {
    let rule = |rule: Value| json!({"podFailurePolicy": {"rules": [rule]}});
    let cases: &[(Value, &[&str])] = &[
        (
            rule(json!({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [0]}})),
            &[
                "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator",
            ],
        ),
        (
            rule(json!({"onExitCodes": {"operator": "Near", "containerName": "x", "values": [3, 1, 3]}})),
            &[
                r#"spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#,
                r#"spec.podFailurePolicy.rules[0].onExitCodes.operator: Unsupported value: "Near": supported values: "In", "NotIn""#,
                r#"spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template"#,
                "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3",
                "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,1,3]: must be ordered",
            ],
        ),
        (
            rule(json!({"action": "FailIndex"})),
            &[
                r#"spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set"#,
                "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
            ],
        ),
        (
            rule(json!({"action": "Count", "onPodConditions": [{"type": "-", "status": "Maybe"}]})),
            &[
                "spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: \"-\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                r#"spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown""#,
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(texts(&validate(&job(members), &gates())), *expected, "of {members}");
    }
    let mut own = rule(json!({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1]}}));
    own["template"] = template("OnFailure");
    assert_eq!(
        texts(&validate(&job(&own), &gates())),
        [
            r#"spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified"#
        ]
    );
}

#[test]
fn faults_of_success_policies() {
    let indexed =
        |rules: Value| json!({"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": rules}});
    let cases: &[(Value, &[&str])] = &[
        (
            json!({"successPolicy": {"rules": [{"succeededCount": 1}]}}),
            &[
                r#"spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode"#,
            ],
        ),
        (
            indexed(json!([])),
            &[
                "spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified",
            ],
        ),
        (
            indexed(
                json!([{}, {"succeededIndexes": "0-2,7", "succeededCount": 6}, {"succeededIndexes": "1", "succeededCount": 2}]),
            ),
            &[
                "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified",
                r#"spec.successPolicy.rules[1].succeededIndexes: Invalid value: "0-2,7": error parsing succeededIndexes: too large index: "7""#,
                "spec.successPolicy.rules[1].succeededCount: Invalid value: 6: must be less than or equal to 5 (the number of specified completions)",
                "spec.successPolicy.rules[1].succeededCount: Invalid value: 6: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)",
                "spec.successPolicy.rules[2].succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)",
            ],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(texts(&validate(&job(members), &gates())), *expected, "of {members}");
    }
}

#[test]
fn index_sets() {
    let count = |text| indexes::count(text, 10).map_err(|error| error.to_string());
    assert_eq!(count(""), Ok(0));
    assert_eq!(count("0,2-4,9"), Ok(5));
    for (text, message) in [
        (
            "1-2-3",
            r#"the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'"#,
        ),
        ("a", r#"cannot convert string to integer for index: "a""#),
        ("10", r#"too large index: "10""#),
        ("3-3", "non-increasing order, previous: 3, current: 3"),
        ("4,2", "non-increasing order, previous: 4, current: 2"),
    ] {
        assert_eq!(count(text), Err(message.into()));
    }
    let disjoint = |a, b| indexes::check_disjoint(a, b, 10).map_err(|error| error.to_string());
    assert_eq!(disjoint("0,2-4", "1,5-6"), Ok(()));
    assert_eq!(
        disjoint("0,2-4,x", "1,4-6"),
        Err("failedIndexes and completedIndexes overlap at index: 4".into())
    );
}

#[test]
fn names_of_indexed_jobs_leave_room_for_the_index() {
    let mut long = job(&json!({"completionMode": "Indexed", "completions": 101}));
    long.metadata.name = "a".repeat(60);
    long.spec.template.metadata.labels.clear();
    long.metadata.labels.clear();
    long.spec.selector = None;
    generate_selector(&mut long);
    let name = &long.metadata.name;
    assert_eq!(
        texts(&validate(&long, &gates())),
        [format!(
            "metadata.name: Invalid value: \"{name}\": will not able to create pod with invalid DNS label: {name}-100"
        )]
    );
}

#[test]
fn little_of_the_spec_changes() {
    let old = stored(job(&json!({})));
    let mut new = old.clone();
    new.spec.completions = Some(5);
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        ["spec.completions: Invalid value: 5: field is immutable"]
    );
    new.spec.completions = Some(1);
    new.spec.managed_by = Some("example.com/me".into());
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        [r#"spec.managedBy: Invalid value: "example.com/me": field is immutable"#]
    );
    new.spec.managed_by = None;
    new.spec.template.spec.node_selector.insert("zone", "a".to_owned());
    let errors = texts(&validate_update(&new, &old, &gates()));
    let [error] = &errors[..] else {
        panic!("one error is expected: {errors:?}");
    };
    assert!(
        error.starts_with(r#"spec.template: Invalid value: {"labels":{"app":"demo","#)
            && error.ends_with(": field is immutable"),
        "{error}"
    );
}

#[test]
fn indexed_jobs_scale() {
    let old = stored(job(
        &json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2}),
    ));
    let mut new = old.clone();
    new.spec.completions = Some(3);
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        ["spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism"]
    );
    new.spec.parallelism = Some(3);
    assert_eq!(texts(&validate_update(&new, &old, &gates())), [""; 0]);
}

#[test]
fn the_template_of_a_suspended_job_changes_in_part() {
    let old = stored(job(&json!({"suspend": true})));
    let mut new = old.clone();
    new.spec.template.spec.node_selector.insert("zone", "a".to_owned());
    new.spec.template.spec.containers[0]
        .resources
        .requests
        .insert("cpu", "1".parse().expect("a quantity"));
    assert_eq!(texts(&validate_update(&new, &old, &gates())), [""; 0]);
    new.spec.template.spec.containers[0].image = "registry.example/demo:2".into();
    let errors = texts(&validate_update(&new, &old, &gates()));
    assert!(
        errors.len() == 1 && errors[0].starts_with(r#"spec.template.spec: Invalid value: {"Volumes":null,"#),
        "{errors:?}"
    );
    // Started, and not yet suspended again: nothing may change.
    let mut started = old.clone();
    started.status.start_time = Some("2024-01-01T00:00:00Z".parse().expect("a time"));
    new.spec.template.spec.containers[0] = old.spec.template.spec.containers[0].clone();
    let errors = texts(&validate_update(&new, &started, &gates()));
    assert!(
        errors.len() == 1 && errors[0].starts_with("spec.template: Invalid value: {"),
        "{errors:?}"
    );
}

fn with_status(job: &Job, status: &Value) -> Job {
    let mut value = job.to_value();
    value["status"] = status.clone();
    object(value)
}

fn condition(type_: &str) -> Value {
    json!({"type": type_, "status": "True"})
}

#[test]
fn the_status_means_what_it_says() {
    let old = stored(job(&json!({})));
    let cases: &[(Value, &[&str])] = &[
        (json!({"active": 1, "ready": 1}), &[]),
        (
            json!({"active": 1, "ready": 2, "terminating": -1}),
            &[
                "status.terminating: Invalid value: -1: must be greater than or equal to 0",
                "status.ready: Invalid value: 2: cannot set more ready pods than active",
            ],
        ),
        (
            json!({"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}}),
            &[
                r#"status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty"#,
                r#"status.uncountedTerminatedPods.failed[0]: Duplicate value: "a""#,
            ],
        ),
        (
            json!({"conditions": [condition("Complete")], "active": 1}),
            &[
                "status.completionTime: Required value: completionTime is required for Complete jobs",
                "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
                "status.active: Invalid value: 1: active>0 is invalid for finished job",
                "status.startTime: Required value: startTime is required for finished job",
            ],
        ),
        (
            json!({
                "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
                "startTime": "2024-01-01T00:00:01Z", "completionTime": "2024-01-01T00:00:00Z",
            }),
            &[r#"status.completionTime: Invalid value: "2024-01-01T00:00:00Z": must be equal to or after `startTime`"#],
        ),
        (
            json!({"completionTime": "2024-01-01T00:00:00Z"}),
            &[
                r#"status.completionTime: Invalid value: "2024-01-01T00:00:00Z": cannot set completionTime when there is no Complete=True condition"#,
            ],
        ),
        (
            json!({"conditions": [condition("Failed"), condition("SuccessCriteriaMet")], "startTime": "2024-01-01T00:00:01Z"}),
            &[
                "status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition",
                "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions",
            ],
        ),
        (
            json!({"completedIndexes": "0", "failedIndexes": "0"}),
            &[
                r#"status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode"#,
                r#"status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is null"#,
                r#"status.failedIndexes: Invalid value: "0": failedIndexes and completedIndexes overlap at index: 0"#,
            ],
        ),
        (
            json!({"conditions": [condition("Failed"), condition("FailureTarget")], "startTime": "2024-01-01T00:00:01Z",
                "uncountedTerminatedPods": {"failed": ["a"]}, "terminating": 1}),
            &[
                r#"status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["a"]}: must be empty for finished job"#,
                "status.terminating: Invalid value: 1: terminating>0 is invalid for finished job",
            ],
        ),
    ];
    for (status, expected) in cases {
        let new = with_status(&old, status);
        assert_eq!(texts(&validate_status_update(&new, &old)), *expected, "of {status}");
    }
}

#[test]
fn the_status_does_not_go_back() {
    let job = stored(job(&json!({})));
    let old = with_status(
        &job,
        &json!({
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")], "succeeded": 1, "failed": 2,
            "startTime": "2024-01-01T00:00:00Z", "completionTime": "2024-01-01T00:00:02Z",
        }),
    );
    let new = with_status(
        &job,
        &json!({
            "conditions": [condition("Complete")], "failed": 1,
            "startTime": "2024-01-01T00:00:01Z", "completionTime": "2024-01-01T00:00:03Z",
        }),
    );
    assert_eq!(
        texts(&validate_status_update(&new, &old)),
        [
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            "status.failed: Invalid value: 1: cannot decrease the failed counter",
            "status.succeeded: Invalid value: 0: cannot decrease the succeeded counter",
            r#"status.completionTime: Invalid value: "2024-01-01T00:00:03Z": field is immutable"#,
            r#"status.startTime: Invalid value: "2024-01-01T00:00:01Z": field is immutable for unsuspended job once set"#,
            "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition",
        ]
    );
}

#[test]
fn big_indexed_jobs_are_warned_about() {
    let big = job(&json!({"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001}));
    assert_eq!(
        spec_warnings(&SPEC, &big.spec),
        [
            "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
             Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ]
    );
}
