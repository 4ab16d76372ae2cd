//! Objects that are counted and nothing else.

use super::number;
use crate::{
    evaluator::{Evaluator, Item, Operation, Write},
    list::ResourceList,
};

/// The name under which a quota bounds the number of objects: `count/RESOURCE.GROUP`.
#[must_use]
pub fn object_count_name(group: &str, resource: &str) -> String {
    if group.is_empty() {
        format!("count/{resource}")
    } else {
        format!("count/{resource}.{group}")
    }
}

/// Counts the objects of any resource.
#[derive(Clone, Debug)]
pub struct ObjectCount {
    group: String,
    resource: String,
    names: Vec<String>,
}

impl ObjectCount {
    /// Counts under the generic name.
    #[must_use]
    pub fn new(group: &str, resource: &str) -> Self {
        Self {
            names: vec![object_count_name(group, resource)],
            group: group.to_owned(),
            resource: resource.to_owned(),
        }
    }

    /// Counts under another name as well.
    #[must_use]
    pub fn with_alias(group: &str, resource: &str, alias: &str) -> Self {
        let mut evaluator = Self::new(group, resource);
        evaluator.names.push(alias.to_owned());
        evaluator
    }
}

impl Evaluator for ObjectCount {
    fn group_resource(&self) -> (&str, &str) {
        (&self.group, &self.resource)
    }

    fn handles(&self, write: &Write<'_>) -> bool {
        write.subresource.is_empty() && write.operation == Operation::Create
    }

    fn counts(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    fn usage(&self, _namespace: &str, _item: Item<'_>, _now: jiff::Timestamp) -> ResourceList {
        self.names.iter().map(|name| (name.clone(), number(1))).collect()
    }
}
