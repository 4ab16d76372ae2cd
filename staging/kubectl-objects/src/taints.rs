//! Taints as `kubectl taint` writes and changes them (upstream: `cmd/taint/utils.go`).

use std::fmt;

use apimachinery::names::{label_value, qualified_name};
use serde_json::Value;

use crate::json::{list_at, object_at, text_at};
use crate::{Refusal, Result, refuse};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// A taint as it is written: `key=value:effect`, `key:effect` or `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value; may be empty.
    pub value: String,
    /// The effect; empty where every effect is meant.
    pub effect: String,
}

impl Taint {
    fn parse(text: &str) -> Result<Self> {
        let invalid = || refuse!("invalid taint spec: {text}");
        let named = |errors: Vec<String>| match errors.as_slice() {
            [] => Ok(()),
            errors => Err(refuse!("invalid taint spec: {text}, {}", errors.join("; "))),
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (key, value, effect) = match parts[..] {
            [key] => (key, "", ""),
            [pair, effect] => {
                if !EFFECTS.contains(&effect) {
                    return Err(refuse!("invalid taint effect: {effect}, unsupported taint effect"));
                }
                match pair.split('=').collect::<Vec<_>>()[..] {
                    [key] => (key, "", effect),
                    [key, value] => {
                        named(label_value(value))?;
                        (key, value, effect)
                    }
                    _ => return Err(invalid()),
                }
            }
            _ => return Err(invalid()),
        };
        named(qualified_name(key))?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
        })
    }

    /// Whether the two are about the same thing.
    fn matches(&self, taint: &Value) -> bool {
        text_at(taint, &["key"]) == self.key && text_at(taint, &["effect"]) == self.effect
    }

    fn to_value(&self) -> Value {
        let mut taint = Value::Null;
        let members = object_at(&mut taint, &[]);
        for (name, text) in [("key", &self.key), ("value", &self.value), ("effect", &self.effect)] {
            if !text.is_empty() {
                members.insert(name.to_owned(), text.as_str().into());
            }
        }
        taint
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.key)?;
        if !self.value.is_empty() {
            write!(out, "={}", self.value)?;
        }
        match (self.effect.as_str(), self.value.as_str()) {
            ("", "") => Ok(()),
            (effect, _) => write!(out, ":{effect}"),
        }
    }
}

/// What is to be done to a node's taints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that it is to have.
    pub add: Vec<Taint>,
    /// Those that it is not to have any more; their values do not matter.
    pub remove: Vec<Taint>,
}

impl Changes {
    /// The changes that the words of a command line mean; a dash at the end takes a taint away.
    ///
    /// # Errors
    /// A word is no taint, or two are about the same thing.
    pub fn parse(words: &[String]) -> Result<Self> {
        let mut changes = Self::default();
        for word in words {
            if let Some(taint) = word.strip_suffix('-') {
                let value = String::new();
                changes.remove.push(Taint {
                    value,
                    ..Taint::parse(taint)?
                });
                continue;
            }
            let taint = Taint::parse(word)?;
            if taint.effect.is_empty() {
                return Err(refuse!("invalid taint spec: {word}"));
            }
            let same = |other: &Taint| other.key == taint.key && other.effect == taint.effect;
            if changes.add.iter().any(same) {
                let Taint { key, value, effect } = taint;
                return Err(refuse!(
                    "duplicated taints with the same key and effect: {{{key} {value} {effect} <nil>}}"
                ));
            }
            changes.add.push(taint);
        }
        Ok(changes)
    }

    /// Refuses to add and to remove the same.
    ///
    /// # Errors
    /// Some taint is in both lists.
    pub fn check(&self) -> Result<()> {
        let mut conflicts = Vec::new();
        for add in &self.add {
            for remove in self.remove.iter().filter(|remove| remove.key == add.key) {
                if remove.effect.is_empty() || remove.effect == add.effect {
                    conflicts.push(format!("{}={}", remove.key, remove.effect));
                }
            }
        }
        if conflicts.is_empty() {
            return Ok(());
        }
        Err(refuse!(
            "can not both modify and remove the following taint(s) in the same command: {}",
            conflicts.join(", ")
        ))
    }

