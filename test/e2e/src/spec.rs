//! What a spec is: a name and steps, read from the YAML files of `specs/`, one file a part of the system.
//!
//! A step does one of three things: `apply` manifests, run a line of shell (`sh`), or `get` a path of the API. With an
//! expectation it is repeated until that holds, at most `within` seconds. The shell has the functions of `prelude.sh` and a
//! kubeconfig whose namespace is the spec's own; `node.sh`, for specs with nodes of their own, has more.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::expect::Expectation;

/// One test of the running cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    /// What is promised, as a sentence.
    pub(crate) name: String,
    /// The file it stands in.
    #[serde(skip)]
    pub(crate) part: String,
    /// It needs the cluster for itself: it takes nodes or components away.
    #[serde(default)]
    pub(crate) serial: bool,
    /// It brings nodes of its own: it runs beside others of these, and not while anybody counts the cluster's.
    #[serde(default)]
    pub(crate) own_nodes: bool,
    /// It wants a cluster of both families of addresses.
    #[serde(default)]
    pub(crate) dual: bool,
    /// It is one of the few that run on every kind of store.
    #[serde(default)]
    pub(crate) core: bool,
    /// Its `kubectl` is that of these programs, even where the machine has one.
    #[serde(default)]
    pub(crate) ours: bool,
    /// It only runs when it is asked for, as it shows what others test.
    #[serde(default)]
    pub(crate) apart: bool,
    /// What is done, in order.
    pub(crate) steps: Vec<Step>,
}

/// What a step does.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Manifests, for `kubectl apply -f -`; `$NAME` stands for a variable of the spec.
    Apply(String),
    /// Lines of bash.
    Sh(String),
    /// A path of the API; its query may hold selectors.
    Get(String),
}

/// One step of a [`Spec`].
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    /// What is done.
    #[serde(flatten)]
    pub(crate) action: Action,
    /// Where in the answer of a `get`: a JSON pointer, in which `*` stands for every element.
    #[serde(default)]
    pub(crate) at: String,
    /// What must come of it.
    #[serde(flatten)]
    pub(crate) expectation: Expectation,
    /// What it is called, where the time that it takes is told.
    #[serde(default)]
    pub(crate) what: Option<String>,
    /// How long it may take until it does, in seconds; with 0 it is done once, however long that takes.
    #[serde(default = "thirty")]
    pub(crate) within: u64,
    /// What is no field of a step; nothing may be.
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

fn thirty() -> u64 {
    30
}

/// Every spec of the directory.
///
/// # Errors
/// A file cannot be read, a field is unknown, a `get` expects nothing.
pub(crate) fn load(directory: &Path) -> Result<Vec<Spec>> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .with_context(|| format!("read {}", directory.display()))?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    let mut specs = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let part = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read: Vec<Spec> = serde_saphyr::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
        for mut spec in read {
            for step in &spec.steps {
                ensure!(
                    step.unknown.is_empty(),
                    "{part}: {:?} has a step with {:?}",
                    spec.name,
                    step.unknown
                );
                ensure!(
                    !matches!(step.action, Action::Get(_)) || !step.expectation.is_empty(),
                    "{part}: {:?} gets something and expects nothing of it",
                    spec.name
                );
            }
            spec.part.clone_from(&part);
            specs.push(spec);
        }
    }
    Ok(specs)
}

/// The values at a pointer such as `/items/*/status/phase`; a step that leads nowhere gives nothing.
pub(crate) fn values_at(value: &Value, pointer: &str) -> Vec<Value> {
    let mut found = vec![value];
    for step in pointer.split('/').filter(|step| !step.is_empty()) {
        let step = step.replace("~1", "/").replace("~0", "~");
        found = found
            .into_iter()
            .flat_map(|value| match (value, step.as_str()) {
                (Value::Array(items), "*") => items.iter().collect(),
                (Value::Object(fields), "*") => fields.values().collect(),
                (Value::Array(items), index) => index
                    .parse()
                    .ok()
                    .and_then(|at: usize| items.get(at))
                    .into_iter()
                    .collect(),
                (Value::Object(fields), name) => fields.get(name).into_iter().collect::<Vec<_>>(),
                _ => Vec::new(),
            })
            .collect();
    }
    found.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_files_of_the_directory_are_specs() {
        let specs = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("specs")).unwrap();
        for part in [
            "controllers",
            "scheduler",
            "kubelet",
            "kubectl",
            "network",
            "node",
            "bad-input",
            "first-steps",
        ] {
            assert!(
                specs.iter().any(|spec| spec.part.starts_with(part)),
                "no spec of {part}"
            );
        }
        let mut names: Vec<_> = specs.iter().map(|spec| &spec.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), specs.len(), "two specs of one name");
    }

    #[test]
    fn a_pointer_finds_every_element() {
        let value = json!({"items": [{"a": {"x/y": 1}}, {"a": {"x/y": 2}}, {}]});
        for (pointer, want) in [
            ("", json!([value])),
            ("/items/*/a/x~1y", json!([1, 2])),
            ("/items/1/a/x~1y", json!([2])),
            ("/items/9/a", json!([])),
            ("/nothing/*", json!([])),
        ] {
            assert_eq!(Value::Array(values_at(&value, pointer)), want, "{pointer}");
        }
    }
}
