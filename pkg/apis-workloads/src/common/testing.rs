//! What tests of several kinds need.

use apimachinery::field::ErrorList;
use component_base::feature_gates::FeatureGates;
use k8s_api::HasMetadata;

/// The errors as clients see them.
pub(crate) fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// The object that YAML-like JSON describes, in a namespace and under a name unless it has them.
pub(crate) fn object<T: HasMetadata>(json: serde_json::Value) -> T {
    let mut object = T::from_value(json).expect("the test's object is well-formed");
    if object.metadata().name.is_empty() {
        object.metadata_mut().name = "demo".into();
    }
    if object.metadata().namespace.is_empty() {
        object.metadata_mut().namespace = "default".into();
    }
    object
}

/// [`object`] without a namespace.
pub(crate) fn cluster_object<T: HasMetadata>(json: serde_json::Value) -> T {
    let mut object: T = object(json);
    object.metadata_mut().namespace.clear();
    object
}

/// The object as it is after it was stored.
pub(crate) fn stored<T: HasMetadata>(mut object: T) -> T {
    object.metadata_mut().resource_version = "7".into();
    object
}

/// The gates at their defaults.
pub(crate) fn gates() -> FeatureGates {
    FeatureGates::default()
}

/// The gates with one of them set.
pub(crate) fn gates_with(setting: &str) -> FeatureGates {
    let mut gates = FeatureGates::default();
    gates.set_from_text(setting).expect("the test's gate can be set");
    gates
}

/// A pod template with one container and the label `app: demo`.
pub(crate) fn template(restart_policy: &str) -> serde_json::Value {
    serde_json::json!({
        "metadata": {"labels": {"app": "demo"}},
        "spec": {
            "restartPolicy": restart_policy,
            "containers": [{"name": "main", "image": "registry.example/demo:1"}],
        },
    })
}