    /// Changes the node, and says what that was: `tainted`, `untainted` or `modified`.
    ///
    /// # Errors
    /// Without `overwrite`, the node has a taint that is to be added; it lacks some that are to be removed.
    pub fn apply(&self, node: &mut Value, overwrite: bool) -> Result<&'static str, Vec<Refusal>> {
        let old = list_at(node, &["spec", "taints"]).to_vec();
        if !overwrite {
            let existing: Vec<&str> = self
                .add
                .iter()
                .flat_map(|taint| old.iter().filter(|old| taint.matches(old)).map(|_| taint.key.as_str()))
                .collect();
            if !existing.is_empty() {
                return Err(vec![refuse!(
                    "node {} already has {} taint(s) with same effect(s) and --overwrite is false",
                    text_at(node, &["metadata", "name"]),
                    existing.join(",")
                )]);
            }
        }
        let mut taints: Vec<Value> = self.add.iter().map(Taint::to_value).collect();
        let kept = old
            .iter()
            .filter(|old| !self.add.iter().any(|taint| taint.matches(old)));
        taints.extend(kept.cloned());
        let added = taints.len() != old.len();
        let (mut absent, mut removed) = (Vec::new(), false);
        for taint in &self.remove {
            let before = taints.len();
            taints.retain(|old| {
                let same = if taint.effect.is_empty() {
                    text_at(old, &["key"]) == taint.key
                } else {
                    taint.matches(old)
                };
                !same
            });
            removed = taints.len() != before;
            if !removed {
                absent.push(refuse!("taint {:?} not found", taint.to_string()));
            }
        }
        if !absent.is_empty() {
            return Err(absent);
        }
        let spec = object_at(node, &["spec"]);
        if taints.is_empty() {
            spec.remove("taints");
        } else {
            spec.insert("taints".to_owned(), taints.into());
        }
        Ok(match (added, removed) {
            (true, true) => "modified",
            _ if overwrite => "modified",
            (true, false) => "tainted",
            (false, _) => "untainted",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(words: &str) -> Result<Changes> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        Changes::parse(&words)
    }

    #[test]
    fn words_are_taints() {
        for (words, expected) in [
            ("a=b:NoSchedule", Ok("a=b:NoSchedule")),
            ("a:NoExecute", Ok("a:NoExecute")),
            ("a", Err("invalid taint spec: a")),
            (
                "a=b",
                Err(
                    "invalid taint spec: a=b, name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                ),
            ),
            (
                "a=b:Never",
                Err("invalid taint effect: Never, unsupported taint effect"),
            ),
            ("a:b:NoSchedule", Err("invalid taint spec: a:b:NoSchedule")),
            ("a=b=c:NoSchedule", Err("invalid taint spec: a=b=c:NoSchedule")),
            (
                "a=1:NoSchedule a=2:NoSchedule",
                Err("duplicated taints with the same key and effect: {a 2 NoSchedule <nil>}"),
            ),
        ] {
            let added = changes(words).map(|changes| changes.add[0].to_string());
            assert_eq!(
                added.map_err(|error| error.0),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{words}"
            );
        }
        assert_eq!(
            changes("a=1:NoSchedule a-")
                .expect("changes")
                .check()
                .expect_err("refused")
                .0,
            "can not both modify and remove the following taint(s) in the same command: a="
        );
    }

    #[test]
    fn a_node_is_changed() {
        let node = || {
            json!({"metadata": {"name": "n"}, "spec": {"taints": [
                {"key": "a", "value": "1", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]}})
        };
        for (words, overwrite, expected) in [
            (
                "b=2:NoSchedule",
                false,
                Ok(("tainted", vec!["b=2:NoSchedule", "a=1:NoSchedule", "a=:NoExecute"])),
            ),
            (
                "a=2:NoSchedule",
                false,
                Err("node n already has a taint(s) with same effect(s) and --overwrite is false"),
            ),
            (
                "a=2:NoSchedule",
                true,
                Ok(("modified", vec!["a=2:NoSchedule", "a=:NoExecute"])),
            ),
            ("a:NoExecute-", false, Ok(("untainted", vec!["a=1:NoSchedule"]))),
            ("a-", false, Ok(("untainted", vec![]))),
            ("b=2:NoSchedule a-", false, Ok(("modified", vec!["b=2:NoSchedule"]))),
            ("c-", false, Err("taint \"c\" not found")),
            (
                "c- d:NoExecute-",
                false,
                Err("taint \"c\" not found, taint \"d:NoExecute\" not found"),
            ),
        ] {
            let mut node = node();
            let outcome = changes(words).expect("changes").apply(&mut node, overwrite);
            let taints: Vec<String> = list_at(&node, &["spec", "taints"])
                .iter()
                .map(|taint| {
                    format!(
                        "{}={}:{}",
                        text_at(taint, &["key"]),
                        text_at(taint, &["value"]),
                        text_at(taint, &["effect"])
                    )
                })
                .collect();
            let found = outcome.map(|done| (done, taints.iter().map(String::as_str).collect::<Vec<_>>()));
            let texts =
                |refusals: Vec<Refusal>| refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            assert_eq!(found.map_err(texts), expected.map_err(str::to_owned), "{words}");
        }
    }
}
