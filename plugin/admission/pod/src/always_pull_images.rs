//! `AlwaysPullImages`: every image is pulled each time, so that nobody runs a private image that is
//! there already without being allowed to pull it.

use apimachinery::{
    field::{Error, Path},
    status::StatusError,
};
use apis_pod::pod::{any_container, for_each_container, for_each_container_mut};
use apiserver::{
    admission::{Attributes, Operation, Plugin, plain_error},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::core::v1::Pod;

use crate::{is_pods, pod_mut, pod_ref};

const ALWAYS: &str = "Always";

/// The plugin `AlwaysPullImages`.
#[derive(Debug)]
pub struct AlwaysPullImages;

/// Updates that bring no new image may leave the policy as it is.
fn is_ignored(attributes: &Attributes<'_>, pod: &Pod) -> bool {
    if !attributes.subresource.is_empty() {
        return true;
    }
    let old = attributes
        .old_as::<Pod>()
        .filter(|_| attributes.operation == Operation::Update);
    old.is_some_and(|old| {
        !any_container(&pod.spec, |container| {
            !any_container(&old.spec, |before| before.image == container.image)
        })
    })
}

#[async_trait]
impl Plugin for AlwaysPullImages {
    fn name(&self) -> &'static str {
        "AlwaysPullImages"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let pod = pod_mut(object)?;
        if is_ignored(attributes, pod) {
            return Ok(());
        }
        for_each_container_mut(&mut pod.spec, |container, _| {
            ALWAYS.clone_into(&mut container.image_pull_policy);
        });
        for image in pod.spec.volumes.iter_mut().filter_map(|volume| volume.image.as_mut()) {
            ALWAYS.clone_into(&mut image.pull_policy);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let pod = pod_ref(object)?;
        if is_ignored(attributes, pod) {
            return Ok(());
        }
        let spec = Path::new("spec");
        let mut refusals: Vec<StatusError> = Vec::new();
        let mut refuse = |error: Error| refusals.push(attributes.forbidden(object, error));
        for_each_container(&pod.spec, &spec, |container, _, path| {
            let policy = container.image_pull_policy.as_str();
            if policy != ALWAYS {
                refuse(Error::not_supported(&path.child("imagePullPolicy"), policy, &[ALWAYS]));
            }
        });
        let volumes = spec.child("volumes");
        for (index, volume) in pod.spec.volumes.iter().enumerate() {
            if let Some(image) = volume.image.as_ref().filter(|image| image.pull_policy != ALWAYS) {
                let path = volumes.index(index);
                let path = path.child("image");
                let policy = image.pull_policy.as_str();
                refuse(Error::not_supported(&path.child("pullPolicy"), policy, &[ALWAYS]));
            }
        }
        // Several refusals are no refusal any more, but an error of unknown reason.
        match refusals.len() {
            0 => Ok(()),
            1 => Err(plain_error(refusals.remove(0).status().message.clone())),
            _ => {
                let messages: Vec<&str> = refusals
                    .iter()
                    .map(|refusal| refusal.status().message.as_str())
                    .collect();
                Err(plain_error(format!("[{}]", messages.join(", "))))
            }
        }
    }
}
