//! The row of a secret, and its type on update.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::Secret;
use serde_json::json;

use super::{SecretStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let secret: Secret = object(json!({"metadata": {"name": "s"}, "type": "Opaque", "data": {"a": "aGk="}}));
    assert_eq!(json!(row(&secret, noon())), json!(["s", "Opaque", 1, "<unknown>"]));
}

#[test]
fn an_update_without_a_type_keeps_it() {
    let old: Secret = object(json!({"type": "kubernetes.io/tls"}));
    let mut new = Secret::default();
    with_context("", |context| SecretStrategy.prepare_for_update(context, &mut new, &old));
    assert_eq!(new.type_, "kubernetes.io/tls");
}
