//! What is known of a request while it waits or is carried out, for dumps.

use std::sync::Arc;

use apiserver_auth::authorization::Attributes;

use crate::matching::Schema;

/// Who asks, verb, path, namespace, name, API group, API version, resource, subresource.
const DETAILS: usize = 9;

/// A request as dumps show it.
///
/// Every request has one and few are ever looked at, so the texts lie behind one another in one piece.
pub(crate) struct Description {
    pub(crate) schema: Arc<Schema>,
    pub(crate) arrived: jiff::Timestamp,
    /// By what the flow is told from others, then the details.
    text: Box<str>,
    /// Where the parts of `text` end.
    ends: [usize; 1 + DETAILS],
}

impl Description {
    pub(crate) fn new(schema: &Arc<Schema>, flow: &str, attributes: &Attributes<'_>) -> Self {
        let parts = [
            flow,
            &attributes.user.name,
            attributes.verb,
            attributes.path,
            attributes.namespace,
            attributes.name,
            attributes.api_group,
            attributes.api_version,
            attributes.resource,
            attributes.subresource,
        ];
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            text.push_str(part);
            text.len()
        });
        Self {
            schema: schema.clone(),
            arrived: jiff::Timestamp::now(),
            text: text.into(),
            ends,
        }
    }

    fn part(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }

    /// By what the flow is told from others.
    pub(crate) fn flow(&self) -> &str {
        self.part(0)
    }

    /// User, verb, path, namespace, name, group and version, resource, subresource.
    pub(crate) fn details(&self) -> [String; 8] {
        let [user, verb, path, namespace, name, group, version, resource, subresource] =
            std::array::from_fn(|index| self.part(1 + index));
        let version = if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        };
        let text = str::to_owned;
        [
            text(user),
            text(verb),
            text(path),
            text(namespace),
            text(name),
            version,
            text(resource),
            text(subresource),
        ]
    }
}
