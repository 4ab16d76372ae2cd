//! Stateful sets: defaults, faults, and what may change.

use k8s_api::{Kind, apps::v1::StatefulSet};
use serde_json::{Value, json};

use super::{drop_disabled_fields, set_defaults, set_gated_defaults, validate, validate_update, warnings_on_update};
use crate::common::testing::{gates, gates_with, object, stored, template, texts};

fn stateful_set(members: &Value) -> StatefulSet {
    let mut json = json!({"spec": {
        "selector": {"matchLabels": {"app": "demo"}},
        "serviceName": "demo",
        "template": template("Always"),
    }});
    for (name, value) in members.as_object().expect("members of the spec") {
        json["spec"][name] = value.clone();
    }
    let mut stateful_set = object(json);
    set_defaults(&mut stateful_set);
    stateful_set
}

#[test]
fn defaults() {
    let spec = stateful_set(&json!({})).to_value()["spec"].take();
    assert_eq!(spec["podManagementPolicy"], "OrderedReady");
    assert_eq!(
        spec["updateStrategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    );
    assert_eq!(
        spec["persistentVolumeClaimRetentionPolicy"],
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"})
    );
    assert_eq!(
        (&spec["replicas"], &spec["revisionHistoryLimit"]),
        (&json!(1), &json!(10))
    );
}

#[test]
fn max_unavailable_is_behind_a_gate() {
    let rolling = json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}});
    let limit = |set: &StatefulSet| {
        let rolling = set.spec.update_strategy.rolling_update.as_ref();
        rolling.and_then(|rolling| rolling.max_unavailable.clone())
    };
    let mut dropped = stateful_set(&rolling);
    let old = dropped.clone();
    drop_disabled_fields(&mut dropped, Some(&old), &gates());
    assert_eq!(limit(&dropped), Some(2.into()), "what is in use stays");
    drop_disabled_fields(&mut dropped, None, &gates());
    assert_eq!(limit(&dropped), None);
    let on = gates_with("MaxUnavailableStatefulSet=true");
    set_gated_defaults(&mut dropped, &on);
    assert_eq!(limit(&dropped), Some(1.into()));
}

#[test]
fn faults() {
    let cases: &[(Value, &[&str])] = &[
        (json!({}), &[]),
        (
            json!({"podManagementPolicy": "Any"}),
            &[r#"spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'"#],
        ),
        (
            json!({"updateStrategy": {"type": "Swap"}}),
            &[
                r#"spec.updateStrategy: Invalid value: {"Type":"Swap","RollingUpdate":null}: must be 'RollingUpdate' or 'OnDelete'"#,
            ],
        ),
        (
            json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 2}}}),
            &[
                r#"spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":2,"MaxUnavailable":null}: only allowed for updateStrategy 'RollingUpdate'"#,
            ],
        ),
        (
            json!({"updateStrategy": {"rollingUpdate": {"partition": -1, "maxUnavailable": 0}}}),
            &[
                "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0",
            ],
        ),
        (
            json!({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Sell"}}),
            &[
                r#"spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Sell": supported values: "Retain", "Delete""#,
            ],
        ),
        (
            json!({"ordinals": {"start": -1}}),
            &["spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}),
            &[
                "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required",
                "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value",
            ],
        ),
        (
            json!({"selector": {}}),
            &["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"],
        ),
        (
            json!({"template": template("OnFailure")}),
            &[r#"spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always""#],
        ),
    ];
    for (members, expected) in cases {
        assert_eq!(
            texts(&validate(&stateful_set(members), &gates())),
            *expected,
            "of {members}"
        );
    }
}

#[test]
fn what_the_controller_writes_over_need_not_be_right() {
    let mut own = template("Always");
    own["spec"]["hostname"] = json!("Not A Host");
    own["spec"]["volumes"] = json!([{"name": "data"}]);
    let claims = json!([{
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }]);
    let set = stateful_set(&json!({"template": own, "volumeClaimTemplates": claims}));
    assert_eq!(texts(&validate(&set, &gates())), [""; 0]);
}

#[test]
fn most_of_the_spec_stays() {
    let old = stored(stateful_set(&json!({})));
    let mut new = old.clone();
    new.spec.replicas = Some(3);
    new.spec.min_ready_seconds = 4;
    assert_eq!(texts(&validate_update(&new, &old, &gates())), [""; 0]);
    new.spec.service_name = "other".into();
    assert_eq!(
        texts(&validate_update(&new, &old, &gates())),
        [
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' \
             are forbidden"
        ]
    );
    new.spec.revision_history_limit = Some(-1);
    assert_eq!(
        warnings_on_update(&new, &old),
        ["spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"]
    );
}
