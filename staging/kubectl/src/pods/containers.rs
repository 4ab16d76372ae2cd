//! The containers of a pod by name, and the one that is meant when none is named (upstream: `cmd/util/podcmd`).

use k8s_api::primitives::quote;
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{IoStreams, Result, message};

/// The annotation that names the container which is meant when none is named.
pub(crate) const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The members of a pod's spec that hold containers, and what is said behind the names of theirs.
const MEMBERS: [(&str, &str); 3] = [
    ("containers", ""),
    ("ephemeralContainers", " (ephem)"),
    ("initContainers", " (init)"),
];

/// The containers under one member of a pod's spec.
pub(crate) fn containers<'p>(pod: &'p Value, member: &str) -> impl Iterator<Item = &'p Value> + use<'p> {
    pod["spec"][member].as_array().into_iter().flatten()
}

/// Every container, with the member that holds it.
fn all(pod: &Value) -> impl Iterator<Item = (&'static str, &'static str, &Value)> {
    MEMBERS
        .into_iter()
        .flat_map(move |(member, suffix)| containers(pod, member).map(move |container| (member, suffix, container)))
}

/// The container of a name, and the member of the spec that holds it.
pub(crate) fn find<'p>(pod: &'p Value, name: &str) -> Option<(&'static str, &'p Value)> {
    all(pod)
        .find(|(_, _, container)| text_at(container, &["name"]) == name)
        .map(|(member, _, container)| (member, container))
}

/// All names, for messages: `web, setup (init)`.
pub(crate) fn names(pod: &Value) -> String {
    let names: Vec<String> = all(pod)
        .map(|(_, suffix, container)| format!("{}{suffix}", text_at(container, &["name"])))
        .collect();
    names.join(", ")
}

/// What the annotation names, `""` without one.
pub(crate) fn annotated(pod: &Value) -> &str {
    text_at(pod, &["metadata", "annotations", DEFAULT_CONTAINER])
}

/// The first container; whoever could have meant another is told.
///
/// # Errors
/// The pod has no containers.
pub(crate) fn first<'p>(pod: &'p Value, quiet: bool, streams: &IoStreams) -> Result<&'p Value> {
    let Some(first) = containers(pod, "containers").next() else {
        return Err(message!(
            "pod {}/{} does not have any containers",
            text_at(pod, &["metadata", "namespace"]),
            text_at(pod, &["metadata", "name"])
        ));
    };
    if !quiet && all(pod).count() > 1 {
        streams.err.print(format!(
            "Defaulted container {} out of: {}\n",
            quote(text_at(first, &["name"])),
            names(pod)
        ))?;
    }
    Ok(first)
}

/// The container of a name or, without one, the default: the annotated one, or else the first.
///
/// # Errors
/// The pod has none of that name.
pub(crate) fn find_or_default<'p>(pod: &'p Value, name: &str, quiet: bool, streams: &IoStreams) -> Result<&'p Value> {
    if !name.is_empty() {
        return find(pod, name).map(|(_, container)| container).ok_or_else(|| {
            message!(
                "container {name} not found in pod {}",
                text_at(pod, &["metadata", "name"])
            )
        });
    }
    match find(pod, annotated(pod)) {
        Some((_, container)) => Ok(container),
        None => first(pod, quiet, streams),
    }
}

/// The container of a name, or the default, of a pod in which something is to be run.
///
/// # Errors
/// The pod has ended, or has none of that name.
pub(crate) fn runnable<'p>(pod: &'p Value, name: &str, quiet: bool, streams: &IoStreams) -> Result<&'p Value> {
    let phase = text_at(pod, &["status", "phase"]);
    if matches!(phase, "Succeeded" | "Failed") {
        return Err(message!(
            "cannot exec into a container in a completed pod; current phase is {phase}"
        ));
    }
    if !name.is_empty() && find(pod, name).is_none() {
        return Err(message!(
            "container {name} is not valid for pod {} out of: {}",
            text_at(pod, &["metadata", "name"]),
            names(pod)
        ));
    }
    find_or_default(pod, name, quiet, streams)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(default: &str) -> Value {
        json!({
            "metadata": {"name": "p", "namespace": "n", "annotations": {DEFAULT_CONTAINER: default}},
            "spec": {
                "containers": [{"name": "a"}, {"name": "b"}],
                "initContainers": [{"name": "i"}],
                "ephemeralContainers": [{"name": "e"}],
            },
        })
    }

    #[test]
    fn the_default_is_annotated_or_first() {
        for (annotation, name, quiet, expected, said) in [
            (
                "",
                "",
                false,
                Ok("a"),
                "Defaulted container \"a\" out of: a, b, e (ephem), i (init)\n",
            ),
            ("", "", true, Ok("a"), ""),
            ("b", "", false, Ok("b"), ""),
            ("gone", "", true, Ok("a"), ""),
            ("b", "i", false, Ok("i"), ""),
            ("b", "x", false, Err("container x not found in pod p"), ""),
        ] {
            let streams = IoStreams::memory(b"");
            let pod = pod(annotation);
            let found = find_or_default(&pod, name, quiet, &streams);
            let found = found.map(|container| text_at(container, &["name"]));
            assert_eq!(
                found.map_err(|error| error.to_string()),
                expected.map_err(str::to_owned)
            );
            assert_eq!(streams.err.take(), said);
        }
    }
}
