//! `/pods` and `/runningpods/`.

use std::sync::Arc;

use component_base::serving::Body;
use http::{Response, StatusCode};
use k8s_api::core::v1::{Container, Pod};
use k8s_api::meta::v1::ListMeta;
use k8s_api::{Kind, List};
use kubelet_runtime::{ContainerState, KubeRuntime};

use crate::answers;

fn list(pods: Vec<Pod>) -> Response<Body> {
    let list = List {
        metadata: ListMeta::default(),
        items: pods,
    };
    answers::json(Pod::list_to_json(&list))
}

/// The pods that are to run.
pub(crate) fn wanted(pods: &[Arc<Pod>]) -> Response<Body> {
    list(pods.iter().map(|pod| Pod::clone(pod)).collect())
}

/// The pods that the runtime holds something running of.
pub(crate) async fn running(runtime: &KubeRuntime) -> Response<Body> {
    let found = match runtime.list_pods().await {
        Ok(found) => found,
        Err(error) => return answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let mut pods = Vec::new();
    for (uid, pod) in found.into_iter().filter(|(_, pod)| pod.is_running()) {
        let mut shown = Pod::default();
        shown.metadata.uid.clone_from(&uid);
        shown.metadata.name.clone_from(&pod.name);
        shown.metadata.namespace.clone_from(&pod.namespace);
        match runtime.pod_status(&uid, &pod.name, &pod.namespace).await {
            Ok(record) => {
                let running = record
                    .containers
                    .iter()
                    .filter(|it| it.state == ContainerState::Running);
                shown.spec.containers = running
                    .map(|it| Container {
                        name: it.name.clone(),
                        image: it.image.clone(),
                        ..Default::default()
                    })
                    .collect();
            }
            Err(error) => return answers::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
        pods.push(shown);
    }
    list(pods)
}
