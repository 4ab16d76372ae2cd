//! What a step expects, and whether an outcome is that.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

/// What came of a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// What was written, or the values found, one a line.
    pub(crate) text: String,
    /// The values found by a `get`.
    pub(crate) values: Vec<Value>,
    /// The exit code of a command, 0 for a request that was answered.
    pub(crate) code: i32,
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Texts {
    fn iter(&self) -> impl Iterator<Item = &String> {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts.as_slice(),
        }
        .iter()
    }
}

/// What is expected of an [`Outcome`]; what is not said is not looked at, but for the exit code.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Expectation {
    /// The one value, or the list of them; for a command its output without surrounding space.
    is: Option<Value>,
    /// How many values there are; lines, for a command.
    count: Option<usize>,
    /// Parts of the text.
    contains: Option<Texts>,
    /// No part of the text.
    lacks: Option<Texts>,
    /// Regular expressions that the text has a match for.
    matches: Option<Texts>,
    /// The command fails; anything that expects a text looks at both its outputs.
    #[serde(default)]
    fails: bool,
}

impl Expectation {
    /// Whether a command that succeeds is all that is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.is.is_none()
            && self.count.is_none()
            && self.contains.is_none()
            && self.lacks.is_none()
            && self.matches.is_none()
            && !self.fails
    }

    /// What of it does not hold; nothing when all does. `expand` puts in what variables stand for.
    pub(crate) fn complaint(&self, outcome: &Outcome, expand: impl Fn(&str) -> String) -> Option<String> {
        if self.fails != (outcome.code != 0) {
            return Some(format!("exit code {}", outcome.code));
        }
        let text = outcome.text.trim();
        if let Some(want) = &self.is {
            let want = &match want {
                Value::String(text) => Value::String(expand(text)),
                other => other.clone(),
            };
            let written = want.to_string();
            let same = match (want, outcome.values.as_slice()) {
                (Value::Array(_), values) if !values.is_empty() => want == &Value::Array(values.to_vec()),
                (want, [value]) => want == value,
                (Value::String(want), []) => want.trim() == text,
                (_, []) => written == text,
                _ => false,
            };
            if !same {
                return Some(format!("is not {want}"));
            }
        }
        if let Some(want) = self.count {
            let count = if outcome.values.is_empty() {
                text.lines().count()
            } else {
                outcome.values.len()
            };
            if count != want {
                return Some(format!("{count} instead of {want}"));
            }
        }
        let parts = |texts: &Option<Texts>| -> Vec<String> {
            texts.iter().flat_map(Texts::iter).map(|part| expand(part)).collect()
        };
        if let Some(part) = parts(&self.contains).into_iter().find(|part| !text.contains(part)) {
            return Some(format!("does not contain {part:?}"));
        }
        if let Some(part) = parts(&self.lacks).into_iter().find(|part| text.contains(part)) {
            return Some(format!("contains {part:?}"));
        }
        for pattern in self.matches.iter().flat_map(Texts::iter) {
            match Regex::new(pattern) {
                Ok(regex) if regex.is_match(text) => {}
                Ok(_) => return Some(format!("does not match {pattern:?}")),
                Err(error) => return Some(format!("{pattern:?} is no regular expression: {error}")),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(text: &str, code: i32) -> Outcome {
        Outcome {
            text: text.into(),
            code,
            ..Outcome::default()
        }
    }

    fn values(values: Value) -> Outcome {
        let values = values.as_array().unwrap().clone();
        let text = values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Outcome { text, values, code: 0 }
    }

    #[test]
    fn expectations() {
        for (expectation, outcome, want) in [
            ("{}", outcome("", 0), None),
            ("{}", outcome("", 1), Some("exit code 1")),
            ("fails: true", outcome("", 0), Some("exit code 0")),
            ("is: a", outcome(" a\n", 0), None),
            ("is: 3", outcome("3\n", 0), None),
            ("is: a", outcome("b", 0), Some("is not \"a\"")),
            ("is: 3", values(json!([3])), None),
            ("is: 3", values(json!([3, 3])), Some("is not 3")),
            ("is: [a, b]", values(json!(["a", "b"])), None),
            ("is: [a, b]", values(json!(["a"])), Some("is not [\"a\",\"b\"]")),
            ("count: 2", values(json!([1, 2])), None),
            ("count: 0", values(json!([])), None),
            ("count: 2", outcome("a", 0), Some("1 instead of 2")),
            ("contains: [a, c]", outcome("abc", 0), None),
            ("contains: d", outcome("abc", 0), Some("does not contain \"d\"")),
            ("lacks: b", outcome("abc", 0), Some("contains \"b\"")),
            ("matches: ^a.c$", outcome("abc\n", 0), None),
            ("matches: ^b", outcome("abc", 0), Some("does not match \"^b\"")),
        ] {
            let read: Expectation = serde_saphyr::from_str(expectation).unwrap();
            assert_eq!(
                read.complaint(&outcome, str::to_owned).as_deref(),
                want,
                "{expectation} of {outcome:?}"
            );
        }
    }
}
