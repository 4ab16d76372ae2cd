//! `KEY=VALUE` and `KEY-` of `label` and `annotate` (upstream: `cmdutil.ParsePairs`, `label.parseLabels`).

use std::collections::BTreeMap;

use apimachinery::names::label_value;
use k8s_api::primitives::quote;
use serde_json::Value;

use crate::json::object_at;
use crate::{Result, refuse};

/// Whether a map of labels or of annotations is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// `metadata.labels`.
    Labels,
    /// `metadata.annotations`.
    Annotations,
}

impl Members {
    /// One of them: `label`.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Labels => "label",
            Self::Annotations => "annotation",
        }
    }

    /// The member of the metadata: `labels`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }
}

/// The annotation that may be overwritten at any time.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// The pairs of words that are nothing else (upstream: `cmdutil.ParsePairs` without removals).
///
/// # Errors
/// Words are no pairs; `what` says what they should be.
pub fn parse_pairs(words: &[String], what: &str) -> Result<BTreeMap<String, String>> {
    let (mut pairs, mut invalid) = (BTreeMap::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                pairs.insert(key.to_owned(), value.to_owned());
            }
            _ => invalid.push(word.as_str()),
        }
    }
    if invalid.is_empty() {
        Ok(pairs)
    } else {
        Err(refuse!("invalid {what} format: {}", invalid.join(", ")))
    }
}

/// What is to be set and what removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// To set.
    pub set: BTreeMap<String, String>,
    /// To remove.
    pub remove: Vec<String>,
}

/// The words that name objects, and behind them those that are pairs.
///
/// # Errors
/// An object is named behind a pair.
pub fn split_words<'w>(words: &'w [String], what: &str) -> Result<(&'w [String], &'w [String])> {
    let is_pair =
        |word: &String| (word.contains('=') && !word.starts_with('=')) || (word.ends_with('-') && word != "-");
    let first = words.iter().position(is_pair).unwrap_or(words.len());
    let (resources, pairs) = words.split_at(first);
    match pairs.iter().find(|word| !is_pair(word)) {
        Some(word) => Err(refuse!("all resources must be specified before {what} changes: {word}")),
        None => Ok((resources, pairs)),
    }
}

impl Pairs {
    /// Reads the words.
    ///
    /// # Errors
    /// A word is neither pair nor removal; a label's value is none; something is both set and removed.
    pub fn parse(words: &[String], members: Members) -> Result<Self> {
        let pairs = match members {
            Members::Labels => Self::labels(words)?,
            Members::Annotations => Self::annotations(words)?,
        };
        let both: Vec<_> = pairs
            .remove
            .iter()
            .filter(|key| pairs.set.contains_key(*key))
            .cloned()
            .collect();
        match members {
            _ if both.is_empty() => Ok(pairs),
            Members::Labels => Err(refuse!("can not both modify and remove a label in the same command")),
            Members::Annotations => Err(refuse!(
                "can not both modify and remove the following annotation(s) in the same command: {}",
                both.join(", ")
            )),
        }
    }

    fn labels(words: &[String]) -> Result<Self> {
        let mut pairs = Self::default();
        for word in words {
            if let Some((key, value)) = word.split_once('=') {
                if value.contains('=') {
                    return Err(refuse!("invalid label spec: {word}"));
                }
                let errors = label_value(value);
                if !errors.is_empty() {
                    return Err(refuse!("invalid label value: {}: {}", quote(word), errors.join(";")));
                }
                pairs.set.insert(key.to_owned(), value.to_owned());
            } else if let Some(key) = word.strip_suffix('-') {
                pairs.remove.push(key.to_owned());
            } else {
                return Err(refuse!("unknown label spec: {word}"));
            }
        }
        Ok(pairs)
    }

