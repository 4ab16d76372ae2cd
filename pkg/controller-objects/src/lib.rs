//! What several controllers do to the same objects: taints and conditions of nodes, conditions and statuses of pods,
//! finalizers.
//!
//! Pure functions over the types, and the writes that must be done in one way only. *Deliberate absence*: queues, caches
//! and the rest of the controllers' frame. Upstream counterparts: `pkg/controller/util/node`, `pkg/util/{pod,node,taints,slice}`.

pub mod finalizers;
pub mod nodes;
pub mod pods;

#[cfg(test)]
mod tests;

use client_go::Error;

/// Whether a server refuses a creation because the namespace is on its way out.
#[must_use]
pub fn is_namespace_terminating(error: &Error) -> bool {
    error
        .status()
        .is_some_and(|status| status.cause("NamespaceTerminating").is_some())
}

/// Several errors as one text, as Go's aggregates print them: each once, in brackets unless there is only one.
#[must_use]
pub fn aggregate(errors: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for error in errors {
        if !distinct.contains(&error.as_str()) {
            distinct.push(error);
        }
    }
    match distinct.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}
