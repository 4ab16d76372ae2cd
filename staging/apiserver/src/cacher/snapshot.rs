//! A state of one resource at one revision: persistent maps, so that a reader holds it for as long as it likes and a writer never waits.

use std::{ops::Bound, sync::Arc};

use imbl::{OrdMap, OrdSet};

use super::{CachedObject, Predicate};

/// All objects of a resource at one revision.
///
/// Cloning costs a few reference counts.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The revision: every change up to it is in, none after it.
    pub revision: u64,
    /// The revision of the latest change of any object; [`Snapshot::revision`] goes on without changes too.
    pub changed: u64,
    objects: OrdMap<Arc<str>, Arc<CachedObject>>,
    /// `(index term, object key)`; a term is a label (`l:key=value`) or an indexed field (`f:N=value`).
    terms: OrdSet<(Arc<str>, Arc<str>)>,
}

/// Index term of a label.
fn label_term(key: &str, value: &str) -> Arc<str> {
    format!("l:{key}={value}").into()
}

/// Index term of the selectable field with this number.
fn field_term(field: usize, value: &str) -> Arc<str> {
    format!("f:{field}={value}").into()
}

/// The terms under which an object is found.
fn terms<'a>(object: &'a CachedObject, indexed_fields: &'a [usize]) -> impl Iterator<Item = Arc<str>> + 'a {
    let labels = object.labels.iter().map(|(key, value)| label_term(key, value));
    let fields = indexed_fields.iter().filter_map(|&field| {
        let value = object.fields.get(field)?;
        (!value.is_empty()).then(|| field_term(field, value))
    });
    labels.chain(fields)
}

impl Snapshot {
    /// Number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Every object, in key order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<CachedObject>> {
        self.objects.values()
    }

    /// The revision of the last change; looks at every object.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.objects
            .values()
            .map(|object| object.resource_version)
            .max()
            .unwrap_or_default()
    }

    /// The object under a relative key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Arc<CachedObject>> {
        self.objects.get(key)
    }

    /// The objects of a namespace, or all of them for an empty one, in key order.
    pub fn below(&self, namespace: &str) -> impl Iterator<Item = &Arc<CachedObject>> + use<'_> {
        let (start, end): (Arc<str>, Option<Arc<str>>) = match namespace {
            "" => ("".into(), None),
            // `0` follows `/`: the end of the namespace.
            namespace => (format!("{namespace}/").into(), Some(format!("{namespace}0").into())),
        };
        let bounds = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        self.objects.range(bounds).map(|(_, object)| object)
    }

    /// The objects of a namespace (all of them for an empty one) that have this label, in key order.
    pub fn labelled(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
    ) -> impl Iterator<Item = &Arc<CachedObject>> + use<'_> {
        let term = label_term(key, value);
        let start: Arc<str> = match namespace {
            "" => "".into(),
            namespace => format!("{namespace}/").into(),
        };
        let inside = start.clone();
        self.terms
            .range((term.clone(), start)..)
            .take_while(move |(found, key)| *found == term && key.starts_with(&*inside))
            .filter_map(|(_, key)| self.objects.get(key))
    }

    /// Puts an object in place of the one under its key, which is returned.
    pub(crate) fn insert(&mut self, object: Arc<CachedObject>, indexed_fields: &[usize]) -> Option<Arc<CachedObject>> {
        let previous = self.objects.insert(object.key.clone(), object.clone());
        if let Some(previous) = &previous {
            let same_labels = previous.labels == object.labels;
            let same_fields = indexed_fields
                .iter()
                .all(|&f| previous.fields.get(f) == object.fields.get(f));
            if same_labels && same_fields {
                return Some(previous.clone());
            }
            self.remove_terms(previous, indexed_fields);
        }
        for term in terms(&object, indexed_fields) {
            self.terms.insert((term, object.key.clone()));
        }
        previous
    }

    /// Takes the object under `key` out.
    pub(crate) fn remove(&mut self, key: &str, indexed_fields: &[usize]) -> Option<Arc<CachedObject>> {
        let previous = self.objects.remove(key)?;
        self.remove_terms(&previous, indexed_fields);
        Some(previous)
    }

    fn remove_terms(&mut self, object: &CachedObject, indexed_fields: &[usize]) {
        for term in terms(object, indexed_fields) {
            self.terms.remove(&(term, object.key.clone()));
        }
    }

    /// The objects below a namespace (all of them for an empty one) that match, in key order, from behind `after` on.
    pub fn select<'s>(
        &'s self,
        predicate: &'s Predicate,
        after: Option<&str>,
    ) -> Box<dyn Iterator<Item = &'s Arc<CachedObject>> + Send + 's> {
        let namespace = predicate.namespace();
        if let Some(name) = predicate.exact_name() {
            let key = if namespace.is_empty() {
                name.to_owned()
            } else {
                format!("{namespace}/{name}")
            };
            // Without a namespace a namespaced object cannot be named by its name alone.
            if !namespace.is_empty() || !predicate.namespaced() {
                let found = self
                    .objects
                    .get(key.as_str())
                    .filter(|_| after.is_none_or(|after| key.as_str() > after));
                return Box::new(found.into_iter().filter(move |object| predicate.matches(object)));
            }
        }
        let start: Arc<str> = match (after, namespace) {
            (Some(after), _) => format!("{after}\0").into(),
            (None, "") => "".into(),
            (None, namespace) => format!("{namespace}/").into(),
        };
        // `0` follows `/`: the end of the namespace.
        let end: Option<Arc<str>> = (!namespace.is_empty()).then(|| format!("{namespace}0").into());
        if let Some(term) = self.cheapest_term(predicate) {
            let from = (term.clone(), start);
            let in_namespace = move |key: &Arc<str>| end.as_ref().is_none_or(|end| key < end);
            return Box::new(
                self.terms
                    .range(from..)
                    .take_while(move |(found, key)| *found == term && in_namespace(key))
                    .filter_map(|(_, key)| self.objects.get(key))
                    .filter(move |object| predicate.matches(object)),
            );
        }
        let bounds = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        let objects = self.objects.range(bounds).map(|(_, object)| object);
        if predicate.is_everything_in_namespace() {
            return Box::new(objects);
        }
        Box::new(objects.filter(move |object| predicate.matches(object)))
    }

    /// An exact requirement that the index answers, if the predicate holds one.
    fn cheapest_term(&self, predicate: &Predicate) -> Option<Arc<str>> {
        predicate
            .exact_indexed_field()
            .map(|(field, value)| field_term(field, value))
            .or_else(|| predicate.exact_label().map(|(key, value)| label_term(key, value)))
    }
}
