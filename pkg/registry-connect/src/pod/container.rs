//! Which container of a pod is meant.

use apimachinery::status::StatusError;
use k8s_api::core::v1::Pod;

/// The names of all containers of a pod: those that initialise it, its own, and those that were added to look into it.
fn names(pod: &Pod) -> impl Iterator<Item = &str> {
    let spec = &pod.spec;
    let init = spec.init_containers.iter().map(|container| container.name.as_str());
    let own = spec.containers.iter().map(|container| container.name.as_str());
    let ephemeral = spec
        .ephemeral_containers
        .iter()
        .map(|container| container.name.as_str());
    init.chain(own).chain(ephemeral)
}

/// The container that is meant: the one that is named, or the only one there is.
pub(super) fn chosen<'a>(pod: &'a Pod, wanted: &'a str) -> Result<&'a str, StatusError> {
    let name = &pod.metadata.name;
    if !wanted.is_empty() {
        let found = names(pod).any(|container| container == wanted);
        return found
            .then_some(wanted)
            .ok_or_else(|| StatusError::bad_request(format!("container {wanted} is not valid for pod {name}")));
    }
    match pod.spec.containers.as_slice() {
        [only] => Ok(&only.name),
        [] => Err(StatusError::bad_request(format!(
            "a container name must be specified for pod {name}"
        ))),
        _ => {
            let choices: Vec<&str> = names(pod).collect();
            Err(StatusError::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                choices.join(" ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_api::{Kind as _, core::v1::Pod};
    use serde_json::json;

    use super::chosen;

    #[test]
    fn containers() {
        let pod = |spec| Pod::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).expect("a pod");
        let one = pod(json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]}));
        let two = pod(json!({"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]}));
        let told = |pod: &Pod, wanted: &str| {
            chosen(pod, wanted)
                .map(str::to_owned)
                .map_err(|status| status.into_status().message)
        };
        assert_eq!(told(&one, ""), Ok("a".to_owned()));
        assert_eq!(told(&one, "i"), Ok("i".to_owned()));
        assert_eq!(told(&one, "x"), Err("container x is not valid for pod p".to_owned()));
        let ambiguous = "a container name must be specified for pod p, choose one of: [i a b]";
        assert_eq!(told(&two, ""), Err(ambiguous.to_owned()));
    }
}
