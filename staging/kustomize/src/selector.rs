//! Selectors: which resources a step is for.

use std::collections::BTreeMap;

use apimachinery::selectors::Selector as Labels;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::error::refuse;
use crate::id::{Gvk, ResId};
use crate::resource::Resource;
use crate::{BuildError, Result};

/// As a kustomization has it: regular expressions for whole texts, and selectors of labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Selector {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) annotation_selector: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) label_selector: String,
}

/// A selector that is ready for use.
pub(crate) struct Matcher {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Labels,
    annotations: Labels,
    /// Whether nothing is said of what a resource is known by.
    pub(crate) names_nothing: bool,
    /// Whether nothing is said of labels and annotations.
    pub(crate) marks_nothing: bool,
}

fn whole(pattern: &str) -> Result<Option<Regex>> {
    if pattern.is_empty() {
        return Ok(None);
    }
    Regex::new(&format!("^(?:{pattern})$"))
        .map(Some)
        .map_err(|error| refuse!("error parsing regexp: {error}"))
}

fn labels(text: &str) -> Result<Labels> {
    Labels::parse(text, &apimachinery::field::Path::NIL).map_err(|error| BuildError::new(error.to_string()))
}

fn fits(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

impl Selector {
    /// The id that is meant where there are no regular expressions.
    pub(crate) fn id(&self) -> ResId {
        ResId {
            gvk: Gvk::new(&self.group, &self.version, &self.kind),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
        }
    }

    /// Ready for use.
    ///
    /// # Errors
    /// An expression makes no sense.
    pub(crate) fn matcher(&self) -> Result<Matcher> {
        Ok(Matcher {
            group: whole(&self.group)?,
            version: whole(&self.version)?,
            kind: whole(&self.kind)?,
            name: whole(&self.name)?,
            namespace: whole(&self.namespace)?,
            labels: labels(&self.label_selector)?,
            annotations: labels(&self.annotation_selector)?,
            names_nothing: self.id() == ResId::default(),
            marks_nothing: self.label_selector.is_empty() && self.annotation_selector.is_empty(),
        })
    }
}

impl Matcher {
    fn is_kind(&self, gvk: &Gvk) -> bool {
        fits(self.group.as_ref(), &gvk.group)
            && fits(self.version.as_ref(), &gvk.version)
            && fits(self.kind.as_ref(), &gvk.kind)
    }

    /// Whether labels and annotations fit.
    pub(crate) fn is_marked(&self, resource: &Resource) -> bool {
        let pairs = |member: &str| -> BTreeMap<String, String> { resource.pairs(member) };
        self.labels.matches(&pairs("labels")) && self.annotations.matches(&pairs("annotations"))
    }

    /// Whether one of the names of a resource fits.
    pub(crate) fn is_id(&self, id: &ResId) -> bool {
        self.is_kind(&id.gvk) && fits(self.name.as_ref(), &id.name) && fits(self.namespace.as_ref(), &id.namespace)
    }

    /// Whether a resource is meant by what it is called now, or was called at first.
    pub(crate) fn selects(&self, resource: &Resource) -> bool {
        let (now, first) = (resource.id(), resource.original_id());
        let place = |id: &ResId| fits(self.namespace.as_ref(), id.effective_namespace());
        let name = |id: &ResId| fits(self.name.as_ref(), &id.name);
        (place(&first) || place(&now))
            && (name(&first) || name(&now))
            && self.is_kind(&now.gvk)
            && self.is_marked(resource)
    }
}
