//! Stateful sets: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::apps::v1::StatefulSet;
use serde_json::json;

use super::{StatefulSetStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_parts() {
    let old: StatefulSet = object(json!({
        "metadata": {"name": "s", "generation": 1},
        "spec": {
            "replicas": 3,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "template": {"spec": {"containers": [{"name": "m", "image": "i"}]}},
        },
        "status": {"readyReplicas": 1},
    }));
    assert_eq!(json!(row(&old, noon())), json!(["s", "1/3", "<unknown>", "m", "i"]));
    with_context("apps", |context| {
        let mut new = old.clone();
        let rolling = new.spec.update_strategy.rolling_update.as_mut().expect("it is there");
        rolling.max_unavailable = Some(2.into());
        StatefulSetStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new, old, "the limit is behind a gate that is off");
        new.spec.replicas = Some(5);
        let mut status = new.clone();
        StatefulSetStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 2);
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(status, old);
    });
}
