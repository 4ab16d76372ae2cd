//! Kustomizations: from a folder with a `kustomization.yaml` to the objects that it means (upstream: `kustomize/api`).
//!
//! [`build`] reads files and nothing else: no cluster, no network, no other program. A kustomization that needs one of
//! these (a remote base, a chart, a plugin) is refused. **Invariant:** what is known of an object besides its fields (the
//! names it had, its prefixes, whether it gets a hash) stands in `Resource`, never in the object.

mod accumulate;
mod config;
mod defaults;
mod error;
mod fields;
mod files;
mod generators;
mod hash;
mod id;
mod kustomization;
mod merge;
mod origin;
mod patches;
mod paths;
mod plugins;
mod references;
mod replacements;
mod resource;
mod resources;
mod selector;
mod sort;
mod transformers;
mod vars;
mod yaml;

use std::path::Path;

use serde_json::Value;

pub use error::BuildError;
pub use yaml::to_yaml;

/// What a step comes to.
pub type Result<T, E = BuildError> = std::result::Result<T, E>;

/// How a kustomization is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Options {
    /// Whether files may lie outside of the folder of the kustomization that names them.
    pub load_anywhere: bool,
    /// Whether objects get a label that says who built them.
    pub managed_by_label: bool,
    /// Whether charts may be inflated, if there is a program for it.
    pub helm: bool,
    /// Whether the objects stay in the order in which they came, if the kustomization says nothing of it.
    pub unsorted: bool,
}

/// What a kustomization means.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The objects, in the order in which they are applied; or why there are none: there is no kustomization, it makes
    /// no sense, or it needs what this crate does not do.
    pub objects: Result<Vec<Value>>,
    /// What the user should know in either case, a line each.
    pub warnings: Vec<String>,
}

/// Builds the kustomization in a folder.
#[must_use]
pub fn build(folder: &Path, options: Options) -> Built {
    accumulate::build(folder, options)
}

/// Names for a file of each object: `apps_v1_deployment_web.yaml`, with the namespace before it if there are several.
#[must_use]
pub fn file_names(objects: &[Value]) -> Vec<String> {
    let ids: Vec<id::ResId> = objects.iter().map(id::ResId::of).collect();
    let place = |id: &id::ResId| id.effective_namespace().to_owned();
    let places: std::collections::BTreeSet<String> = ids
        .iter()
        .map(place)
        .filter(|place| place != id::NO_NAMESPACE)
        .collect();
    let name = |id: &id::ResId| {
        let parts = [&id.gvk.group, &id.gvk.version, &id.gvk.kind, &id.name];
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect();
        let name = parts.join("_");
        let name = match place(id) {
            own if places.len() > 1 && own != id::NO_NAMESPACE => format!("{own}_{name}"),
            _ => name,
        };
        format!("{}.yaml", name.to_lowercase())
    };
    ids.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::file_names;

    #[test]
    fn files_are_called_by_type_and_name() {
        let object = |kind: &str, namespace: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "N", "namespace": namespace}});
        let objects = [object("Namespace", ""), object("Pod", "a"), object("Pod", "")];
        assert_eq!(file_names(&objects[..2]), ["v1_namespace_n.yaml", "v1_pod_n.yaml"]);
        assert_eq!(
            file_names(&objects),
            ["v1_namespace_n.yaml", "a_v1_pod_n.yaml", "default_v1_pod_n.yaml"]
        );
    }
}
