//! `/checkpoint/{namespace}/{pod}/{container}`: writes the state of a running container to a file.

use std::path::Path;

use component_base::serving::Body;
use cri_client::api::CheckpointContainerRequest;
use http::{Response, StatusCode};
use jiff::Timestamp;
use k8s_api::core::v1::Pod;
use kubelet_runtime::KubeRuntime;
use kubelet_types::container::find;
use kubelet_types::pod::full_name;

use crate::answers;

/// Writes a checkpoint and answers with the file's name.
pub(crate) async fn serve(
    runtime: &KubeRuntime,
    root: &Path,
    pod: &Pod,
    container: &str,
    query: &str,
) -> Response<Body> {
    if find(&pod.spec, container).is_none() {
        return answers::text(StatusCode::NOT_FOUND, format!("container {container} does not exist"));
    }
    let mut timeout = 0;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "timeout" {
            match value.parse() {
                Ok(seconds) => timeout = seconds,
                Err(_) => return answers::text(StatusCode::BAD_REQUEST, "cannot parse value of timeout parameter"),
            }
        }
    }
    let meta = &pod.metadata;
    let record = match runtime.pod_status(&meta.uid, &meta.name, &meta.namespace).await {
        Ok(record) => record,
        Err(error) => return answers::runtime_error(&error),
    };
    let Some(found) = record.find(container) else {
        return answers::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("container {container} not found"),
        );
    };
    let file = format!(
        "checkpoint-{}-{container}-{}.tar",
        full_name(pod),
        Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    let location = root.join("checkpoints").join(file).display().to_string();
    let request = CheckpointContainerRequest {
        container_id: found.id.clone(),
        location: location.clone(),
        timeout,
    };
    match runtime.services().runtime.checkpoint_container(request).await {
        Ok(()) => answers::json(serde_json::json!({"items": [location]}).to_string().into_bytes()),
        Err(error) if error.is_unimplemented() => answers::text(
            StatusCode::NOT_FOUND,
            format!(
                "checkpointing of {}/{}/{container} failed ({error})",
                meta.namespace, meta.name
            ),
        ),
        Err(error) => answers::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!(
                "checkpointing of {}/{}/{container} failed ({error})",
                meta.namespace, meta.name
            ),
        ),
    }
}
