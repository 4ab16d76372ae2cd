//! What of a node's resources would be used with the pod on it, and curves from that to scores.

use std::sync::Arc;

use scheduler_framework::config::args::{MAX_CUSTOM_SCORE, ResourceSpec, UtilizationShapePoint};
use scheduler_framework::resource::{CPU, EPHEMERAL_STORAGE, MEMORY};
use scheduler_framework::{MAX_NODE_SCORE, NodeInfo, PodInfo};

/// Where a resource's amounts are.
#[derive(Clone, Debug)]
enum Kind {
    Cpu,
    Memory,
    EphemeralStorage,
    Scalar(Arc<str>),
}

/// A resource that counts in a score.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    kind: Kind,
    pub(super) weight: i64,
}

impl Scored {
    pub(super) fn all(specs: &[ResourceSpec]) -> Vec<Self> {
        let scored = |spec: &ResourceSpec| Self {
            kind: match spec.name.as_str() {
                CPU => Kind::Cpu,
                MEMORY => Kind::Memory,
                EPHEMERAL_STORAGE => Kind::EphemeralStorage,
                other => Kind::Scalar(other.into()),
            },
            weight: spec.weight,
        };
        specs.iter().map(scored).collect()
    }

    /// What the pod requests of it. `non_zero` assumes something where the pod says nothing.
    pub(super) fn of_pod(&self, pod: &PodInfo, non_zero: bool) -> i64 {
        let requests = &pod.requests;
        match &self.kind {
            Kind::Cpu if non_zero => requests.non_zero_cpu,
            Kind::Memory if non_zero => requests.non_zero_memory,
            Kind::Cpu => requests.used.milli_cpu,
            Kind::Memory => requests.used.memory,
            Kind::EphemeralStorage => requests.used.ephemeral_storage,
            Kind::Scalar(name) => requests.used.scalar(name).unwrap_or(0),
        }
    }

    /// What the node has of it, and what of that is used; `None` if it does not count here.
    pub(super) fn of_node(&self, node: &NodeInfo, request: i64, non_zero: bool) -> Option<(i64, i64)> {
        let (allocatable, requested) = (&node.allocatable, &node.requested);
        let (has, used) = match &self.kind {
            Kind::Cpu => (
                allocatable.milli_cpu,
                if non_zero {
                    node.non_zero_cpu
                } else {
                    requested.milli_cpu
                },
            ),
            Kind::Memory => (
                allocatable.memory,
                if non_zero {
                    node.non_zero_memory
                } else {
                    requested.memory
                },
            ),
            Kind::EphemeralStorage => (allocatable.ephemeral_storage, requested.ephemeral_storage),
            Kind::Scalar(_) if request == 0 => return None,
            Kind::Scalar(name) => (allocatable.scalar(name)?, requested.scalar(name).unwrap_or(0)),
        };
        (has != 0).then_some((has, used))
    }
}

/// A curve of straight pieces.
#[derive(Clone, Debug)]
pub(crate) struct Curve(Vec<(i64, i64)>);

impl Curve {
    pub(crate) fn new(shape: &[UtilizationShapePoint]) -> Self {
        let scale = MAX_NODE_SCORE / i64::from(MAX_CUSTOM_SCORE);
        let point = |point: &UtilizationShapePoint| (i64::from(point.utilization), i64::from(point.score) * scale);
        Self(shape.iter().map(point).collect())
    }

    fn at(&self, utilization: i64) -> i64 {
        let mut before: Option<(i64, i64)> = None;
        for &(x, y) in &self.0 {
            if utilization <= x {
                return before.map_or(y, |(x0, y0)| y0 + (y - y0) * (utilization - x0) / (x - x0));
            }
            before = Some((x, y));
        }
        before.map_or(0, |(_, y)| y)
    }

    /// The score of so much used of so much.
    pub(crate) fn of_use(&self, used: i64, has: i64) -> i64 {
        if has == 0 || used > has {
            self.at(100)
        } else {
            self.at(used * 100 / has)
        }
    }
}
