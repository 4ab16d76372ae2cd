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

use std::time::Duration;

use client_go::Error;
use client_go::wait::jitter;

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

/// Calls `change` until it ends otherwise than in a conflict, `attempts` times at most, with pauses of `pause` up to twice
/// as long. It must read the object anew each time.
///
/// # Errors
/// Its last error.
pub async fn retry_on_conflict<T, F>(attempts: u32, pause: Duration, mut change: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..attempts {
        match change().await {
            Err(error) if error.is_conflict() => tokio::time::sleep(jitter(pause, 1.0)).await,
            outcome => return outcome,
        }
    }
    change().await
}
