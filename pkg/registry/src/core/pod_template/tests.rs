//! Generations and rows of stored templates.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::PodTemplate;
use serde_json::json;

use super::{PodTemplateStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn changes_are_counted_and_shown() {
    let strategy = PodTemplateStrategy { allow_privileged: true };
    let mut old: PodTemplate = object(json!({
        "metadata": {"name": "t", "namespace": "n"},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    }));
    with_context("", |context| {
        strategy.prepare_for_create(context, &mut old);
        assert_eq!(old.metadata.generation, 1);
        let mut same = old.clone();
        strategy.prepare_for_update(context, &mut same, &old);
        assert_eq!(same.metadata.generation, 1);
        let mut new = old.clone();
        new.template.spec.node_name = "n".into();
        strategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 2);
    });
    assert_eq!(json!(row(&old, noon())), json!(["t", "c", "i", "a=b"]));
}
