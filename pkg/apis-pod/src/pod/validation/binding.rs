//! Bindings of pods to nodes, and options of their logs.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::Binding;

/// Checks a binding: to a node, by name.
#[must_use]
pub fn validate_binding(binding: &Binding) -> ErrorList {
    let path = Path::new("target");
    let mut errors = ErrorList::new();
    if !["", "Node"].contains(&binding.target.kind.as_str()) {
        let supported = ["Node", "<empty>"];
        errors.push(Error::not_supported(
            &path.child("kind"),
            &binding.target.kind,
            &supported,
        ));
    }
    if binding.target.name.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    errors
}

/// What a client asks of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// No more than so many lines, the last ones.
    pub tail_lines: Option<i64>,
    /// No more than so many bytes.
    pub limit_bytes: Option<i64>,
    /// Nothing older than so many seconds.
    pub since_seconds: Option<i64>,
    /// Whether a time was given before which nothing is wanted.
    pub has_since_time: bool,
    /// `All`, `Stdout` or `Stderr`.
    pub stream: Option<String>,
}

/// Checks what a client asks of a log; `split` if a single stream may be asked for.
#[must_use]
pub fn validate_log_options(bounds: &LogBounds, split: bool) -> ErrorList {
    let mut errors = ErrorList::new();
    let root = Path::new("");
    if let Some(lines) = bounds.tail_lines.filter(|lines| *lines < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(Error::invalid(&Path::new("tailLines"), lines, detail));
    }
    if let Some(bytes) = bounds.limit_bytes.filter(|bytes| *bytes < 1) {
        let detail = "must be greater than 0";
        errors.push(Error::invalid(&Path::new("limitBytes"), bytes, detail));
    }
    match bounds.since_seconds {
        Some(_) if bounds.has_since_time => {
            let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(Error::forbidden(&root, detail));
        }
        Some(seconds) if seconds < 1 => {
            let detail = "must be greater than 0";
            errors.push(Error::invalid(&Path::new("sinceSeconds"), seconds, detail));
        }
        _ => {}
    }
    let path = Path::new("stream");
    match (split, bounds.stream.as_deref()) {
        (false, None) => {}
        (false, Some(_)) => errors.push(Error::forbidden(&path, "may not be specified")),
        (true, None) => errors.push(Error::required(&path, "must be specified")),
        (true, Some(stream)) => {
            let streams = ["All", "Stderr", "Stdout"];
            if !streams.contains(&stream) {
                errors.push(Error::not_supported(&path, stream, &streams));
            }
            if stream != "All" && bounds.tail_lines.is_some() {
                let detail = "`tailLines` and specific `stream` are mutually exclusive for now";
                errors.push(Error::forbidden(&root, detail));
            }
        }
    }
    errors
}
