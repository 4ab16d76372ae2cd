//! Which fields the steps work on: the defaults, and what `configurations` add.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::defaults;
use crate::error::refuse;
use crate::fields::{self, FieldSpec};
use crate::files::Folder;
use crate::id::Gvk;
use crate::sort::kind_order;
use crate::{Result, yaml};

/// The fields that name a resource of a type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct NameReference {
    /// The type that is named.
    #[serde(flatten)]
    pub(crate) gvk: Gvk,
    /// The fields that name it.
    #[serde(rename = "fieldSpecs")]
    pub(crate) referrers: Vec<FieldSpec>,
}

/// The fields of every step.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

static DEFAULT: LazyLock<Config> = LazyLock::new(defaults::config);

impl Config {
    /// The defaults, and what the files say.
    ///
    /// # Errors
    /// A file cannot be read, or contradicts the others.
    pub(crate) fn load(folder: &Folder, paths: &[String]) -> Result<Self> {
        let mut config = DEFAULT.clone();
        for path in paths {
            let value = yaml::parse(&folder.read_text(path)?)?;
            let more: Self = serde_json::from_value(value).map_err(|error| refuse!("{path}: {error}"))?;
            config.merge(&more)?;
        }
        Ok(config)
    }

    /// Adds the other's fields.
    ///
    /// # Errors
    /// They contradict these.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let lists = [
            (&mut self.name_prefix, &other.name_prefix, "NamePrefix"),
            (&mut self.name_suffix, &other.name_suffix, "NameSuffix"),
            (&mut self.namespace, &other.namespace, "NameSpace"),
            (
                &mut self.common_annotations,
                &other.common_annotations,
                "CommonAnnotations",
            ),
            (&mut self.common_labels, &other.common_labels, "CommonLabels"),
            (&mut self.labels, &other.labels, "Labels"),
            (&mut self.template_labels, &other.template_labels, "TemplateLabels"),
            (&mut self.var_reference, &other.var_reference, "VarReference"),
            (&mut self.images, &other.images, "Images"),
            (&mut self.replicas, &other.replicas, "Replicas"),
        ];
        for (list, more, name) in lists {
            fields::merge(list, more).map_err(|error| error.context(format!("failed to merge {name} fieldSpec")))?;
            list.sort_by_key(|field| order(&field.gvk));
        }
        for reference in &other.name_reference {
            match self.name_reference.iter_mut().find(|known| known.gvk == reference.gvk) {
                Some(known) => fields::merge(&mut known.referrers, &reference.referrers)
                    .map_err(|error| error.context("failed to merge NameReference fieldSpec"))?,
                None => self.name_reference.push(reference.clone()),
            }
        }
        self.name_reference.sort_by_key(|reference| order(&reference.gvk));
        Ok(())
    }
}

fn order(gvk: &Gvk) -> (i32, String) {
    (kind_order(&gvk.kind), gvk.sort_text())
}
