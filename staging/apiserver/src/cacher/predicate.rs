//! What a list or watch wants to see.

use apimachinery::selectors::{FieldSelector, Labels, Selector};

use super::{CachedObject, Event, EventType};

/// A field that the resource cannot select by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field label not supported: {0}")]
pub struct FieldError(pub String);

/// Namespace, labels and fields that an object must have.
#[derive(Clone, Debug)]
pub struct Predicate {
    namespace: Box<str>,
    namespaced: bool,
    labels: Selector,
    /// `(field number, value, negated)`
    fields: Vec<(usize, Box<str>, bool)>,
    /// `metadata.name` and `metadata.namespace` requirements: `(of the name, value, negated)`.
    names: Vec<(bool, Box<str>, bool)>,
    exact_name: Option<Box<str>>,
    indexed_field: Option<(usize, Box<str>)>,
}

impl Labels for CachedObject {
    fn label(&self, key: &str) -> Option<&str> {
        CachedObject::label(self, key)
    }
}

impl Predicate {
    /// A predicate over a resource with these selectable fields, of which `indexed` have an index. A field without a
    /// name cannot be selected by.
    ///
    /// # Errors
    /// If `fields` names a field that the resource does not have.
    pub fn new(
        namespaced: bool,
        namespace: &str,
        labels: Selector,
        fields: &FieldSelector,
        known: &[String],
        indexed: &[usize],
    ) -> Result<Self, FieldError> {
        let mut predicate = Self {
            namespace: namespace.into(),
            namespaced,
            labels,
            fields: Vec::new(),
            names: Vec::new(),
            exact_name: None,
            indexed_field: None,
        };
        for requirement in fields.requirements() {
            let value: Box<str> = requirement.value.as_str().into();
            match requirement.field.as_str() {
                name @ ("metadata.name" | "metadata.namespace") => {
                    predicate
                        .names
                        .push((name == "metadata.name", value, requirement.negated));
                }
                field => {
                    let number = known
                        .iter()
                        .position(|k| !k.is_empty() && k == field)
                        .ok_or_else(|| FieldError(field.to_owned()))?;
                    predicate.fields.push((number, value, requirement.negated));
                }
            }
        }
        predicate.exact_name = fields.exact_match("metadata.name").map(Into::into);
        if let Some(wanted) = fields.exact_match("metadata.namespace").filter(|_| namespaced)
            && predicate.namespace.is_empty()
        {
            predicate.namespace = wanted.into();
        }
        let exact = predicate
            .fields
            .iter()
            .find(|(number, value, negated)| !negated && !value.is_empty() && indexed.contains(number));
        predicate.indexed_field = exact.map(|(number, value, _)| (*number, value.clone()));
        Ok(predicate)
    }

    /// The namespace looked at; empty for all.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether the resource has namespaces.
    #[must_use]
    pub fn namespaced(&self) -> bool {
        self.namespaced
    }

    /// The one name looked for.
    #[must_use]
    pub fn exact_name(&self) -> Option<&str> {
        self.exact_name.as_deref()
    }

    /// An exact requirement on an indexed field.
    #[must_use]
    pub fn exact_indexed_field(&self) -> Option<(usize, &str)> {
        self.indexed_field
            .as_ref()
            .map(|(number, value)| (*number, value.as_ref()))
    }

    /// An exact requirement on a label.
    #[must_use]
    pub fn exact_label(&self) -> Option<(&str, &str)> {
        self.labels
            .requirements()?
            .iter()
            .find_map(|r| Some((r.key(), r.exact_value()?)))
    }

    /// Whether nothing but the namespace is asked for.
    #[must_use]
    pub fn is_everything_in_namespace(&self) -> bool {
        self.labels.is_everything() && self.fields.is_empty() && self.names.is_empty()
    }

    /// Whether an object is wanted.
    #[must_use]
    pub fn matches(&self, object: &CachedObject) -> bool {
        (self.namespace.is_empty() || !self.namespaced || object.namespace() == &*self.namespace)
            && self.names.iter().all(|(of_name, value, negated)| {
                let actual = if *of_name { object.name() } else { object.namespace() };
                (actual == &**value) != *negated
            })
            && self.fields.iter().all(|(number, value, negated)| {
                object
                    .fields
                    .get(*number)
                    .is_some_and(|actual| (actual == value) != *negated)
            })
            && (self.labels.is_everything() || self.labels.matches(object))
    }

    /// How an event looks through this predicate; `None` if it does not show.
    #[must_use]
    pub fn event_type(&self, event: &Event) -> Option<EventType> {
        let now = event.object.as_ref().is_some_and(|object| self.matches(object));
        let before = event.previous.as_ref().is_some_and(|object| self.matches(object));
        match (before, now) {
            (false, true) => Some(EventType::Added),
            (true, true) => Some(EventType::Modified),
            (true, false) => Some(EventType::Deleted),
            (false, false) => None,
        }
    }
}
