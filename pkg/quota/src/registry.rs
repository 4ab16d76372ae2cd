//! Which evaluator counts a resource.

use std::{collections::HashMap, sync::Arc};

use component_base::feature_gates::FeatureGates;

use crate::{
    evaluator::Evaluator,
    evaluators::{DeviceClassNames, ObjectCount, PersistentVolumeClaims, Pods, ResourceClaims, Services},
};

/// Resources that no quota counts: they are not stored, or come and go by themselves.
pub const IGNORED_RESOURCES: [(&str, &str); 10] = [
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "events"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("events.k8s.io", "events"),
];

/// Resources that are also counted under their bare name.
pub const LEGACY_OBJECT_COUNTS: [&str; 4] = ["configmaps", "replicationcontrollers", "resourcequotas", "secrets"];

/// Evaluators by group and resource.
#[derive(Debug)]
pub struct Registry {
    evaluators: HashMap<(String, String), Arc<dyn Evaluator>>,
}

impl Registry {
    /// The evaluators of the built-in resources. Device classes are asked of `classes`.
    #[must_use]
    pub fn new(gates: &FeatureGates, classes: Arc<dyn DeviceClassNames>) -> Self {
        let mut registry = Self {
            evaluators: HashMap::new(),
        };
        for resource in LEGACY_OBJECT_COUNTS {
            registry.insert(Arc::new(ObjectCount::with_alias("", resource, resource)));
        }
        registry.insert(Arc::new(Pods::new(gates)));
        registry.insert(Arc::new(Services));
        registry.insert(Arc::new(PersistentVolumeClaims::new(gates)));
        registry.insert(Arc::new(ResourceClaims::new(gates, classes)));
        registry
    }

    fn insert(&mut self, evaluator: Arc<dyn Evaluator>) {
        let (group, resource) = evaluator.group_resource();
        let key = (group.to_owned(), resource.to_owned());
        self.evaluators.insert(key, evaluator);
    }

    /// The evaluator of a resource: its own, or one that counts objects. `None` for what no quota counts.
    #[must_use]
    pub fn evaluator(&self, group: &str, resource: &str) -> Option<Arc<dyn Evaluator>> {
        if IGNORED_RESOURCES.contains(&(group, resource)) {
            return None;
        }
        let own = self.evaluators.get(&(group.to_owned(), resource.to_owned()));
        Some(
            own.cloned()
                .unwrap_or_else(|| Arc::new(ObjectCount::new(group, resource))),
        )
    }

    /// The evaluators of the built-in resources that count more than objects, and those with an alias.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Evaluator>> {
        self.evaluators.values()
    }
}