    fn annotations(words: &[String]) -> Result<Self> {
        let (mut pairs, mut invalid) = (Self::default(), Vec::new());
        for word in words {
            match (word.split_once('='), word.strip_suffix('-')) {
                (Some((key, value)), _) if !key.is_empty() => {
                    pairs.set.insert(key.to_owned(), value.to_owned());
                }
                (_, Some(key)) if !key.is_empty() => pairs.remove.push(key.to_owned()),
                _ => invalid.push(word.as_str()),
            }
        }
        if invalid.is_empty() {
            Ok(pairs)
        } else {
            Err(refuse!("invalid annotation format: {}", invalid.join(", ")))
        }
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Changes the object; says whether something was set and whether something was removed.
    ///
    /// # Errors
    /// Without `overwrite`, a key has another value already.
    pub fn apply(&self, object: &mut Value, members: Members, overwrite: bool) -> Result<(bool, bool)> {
        let map = object_at(object, &["metadata", members.plural()]);
        if !overwrite {
            let taken: Vec<_> = self
                .set
                .iter()
                .filter(|(key, _)| members == Members::Labels || *key != CHANGE_CAUSE)
                .filter_map(|(key, value)| Some((key, map.get(key)?.as_str()?, value)))
                .filter(|(_, current, value)| current != value)
                .collect();
            if !taken.is_empty() {
                return Err(already(members, &taken));
            }
        }
        let (mut added, mut removed) = (false, false);
        for (key, value) in &self.set {
            let value = Value::from(value.as_str());
            added |= map.get(key) != Some(&value);
            map.insert(key.clone(), value);
        }
        for key in &self.remove {
            removed |= map.remove(key).is_some();
        }
        if map.is_empty() {
            object_at(object, &["metadata"]).remove(members.plural());
        }
        Ok((added, removed))
    }
}

fn already(members: Members, taken: &[(&String, &str, &String)]) -> crate::Refusal {
    match members {
        Members::Labels => {
            let texts: Vec<_> = taken
                .iter()
                .map(|(key, current, _)| format!("'{key}' already has a value ({current}), and --overwrite is false"))
                .collect();
            match texts.as_slice() {
                [one] => refuse!("{one}"),
                many => refuse!("[{}]", many.join(", ")),
            }
        }
        Members::Annotations => {
            let texts: Vec<_> = taken
                .iter()
                .map(|(key, current, _)| format!("'{key}' already has a value ({current})"))
                .collect();
            refuse!(
                "--overwrite is false but found the following declared annotation(s): {}",
                texts.join("; ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_split() {
        for (text, expected) in [
            ("pods x a=b c-", Ok((2, 2))),
            ("pods x", Ok((2, 0))),
            (
                "pods a=b x",
                Err("all resources must be specified before label changes: x"),
            ),
        ] {
            let words = words(text);
            let found = split_words(&words, "label")
                .map(|(a, b)| (a.len(), b.len()))
                .map_err(|error| error.0);
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn pairs_are_read() {
        for (members, text, error) in [
            (Members::Labels, "a=b=c", "invalid label spec: a=b=c"),
            (Members::Labels, "a", "unknown label spec: a"),
            (
                Members::Labels,
                "a=b a-",
                "can not both modify and remove a label in the same command",
            ),
            (Members::Annotations, "=b a", "invalid annotation format: =b, a"),
            (
                Members::Annotations,
                "a=b a-",
                "can not both modify and remove the following annotation(s) in the same command: a",
            ),
        ] {
            assert_eq!(Pairs::parse(&words(text), members).expect_err(text).0, error);
        }
        let error = Pairs::parse(&words("a=b*"), Members::Labels).expect_err("no value").0;
        assert!(
            error.starts_with("invalid label value: \"a=b*\": a valid label must be an empty string or"),
            "{error}"
        );
        let pairs = Pairs::parse(&words("a=b=c d-"), Members::Annotations).expect("pairs");
        assert_eq!(pairs.set["a"], "b=c");
        assert_eq!(pairs.remove, ["d"]);
    }

    #[test]
    fn values_are_overwritten_only_if_asked() {
        let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
        for (text, overwrite, expected) in [
            ("a=1", false, Ok((false, false))),
            ("c=1 b-", false, Ok((true, true))),
            ("a=2", true, Ok((true, false))),
            (
                "a=2",
                false,
                Err("'a' already has a value (1), and --overwrite is false"),
            ),
            (
                "a=2 b=3",
                false,
                Err(
                    "['a' already has a value (1), and --overwrite is false, 'b' already has a value (2), and --overwrite is false]",
                ),
            ),
        ] {
            let pairs = Pairs::parse(&words(text), Members::Labels).expect("pairs");
            let found = pairs
                .apply(&mut object.clone(), Members::Labels, overwrite)
                .map_err(|error| error.0);
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }
}
