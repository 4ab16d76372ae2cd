//! `TaintNodesByCondition`: a new node takes no pods before it is ready.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::ObjectBox,
};
use async_trait::async_trait;
use k8s_api::core::v1::{Node, Taint};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const NO_SCHEDULE: &str = "NoSchedule";

/// The plugin `TaintNodesByCondition`.
#[derive(Debug)]
pub struct TaintNodesByCondition;

#[async_trait]
impl Plugin for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && resource == "nodes"
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let Some(node) = object.and_then(|object| object.as_mut().downcast_mut::<Node>()) else {
            return Ok(());
        };
        let taints = &mut node.spec.taints;
        if !taints
            .iter()
            .any(|taint| taint.key == NOT_READY && taint.effect == NO_SCHEDULE)
        {
            taints.push(Taint {
                key: NOT_READY.to_owned(),
                effect: NO_SCHEDULE.to_owned(),
                ..Taint::default()
            });
        }
        Ok(())
    }
}
