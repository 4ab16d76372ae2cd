//! The shapes, as the file has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::Failure;

const FILE: &str = include_str!("../workloads.yaml");

/// Everything that can be run.
#[derive(Debug, Deserialize)]
pub(crate) struct Workloads {
    pub(crate) templates: BTreeMap<String, Value>,
    pub(crate) workloads: Vec<Workload>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) size: String,
    /// Pods a second that are too few.
    pub(crate) floor: f64,
    pub(crate) steps: Vec<Step>,
}

/// What a node tells of volumes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Csi {
    /// A driver with a limit.
    Driver,
    /// The same, to which the volumes of the tree have moved.
    Migrated,
}

/// What volumes pods have.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Volumes {
    /// A volume of the tree.
    Aws,
    /// A volume of a driver.
    Csi,
}

/// One thing after the other.
#[derive(Debug, Deserialize)]
#[serde(tag = "create", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Step {
    Nodes {
        count: usize,
        template: String,
        #[serde(default)]
        spread: BTreeMap<String, Vec<String>>,
        csi: Option<Csi>,
    },
    Namespaces {
        count: usize,
        prefix: String,
        #[serde(default)]
        labels: BTreeMap<String, String>,
    },
    Pods {
        count: usize,
        template: String,
        #[serde(default = "default_namespace")]
        namespace: String,
        /// So many namespaces have `count` pods each.
        namespaces: Option<usize>,
        volumes: Option<Volumes>,
        #[serde(default)]
        measured: bool,
        /// They get no node.
        #[serde(default)]
        stays: bool,
    },
    Churn {
        templates: Vec<String>,
        every_ms: u64,
        /// Each is deleted before the next is created.
        #[serde(default)]
        again: bool,
    },
    Deletions {
        namespace: String,
        per_second: u64,
    },
}

fn default_namespace() -> String {
    "default".to_owned()
}

impl Workloads {
    pub(crate) fn load() -> Result<Self, Failure> {
        let value = apimachinery::json::yaml_to_json(FILE).map_err(|error| Failure::Workloads(error.to_string()))?;
        serde_json::from_value(value).map_err(|error| Failure::Workloads(error.to_string()))
    }

    /// Makes everything smaller.
    pub(crate) fn shrink(&mut self, by: usize) {
        for step in self.workloads.iter_mut().flat_map(|workload| &mut workload.steps) {
            if let Step::Nodes { count, .. } | Step::Pods { count, .. } = step {
                *count = count.div_ceil(by);
            }
        }
    }

    pub(crate) fn template(&self, of: &str, name: &str) -> Result<&Value, Failure> {
        let missing = || Failure::Template(of.to_owned(), name.to_owned());
        self.templates.get(name).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read_and_every_template_is_there() {
        let all = Workloads::load().unwrap();
        assert_eq!(all.workloads.len(), 26);
        for workload in &all.workloads {
            let mut measured = 0;
            for step in &workload.steps {
                let names = match step {
                    Step::Nodes { template, .. } => vec![template],
                    Step::Pods {
                        template, measured: m, ..
                    } => {
                        measured += usize::from(*m);
                        vec![template]
                    }
                    Step::Churn { templates, .. } => templates.iter().collect(),
                    Step::Namespaces { .. } | Step::Deletions { .. } => vec![],
                };
                for name in names {
                    all.template(&workload.name, name).unwrap();
                }
            }
            assert_eq!(measured, 1, "{}", workload.name);
        }
    }
}
