//! `ExtendedResourceToleration`: pods that ask for devices tolerate the taints that keep nodes with
//! such devices free of others.

use std::collections::BTreeSet;

use apimachinery::status::StatusError;
use apis_pod::resources::is_extended;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::ObjectBox,
};
use async_trait::async_trait;

use crate::{is_pods, pod_mut, tolerations::exists};

/// The plugin `ExtendedResourceToleration`.
#[derive(Debug)]
pub struct ExtendedResourceToleration;

#[async_trait]
impl Plugin for ExtendedResourceToleration {
    fn name(&self) -> &'static str {
        "ExtendedResourceToleration"
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
        let spec = &mut pod_mut(object)?.spec;
        let containers = spec.containers.iter().chain(&spec.init_containers);
        let devices: BTreeSet<String> = containers
            .flat_map(|container| container.resources.requests.keys())
            .filter(|name| is_extended(name))
            .cloned()
            .collect();
        for device in devices {
            let wanted = exists(&device, "NoSchedule", None);
            // The same toleration but for its seconds is replaced.
            let same = spec.tolerations.iter_mut().find(|toleration| {
                toleration.key == wanted.key
                    && toleration.effect == wanted.effect
                    && toleration.operator == wanted.operator
                    && toleration.value == wanted.value
            });
            match same {
                Some(toleration) => *toleration = wanted,
                None => spec.tolerations.push(wanted),
            }
        }
        Ok(())
    }
}
