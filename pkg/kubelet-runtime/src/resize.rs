//! Other resources for a container that runs.

use cri_client::api::ContainerResources;
use k8s_api::core::v1::{Container, Pod};

use crate::actions::KillReason;
use crate::resources::of_container;
use crate::runtime::KubeRuntime;
use crate::status::ContainerRecord;

impl KubeRuntime {
    /// Gives a running container the resources of its specification.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn resize_container(&self, pod: &Pod, container: &Container, id: &str) -> Result<(), String> {
        let resources = ContainerResources {
            linux: Some(of_container(pod, container, self.options())),
            ..Default::default()
        };
        let updated = self.parts.runtime.update_container_resources(id, &resources).await;
        updated.map_err(|error| error.message())
    }

    /// Ends a running container that can have other resources only from its start on.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn end_for_resize(&self, pod: &Pod, record: &ContainerRecord) -> Result<(), String> {
        let message = format!("Container {} resize requires restart", record.name);
        self.kill_container(pod, record, &message, KillReason::Other, None, None)
            .await
    }
}
