//! Children whose label values are known beforehand.

use std::sync::OnceLock;

use super::{Family, LabelValues};

/// `N` children of a family, to be had by number for a few nanoseconds. Each is published from its first use on, as if it
/// had been asked for then.
pub struct Children<V: LabelValues, const N: usize> {
    family: Family<V>,
    labels: Box<dyn Fn(usize) -> Vec<String> + Send + Sync>,
    known: [OnceLock<V::Metric>; N],
}

impl<V: LabelValues, const N: usize> Children<V, N> {
    /// Children of `family`; `labels` are the values of each by its number.
    pub fn new(family: Family<V>, labels: impl Fn(usize) -> Vec<String> + Send + Sync + 'static) -> Self {
        Self {
            family,
            labels: Box::new(labels),
            known: [const { OnceLock::new() }; N],
        }
    }

    /// The values of a family with one label.
    pub fn of_values(family: Family<V>, values: [&'static str; N]) -> Self {
        Self::new(family, move |number| vec![values[number].to_owned()])
    }

    /// The child of this number.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn get(&self, number: usize) -> &V::Metric {
        self.known[number].get_or_init(|| {
            let labels = (self.labels)(number);
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            self.family.with(&labels)
        })
    }
}

impl<V: LabelValues, const N: usize> std::fmt::Debug for Children<V, N> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Children")
            .field("number", &N)
            .finish_non_exhaustive()
    }
}
