//! Ingress classes: rows and generations.

use apiserver::registry::Strategy as _;
use k8s_api::networking::v1::IngressClass;
use serde_json::json;

use super::{IngressClassStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_generations() {
    let old: IngressClass = object(json!({
        "metadata": {"name": "c", "generation": 1, "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
        "spec": {"controller": "example.com/c", "parameters": {"apiGroup": "g", "kind": "K", "name": "n"}},
    }));
    assert_eq!(
        json!(row(&old, noon())),
        json!(["c (default)", "example.com/c", "K.g/n", "<unknown>"])
    );
    with_context("networking.k8s.io", |context| {
        let mut new = old.clone();
        new.spec.parameters = None;
        IngressClassStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 2);
    });
}
