//! What `--for` says.

use cli_runtime::printers::jsonpath::{JsonPath, relaxed, scalar_text};
use cli_runtime::{Result, message};
use serde_json::Value;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// That there is an object.
    Create,
    /// That there is none.
    Delete,
    /// That a condition of the status has a value.
    Status {
        /// Its type.
        name: String,
        /// The value, in any case.
        value: String,
    },
    /// That a path leads to a value.
    Path {
        /// The path, in braces.
        path: String,
        /// The value; `None` for any.
        value: Option<String>,
    },
}

impl Condition {
    /// Reads what stands behind each `--for`.
    ///
    /// # Errors
    /// None is given, or one is none.
    pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Self>> {
        if texts.is_empty() {
            return Err(message!("unrecognized condition: []"));
        }
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    fn parse(text: &str) -> Result<Self> {
        match text.to_lowercase().as_str() {
            "delete" => return Ok(Self::Delete),
            "create" => return Ok(Self::Create),
            _ => {}
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, value) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Self::Status {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
        match text.strip_prefix("jsonpath=") {
            Some(input) => Self::path(input),
            None => Err(message!("unrecognized condition: {text:?}")),
        }
    }

    fn path(input: &str) -> Result<Self> {
        let parts = split(input);
        let (expression, value) = match parts.as_slice() {
            [expression] => (expression, None),
            [expression, value] => (expression, Some(value.trim_matches(['\'', '"']).to_owned())),
            _ => {
                return Err(message!(
                    "jsonpath wait format must be --for=jsonpath='{{.status.readyReplicas}}'=3 or --for=jsonpath='{{.status.readyReplicas}}'"
                ));
            }
        };
        let path = relaxed(expression).map_err(|error| message!("{error}"))?;
        if value.as_deref() == Some("") {
            return Err(message!(
                "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{{.status.readyReplicas}}'=3"
            ));
        }
        if path.is_empty() {
            return Err(message!("jsonpath expression cannot be empty"));
        }
        JsonPath::parse(&path).map_err(|error| message!("{error}"))?;
        Ok(Self::Path { path, value })
    }

    /// Whether the object is as it is waited for.
    ///
    /// # Errors
    /// The path leads to several values, or to one that cannot be compared.
    pub(super) fn is_met(&self, object: &Value) -> Result<bool> {
        match self {
            Self::Create => Ok(true),
            Self::Delete => Ok(false),
            Self::Status { name, value } => Ok(has_condition(object, name, value)),
            Self::Path { path, value } => leads_to(object, path, value.as_deref()),
        }
    }
}

/// The parts between single `=`; `==` belongs to the expression.
fn split(input: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = input.chars().peekable();
    while let Some(letter) = letters.next() {
        let part = parts.last_mut().expect("there is always one");
        match letter {
            '=' if letters.next_if_eq(&'=').is_some() => part.push_str("=="),
            '=' => parts.push(String::new()),
            other => part.push(other),
        }
    }
    parts
}

fn has_condition(object: &Value, name: &str, value: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    let same = |text: &Value, other: &str| {
        text.as_str()
            .is_some_and(|text| text.to_lowercase() == other.to_lowercase())
    };
    let Some(condition) = conditions
        .into_iter()
        .flatten()
        .find(|condition| same(&condition["type"], name))
    else {
        return false;
    };
    let observed = condition["observedGeneration"]
        .as_i64()
        .or(object["status"]["observedGeneration"].as_i64());
    // A condition about an older state of the object says nothing.
    if let (Some(observed), Some(generation)) = (observed, object["metadata"]["generation"].as_i64())
        && observed < generation
    {
        return false;
    }
    same(&condition["status"], value)
}

fn leads_to(object: &Value, path: &str, value: Option<&str>) -> Result<bool> {
    let path = JsonPath::parse(path)
        .map_err(|error| message!("{error}"))?
        .allow_missing_keys(true);
    let results = path.find(object).map_err(|error| message!("{error}"))?;
    let Some(first) = results.first().and_then(|list| list.first()) else {
        return Ok(false);
    };
    if results.len() > 1 {
        return Err(message!("given jsonpath expression matches more than one list"));
    }
    if results[0].len() > 1 {
        return Err(message!("given jsonpath expression matches more than one value"));
    }
    let Some(value) = value else { return Ok(true) };
    if first.is_object() || first.is_array() {
        return Err(message!(
            "jsonpath leads to a nested object or list which is not supported"
        ));
    }
    Ok(scalar_text(first).trim() == value.trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_read() {
        let status = |name: &str, value: &str| Condition::Status {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let path = |path: &str, value: Option<&str>| Condition::Path {
            path: path.to_owned(),
            value: value.map(str::to_owned),
        };
        for (text, expected) in [
            ("Delete", Ok(Condition::Delete)),
            ("create", Ok(Condition::Create)),
            ("condition=Ready", Ok(status("Ready", "true"))),
            ("condition=Ready=false", Ok(status("Ready", "false"))),
            (
                "jsonpath={.status.phase}=Running",
                Ok(path("{.status.phase}", Some("Running"))),
            ),
            ("jsonpath=.status.phase", Ok(path("{.status.phase}", None))),
            (
                "jsonpath={.a}=",
                Err(
                    "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
                ),
            ),
            (
                "jsonpath={.a}=1=2",
                Err(
                    "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'",
                ),
            ),
            ("ready", Err("unrecognized condition: \"ready\"")),
        ] {
            let found = Condition::parse(text).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn objects_meet_conditions() {
        let object = json!({
            "metadata": {"generation": 2},
            "spec": {"l": [1, 2]},
            "status": {"n": 3, "observedGeneration": 2, "conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Old", "status": "True", "observedGeneration": 1},
            ]},
        });
        for (text, expected) in [
            ("condition=ready", Ok(true)),
            ("condition=Ready=False", Ok(false)),
            ("condition=Old", Ok(false)),
            ("condition=Absent", Ok(false)),
            ("jsonpath={.status.n}=3", Ok(true)),
            ("jsonpath={.status.absent}", Ok(false)),
            (
                "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}=True",
                Ok(true),
            ),
            (
                "jsonpath={.spec.l[*]}=1",
                Err("given jsonpath expression matches more than one value"),
            ),
            (
                "jsonpath={.spec.l}=1",
                Err("jsonpath leads to a nested object or list which is not supported"),
            ),
        ] {
            let condition = Condition::parse(text).expect(text);
            let found = condition.is_met(&object).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }
}
