//! What the server itself writes of a definition.

use apiserver::registry::Strategy as _;
use k8s_api::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;

use super::custom_resource_definition::CustomResourceDefinitionStrategy;
use crate::core::tests::{object, with_context};

#[test]
fn stored_versions_grow() {
    let mut old: CustomResourceDefinition = object(json!({
        "metadata": {"name": "w.g"}, "spec": {"versions": [{"name": "v1", "storage": true}]},
        "status": {"storedVersions": ["v0"]},
    }));
    with_context("apiextensions.k8s.io", |context| {
        CustomResourceDefinitionStrategy.prepare_for_create(context, &mut old);
        assert_eq!(
            (old.metadata.generation, old.status.stored_versions.join(",").as_str()),
            (1, "v1")
        );
        let mut new = old.clone();
        new.spec.versions[0].name = "v2".into();
        new.status.stored_versions.clear();
        CustomResourceDefinitionStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(
            (new.metadata.generation, new.status.stored_versions.join(",").as_str()),
            (2, "v1,v2")
        );
    });
}
