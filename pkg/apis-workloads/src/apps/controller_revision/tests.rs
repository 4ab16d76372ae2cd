//! Controller revisions: faults.

use k8s_api::apps::v1::ControllerRevision;
use serde_json::json;

use super::{validate, validate_update};
use crate::common::testing::{object, stored, texts};

#[test]
fn faults() {
    let cases = [
        (json!({"revision": 1, "data": {"a": 1}}), &[][..]),
        (json!({"revision": 1}), &["data: Required value: data is mandatory"]),
        (
            json!({"revision": 1, "data": null}),
            &["data: Required value: data is mandatory"],
        ),
        (
            json!({"revision": -2, "data": [1]}),
            &[
                "revision: Invalid value: -2: must be greater than or equal to 0",
                "data: Required value: data must be a valid JSON object",
            ],
        ),
    ];
    for (json, expected) in cases {
        let revision: ControllerRevision = object(json.clone());
        assert_eq!(texts(&validate(&revision)), expected, "of {json}");
    }
}

#[test]
fn the_state_stays() {
    let old: ControllerRevision = stored(object(json!({"revision": 1, "data": {"a": 1}})));
    let new = stored(object(json!({"revision": 2, "data": {"other": 1}})));
    assert_eq!(
        texts(&validate_update(&new, &old)),
        [r#"data: Invalid value: {"other":1}: field is immutable"#]
    );
}
