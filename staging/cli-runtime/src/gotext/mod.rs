//! Texts as Go's libraries lay them out: aligned columns, durations for people, label lists.

mod duration;
mod tabwriter;
mod values;

pub use duration::{age, human_duration};
pub use tabwriter::TabWriter;
pub use values::{go_float, go_syntax, go_value};

use serde_json::Value;

/// `a=b,c=d` in the order of the keys, or `<none>`.
#[must_use]
pub fn format_labels(labels: Option<&Value>) -> String {
    let pairs: Vec<String> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() {
        "<none>".to_owned()
    } else {
        pairs.join(",")
    }
}
