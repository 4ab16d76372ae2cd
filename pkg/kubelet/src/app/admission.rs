//! Judges pods by the node as it is now.

use std::sync::Arc;

use k8s_api::core::v1::{Node, Pod};
use kubelet_admission::{Judge, Pending, Rejection};
use kubelet_node::NodeReporter;
use kubelet_types::pressure::{Pressure, Pressures};
use kubelet_types::seams::ObjectSource;

use crate::api::ApiObjects;
use crate::workers::Admission;

/// What pods are judged by.
pub(super) struct NodeAdmission {
    pub(super) reporter: Arc<NodeReporter>,
    pub(super) objects: Option<Arc<ApiObjects>>,
    pub(super) pressures: Arc<Pressures>,
    pub(super) sysctls: Vec<String>,
}

impl NodeAdmission {
    fn judge<T>(&self, others: &[&Pod], verdict: impl FnOnce(&Judge<'_>) -> T) -> T {
        let cached = self.objects.as_ref().and_then(|objects| objects.node());
        let node = cached.or_else(|| self.reporter.node().borrow().clone());
        let node = node.unwrap_or_else(|| Arc::new(Node::default()));
        // Resources of others than the kubelet stand only in the status.
        let mut allocatable = self.reporter.resources().allocatable;
        for (name, amount) in &node.status.allocatable {
            if !allocatable.contains_key(name) {
                allocatable.insert(name.clone(), amount.clone());
            }
        }
        let pressures: Vec<_> = Pressure::ALL
            .into_iter()
            .filter(|pressure| self.pressures.under(*pressure))
            .collect();
        verdict(&Judge {
            node: &node,
            allocatable: &allocatable,
            others,
            pressures: &pressures,
            sysctls: &self.sysctls,
        })
    }
}

impl Admission for NodeAdmission {
    fn admit(&self, pod: &Pod, others: &[&Pod]) -> Result<Vec<String>, Rejection> {
        self.judge(others, |judge| judge.admit(pod))
    }

    fn resize(&self, pod: &Pod, others: &[&Pod]) -> Result<(), Pending> {
        self.judge(others, |judge| judge.resize(pod))
    }
}
