//! Pods look at once when a config map or secret that they refer to is another.

use k8s_api::core::v1::{Pod, Volume};
use kubelet_types::container::all;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assemble::Node;
use crate::api::{ApiObjects, Changed};

/// Whether a volume shows it.
fn volume_refers(volume: &Volume, changed: &Changed) -> bool {
    let is_map = changed.kind == "ConfigMap";
    let projected = volume.projected.as_deref().into_iter().flat_map(|it| &it.sources);
    if is_map {
        let own = volume.config_map.as_deref().map(|it| &it.name);
        let parts = projected.filter_map(|part| part.config_map.as_deref().map(|it| &it.name));
        return own.into_iter().chain(parts).any(|name| *name == changed.name);
    }
    let own = volume.secret.as_deref().map(|it| &it.secret_name);
    let parts = projected.filter_map(|part| part.secret.as_deref().map(|it| &it.name));
    own.into_iter().chain(parts).any(|name| *name == changed.name)
}

/// Whether a pod refers to it.
fn refers(pod: &Pod, changed: &Changed) -> bool {
    if pod.metadata.namespace != changed.namespace {
        return false;
    }
    if pod.spec.volumes.iter().any(|volume| volume_refers(volume, changed)) {
        return true;
    }
    let is_map = changed.kind == "ConfigMap";
    all(pod).any(|(_, container)| {
        let variables = container.env.iter().filter_map(|it| it.value_from.as_deref());
        let mut named = variables.filter_map(|from| {
            if is_map {
                from.config_map_key_ref.as_deref().map(|it| &it.name)
            } else {
                from.secret_key_ref.as_deref().map(|it| &it.name)
            }
        });
        let mut whole = container.env_from.iter().filter_map(|from| {
            if is_map {
                from.config_map_ref.as_deref().map(|it| &it.name)
            } else {
                from.secret_ref.as_deref().map(|it| &it.name)
            }
        });
        named.any(|name| *name == changed.name) || whole.any(|name| *name == changed.name)
    })
}

/// Wakes the pods that are concerned.
pub(super) fn start(node: &Node, objects: &ApiObjects, tasks: &mut JoinSet<()>, cancel: &CancellationToken) {
    let Some(mut changes) = objects.take_changes() else {
        return;
    };
    let (pods, workers, token) = (node.pods.clone(), node.kubelet.workers().clone(), cancel.clone());
    tasks.spawn(async move {
        while let Some(Some(changed)) = token.run_until_cancelled(changes.recv()).await {
            for pod in pods.list().iter().filter(|pod| refers(pod, &changed)) {
                workers.wake(&pod.metadata.uid);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use k8s_api::Kind;

    use super::*;

    #[test]
    fn references_of_pods() {
        let pod = Pod::from_json(
            br#"{"metadata":{"namespace":"ns"},"spec":{
                "volumes":[{"name":"a","secret":{"secretName":"s"}},
                           {"name":"b","projected":{"sources":[{"configMap":{"name":"p"}}]}}],
                "containers":[{"name":"c","envFrom":[{"configMapRef":{"name":"e"}}],
                    "env":[{"name":"x","valueFrom":{"secretKeyRef":{"name":"k","key":"k"}}}]}]}}"#,
        );
        let pod = pod.expect("a pod");
        let changed = |kind, namespace: &str, name: &str| Changed {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        for (kind, name, expected) in [
            ("Secret", "s", true),
            ("ConfigMap", "s", false),
            ("ConfigMap", "p", true),
            ("ConfigMap", "e", true),
            ("Secret", "k", true),
            ("Secret", "other", false),
        ] {
            assert_eq!(refers(&pod, &changed(kind, "ns", name)), expected, "{kind} {name}");
        }
        assert!(!refers(&pod, &changed("Secret", "elsewhere", "s")));
    }
}
