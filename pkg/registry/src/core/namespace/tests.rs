//! Who may change what of a namespace.

use apiserver::registry::Strategy as _;
use k8s_api::core::v1::Namespace;
use serde_json::json;

use super::{FinalizeStrategy, NamespaceStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn namespace(finalizers: &[&str], phase: &str) -> Namespace {
    object(json!({"metadata": {"name": "n"}, "spec": {"finalizers": finalizers}, "status": {"phase": phase}}))
}

#[test]
fn a_new_one_is_active_and_has_the_finalizer() {
    let mut new = namespace(&["example.com/x"], "Terminating");
    with_context("", |context| NamespaceStrategy.prepare_for_create(context, &mut new));
    assert_eq!(new, namespace(&["example.com/x", "kubernetes"], "Active"));
    NamespaceStrategy.canonicalize(&mut new);
    assert_eq!(new.metadata.labels["kubernetes.io/metadata.name"], "n");
    assert_eq!(json!(row(&new, noon())), json!(["n", "Active", "<unknown>"]));
}

#[test]
fn each_endpoint_changes_its_part() {
    let (old, new) = (namespace(&["kubernetes"], "Active"), namespace(&[], "Terminating"));
    with_context("", |context| {
        let mut plain = new.clone();
        NamespaceStrategy.prepare_for_update(context, &mut plain, &old);
        assert_eq!(plain, old);
        let mut status = new.clone();
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!(status, namespace(&["kubernetes"], "Terminating"));
        let mut finalized = new.clone();
        FinalizeStrategy.prepare_for_update(context, &mut finalized, &old);
        assert_eq!(finalized, namespace(&[], "Active"));
    });
}
