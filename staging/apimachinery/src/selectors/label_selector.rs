//! Selectors of labels.

use std::{fmt, str::FromStr};

use k8s_api::{
    meta::v1::{LabelSelector, LabelSelectorRequirement},
    primitives::quote,
};

use super::{Labels, Operator, Requirement, parser};
use crate::field::{ErrorList, Path};

/// Why a selector is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelSelectorError {
    /// The text does not follow the grammar.
    #[error("{0}")]
    Syntax(String),
    /// A part of the text does not.
    #[error("unable to parse requirement: {0}")]
    Requirement(Box<LabelSelectorError>),
    /// A key or value is malformed.
    #[error("{0}")]
    Invalid(ErrorList),
    /// A `matchExpressions` operator that does not exist.
    #[error("{} is not a valid label selector operator", quote(.0))]
    Operator(String),
    /// An operator that `matchExpressions` does not have.
    #[error("{} isn't supported in label selectors", quote(.0))]
    Unsupported(&'static str),
}

/// A conjunction of requirements, or nothing at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector(Option<Vec<Requirement>>);

impl Selector {
    /// Matches whatever labels there are.
    pub const EVERYTHING: Self = Self(Some(Vec::new()));
    /// Matches no labels, not even none.
    pub const NOTHING: Self = Self(None);

    /// Reads the text of a selector. Errors about keys and values name them below `path`.
    ///
    /// # Errors
    /// If the text does not follow the grammar, or a key or value is malformed.
    pub fn parse(text: &str, path: &Path<'_>) -> Result<Self, LabelSelectorError> {
        Ok(Self(Some(parser::parse(text, path)?)))
    }

    /// Labels that must all be there. They are not checked.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let require =
            |(key, value): (&String, &String)| Requirement::unchecked(key, Operator::Equals, vec![value.clone()]);
        Self::EVERYTHING.and(labels.into_iter().map(require))
    }

    /// The selector that an object holds; an absent one matches nothing, an empty one everything.
    ///
    /// # Errors
    /// If an operator does not exist, or a key or value is malformed.
    pub fn from_api(selector: Option<&LabelSelector>) -> Result<Self, LabelSelectorError> {
        let Some(selector) = selector else {
            return Ok(Self::NOTHING);
        };
        let mut requirements = Vec::with_capacity(selector.match_labels.len() + selector.match_expressions.len());
        let invalid = LabelSelectorError::Invalid;
        for (key, value) in &selector.match_labels {
            let requirement = Requirement::new(key, Operator::Equals, vec![value.clone()], &Path::NIL);
            requirements.push(requirement.map_err(invalid)?);
        }
        for expression in &selector.match_expressions {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(LabelSelectorError::Operator(other.into())),
            };
            let requirement = Requirement::new(&expression.key, operator, expression.values.clone(), &Path::NIL);
            requirements.push(requirement.map_err(invalid)?);
        }
        Ok(Self::EVERYTHING.and(requirements))
    }

    /// The form in which objects hold a selector.
    ///
    /// # Errors
    /// If a requirement is `>` or `<`, or the selector matches nothing.
    pub fn to_api(&self) -> Result<LabelSelector, LabelSelectorError> {
        let mut selector = LabelSelector::default();
        for requirement in self.requirements().unwrap_or_default() {
            let operator = match requirement.operator() {
                Operator::Equals | Operator::DoubleEquals => {
                    selector
                        .match_labels
                        .insert(requirement.key(), requirement.values().concat());
                    continue;
                }
                Operator::In => "In",
                Operator::NotIn => "NotIn",
                Operator::Exists => "Exists",
                Operator::DoesNotExist => "DoesNotExist",
                Operator::NotEquals => return Err(LabelSelectorError::Operator("!=".into())),
                other => return Err(LabelSelectorError::Unsupported(other.as_str())),
            };
            selector.match_expressions.push(LabelSelectorRequirement {
                key: requirement.key().into(),
                operator: operator.into(),
                values: requirement.values().to_vec(),
            });
        }
        Ok(selector)
    }

    /// The selector with further requirements. What matches nothing stays so.
    #[must_use]
    pub fn and(self, requirements: impl IntoIterator<Item = Requirement>) -> Self {
        Self(self.0.map(|mut own| {
            own.extend(requirements);
            own.sort_by(|a, b| a.key().cmp(b.key()));
            own
        }))
    }

    /// Whether the labels fulfil every requirement.
    #[must_use]
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        self.0
            .as_ref()
            .is_some_and(|requirements| requirements.iter().all(|r| r.matches(labels)))
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether it matches nothing by its nature.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// The requirements, sorted by key; `None` if it matches nothing.
    #[must_use]
    pub fn requirements(&self) -> Option<&[Requirement]> {
        self.0.as_deref()
    }

    /// The one value that label `key` must have, as its first requirement says.
    #[must_use]
    pub fn exact_match(&self, key: &str) -> Option<&str> {
        self.requirements()?.iter().find(|r| r.key() == key)?.exact_value()
    }
}

impl FromStr for Selector {
    type Err = LabelSelectorError;

    fn from_str(text: &str) -> Result<Self, LabelSelectorError> {
        Self::parse(text, &Path::NIL)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.requirements().unwrap_or_default().iter().enumerate() {
            if i > 0 {
                formatter.write_str(",")?;
            }
            requirement.fmt(formatter)?;
        }
        Ok(())
    }
}
