//! Label selectors as text (upstream: `metav1.ParseToLabelSelector`).

use apimachinery::field::Path;
use apimachinery::selectors::Selector;
use serde_json::{Value, json};

use crate::{Refusal, Result, refuse};

/// A `metav1.LabelSelector`.
///
/// # Errors
/// The text does not follow the grammar, or has an operator that objects cannot hold.
pub fn parse(text: &str) -> Result<Value> {
    let selector = Selector::parse(text, &Path::NIL)
        .map_err(|error| refuse!("couldn't parse the selector string \"{text}\": {error}"))?;
    let selector = selector.to_api().map_err(|error| Refusal(error.to_string()))?;
    Ok(json!(selector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read() {
        for (text, expected) in [
            ("a=b,c==d", Ok(json!({"matchLabels": {"a": "b", "c": "d"}}))),
            (
                "a in (x,y)",
                Ok(json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]})),
            ),
            ("a!=b", Err("\"!=\" is not a valid label selector operator")),
            (
                "a=(",
                Err(
                    "couldn't parse the selector string \"a=(\": unable to parse requirement: found '(', expected: identifier",
                ),
            ),
        ] {
            assert_eq!(parse(text).map_err(|error| error.0), expected.map_err(str::to_owned));
        }
    }
}
