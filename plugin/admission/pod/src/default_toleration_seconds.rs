//! `DefaultTolerationSeconds`: pods stay on a node that has become unreachable or not ready for a while.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::ObjectBox,
};
use async_trait::async_trait;

use crate::{is_pods, pod_mut, tolerations::exists};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NO_EXECUTE: &str = "NoExecute";

/// The plugin `DefaultTolerationSeconds`.
#[derive(Debug)]
pub struct DefaultTolerationSeconds {
    defaults: [(&'static str, i64); 2],
}

impl DefaultTolerationSeconds {
    /// `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds`.
    #[must_use]
    pub fn new(not_ready: i64, unreachable: i64) -> Self {
        Self {
            defaults: [(NOT_READY, not_ready), (UNREACHABLE, unreachable)],
        }
    }
}

#[async_trait]
impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let tolerations = &mut pod_mut(object)?.spec.tolerations;
        let given = tolerations.len();
        for (key, seconds) in self.defaults {
            let tolerated = tolerations[..given].iter().any(|toleration| {
                (toleration.key == key || toleration.key.is_empty())
                    && (toleration.effect == NO_EXECUTE || toleration.effect.is_empty())
            });
            if !tolerated {
                tolerations.push(exists(key, NO_EXECUTE, Some(seconds)));
            }
        }
        Ok(())
    }
}
