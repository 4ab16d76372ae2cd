//! Amounts of the measured resources, and the order of those who use them.

use std::cmp::Ordering;

use k8s_api::primitives::Quantity;
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};

/// The resources that are shown; the last one only if it is asked for.
pub(super) const MEASURED: [&str; 3] = ["cpu", "memory", "swap"];

/// Amounts by resource, in the order of [`MEASURED`].
#[derive(Clone, Debug, Default)]
pub(super) struct Usage([Option<Quantity>; MEASURED.len()]);

impl Usage {
    /// The amounts of a resource list of the API.
    ///
    /// # Errors
    /// An amount that is no quantity.
    pub(super) fn of(list: &Value) -> Result<Self> {
        let mut usage = Self::default();
        for (amount, resource) in usage.0.iter_mut().zip(MEASURED) {
            let text = match &list[resource] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            *amount = Some(text.parse().map_err(|error| message!("{error}"))?);
        }
        Ok(usage)
    }

    /// The sum of a pod's containers.
    ///
    /// # Errors
    /// An amount that is no quantity.
    pub(super) fn of_pod(metrics: &Value) -> Result<Self> {
        let mut sum = Self::default();
        for container in metrics["containers"].as_array().into_iter().flatten() {
            sum.add(&Self::of(&container["usage"])?);
        }
        Ok(sum)
    }

    /// Adds what another uses.
    pub(super) fn add(&mut self, other: &Self) {
        for (amount, other) in self.0.iter_mut().zip(&other.0) {
            if let Some(other) = other {
                amount.get_or_insert_default().add(other);
            }
        }
    }

    /// Sets the amount of swap.
    pub(super) fn set_swap(&mut self, bytes: i64) {
        self.0[2] = Some(Quantity::from(bytes));
    }

    /// The amount of the resource at a place of [`MEASURED`].
    pub(super) fn get(&self, resource: usize) -> Option<&Quantity> {
        self.0[resource].as_ref()
    }

    fn milli(&self, resource: usize) -> i64 {
        self.get(resource).map_or(0, Quantity::milli_value)
    }

    fn value(&self, resource: usize) -> i64 {
        self.get(resource).map_or(0, Quantity::value)
    }

    /// The amount as it is shown: CPU in thousandths, the others in mebibytes.
    pub(super) fn text(&self, resource: usize) -> String {
        if resource == 0 {
            format!("{}m", self.milli(resource))
        } else {
            format!("{}Mi", self.value(resource) / (1024 * 1024))
        }
    }

    /// How much of what there is is used, in whole percent; `None` if it is not known how much there is.
    pub(super) fn percent(&self, resource: usize, available: &Self) -> Option<i64> {
        let available = available.get(resource)?;
        if available.is_zero() {
            return Some(0);
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "the fraction is computed in floats and cut, as upstream does"
        )]
        let percent = (self.milli(resource) as f64 / available.milli_value() as f64 * 100.0) as i64;
        Some(percent)
    }
}

/// What is sorted by: names go up, amounts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortBy {
    Name,
    Cpu,
    Memory,
}

/// One who uses resources: a node, a pod or a container.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// Empty unless namespaces are shown.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) usage: Usage,
    /// A pod's, if they are shown.
    pub(super) containers: Vec<User>,
}

impl User {
    /// Which of two comes first.
    pub(super) fn compare(&self, other: &Self, by: SortBy) -> Ordering {
        match by {
            SortBy::Name => (&self.namespace, &self.name).cmp(&(&other.namespace, &other.name)),
            SortBy::Cpu => other.usage.milli(0).cmp(&self.usage.milli(0)),
            SortBy::Memory => other.usage.value(1).cmp(&self.usage.value(1)),
        }
    }

    /// A node, or a container.
    ///
    /// # Errors
    /// An amount that is no quantity.
    pub(super) fn new(name: &str, list: &Value) -> Result<Self> {
        Ok(Self {
            namespace: String::new(),
            name: name.to_owned(),
            usage: Usage::of(list)?,
            containers: Vec::new(),
        })
    }

    /// A pod with its containers.
    ///
    /// # Errors
    /// An amount that is no quantity.
    pub(super) fn of_pod(metrics: &Value, with_namespace: bool) -> Result<Self> {
        let containers = metrics["containers"].as_array().into_iter().flatten();
        let containers = containers.map(|container| Self::new(text_at(container, &["name"]), &container["usage"]));
        let namespace = if with_namespace {
            text_at(metrics, &["metadata", "namespace"])
        } else {
            ""
        };
        Ok(Self {
            namespace: namespace.to_owned(),
            name: text_at(metrics, &["metadata", "name"]).to_owned(),
            usage: Usage::of_pod(metrics)?,
            containers: containers.collect::<Result<_>>()?,
        })
    }
}
