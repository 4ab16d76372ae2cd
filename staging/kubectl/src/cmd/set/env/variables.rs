//! `KEY=VALUE`, `KEY-` and `-` (upstream: `set/env`).

use apimachinery::names::env_var_name;
use k8s_api::primitives::quote;
use kubectl_objects::json::text_at;
use kubectl_objects::{Result, refuse};
use serde_json::{Value, json};

use cli_runtime::Input;

/// Resources and the words about variables behind them; `None` if a resource follows such a word.
pub(super) fn split_words(words: &[String]) -> Option<(&[String], &[String])> {
    let is_variable = |word: &String| word.find('=').is_some_and(|at| at > 0) || word.ends_with('-');
    let first = words.iter().position(is_variable).unwrap_or(words.len());
    let (resources, variables) = words.split_at(first);
    variables.iter().all(is_variable).then_some((resources, variables))
}

/// The variable for a key: upper case, with `_` for what a name cannot have.
pub(super) fn env_name(key: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    key.chars().map(letter).collect::<String>().to_ascii_uppercase()
}

/// What is to be set and what removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Variables {
    /// As containers hold them.
    pub(super) set: Vec<Value>,
    /// Names.
    pub(super) remove: Vec<String>,
}

impl Variables {
    /// Reads the words.
    ///
    /// # Errors
    /// A word is none of the forms, a name is malformed, a variable is both set and removed.
    pub(super) fn parse(specs: &[&String], input: &Input) -> Result<Self> {
        let (mut variables, mut named) = (Self::default(), Vec::new());
        for spec in specs {
            if *spec == "-" {
                let text = input.read_all().map_err(|error| refuse!("{error}"))?;
                variables.set.extend(lines(&String::from_utf8_lossy(&text)));
            } else if let Some((name, value)) = spec.split_once('=') {
                let errors = env_var_name(name);
                if !errors.is_empty() {
                    return Err(refuse!("{} is not a valid key name: {}", quote(name), errors.join(";")));
                }
                named.push(name);
                variables.set.push(json!({"name": name, "value": value}));
            } else if let Some(name) = spec.strip_suffix('-') {
                variables.remove.push(name.to_owned());
            } else {
                return Err(refuse!("unknown environment variable: {spec}"));
            }
        }
        if variables.remove.iter().any(|name| named.contains(&name.as_str())) {
            return Err(refuse!(
                "can not both modify and remove the same environment variable in the same command"
            ));
        }
        Ok(variables)
    }

    /// Refuses other values for variables that there are.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn check_overwrites(&self, existing: &[Value]) -> Result<()> {
        for variable in &self.set {
            let current = existing.iter().find(|known| known["name"] == variable["name"]);
            if let Some(current) = current
                && text_at(current, &["value"]) != text_at(variable, &["value"])
            {
                return Err(refuse!(
                    "'{}' already has a value ({}), and --overwrite is false",
                    text_at(current, &["name"]),
                    text_at(current, &["value"])
                ));
            }
        }
        Ok(())
    }

    /// An environment with these changes: what there is keeps its place, each name stands once.
    pub(super) fn update(&self, existing: &[Value]) -> Vec<Value> {
        let (mut updated, mut covered): (Vec<Value>, Vec<&str>) = (Vec::new(), Vec::new());
        covered.extend(self.remove.iter().map(String::as_str));
        let name = |variable: &'_ Value| text_at(variable, &["name"]).to_owned();
        for known in existing {
            let known_name = text_at(known, &["name"]);
            if covered.contains(&known_name) {
                continue;
            }
            match self.set.iter().find(|variable| name(variable) == known_name) {
                Some(newer) => {
                    covered.push(known_name);
                    updated.push(newer.clone());
                }
                None => updated.push(known.clone()),
            }
        }
        for variable in &self.set {
            let name = text_at(variable, &["name"]);
            if !covered.contains(&name) {
                covered.push(name);
                updated.push(variable.clone());
            }
        }
        updated
    }
}

/// The variables of a text, without comments.
fn lines(text: &str) -> Vec<Value> {
    let pairs = text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_once('=')
    });
    pairs
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

#[cfg(test)]
mod tests {
    use cli_runtime::IoStreams;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn resources_come_first() {
        for (text, expected) in [
            ("deploy/x A=b C-", Some((1, 2))),
            ("deploy x", Some((2, 0))),
            ("A=b deploy/x", None),
            ("deploy/x =b A=c", Some((2, 1))),
        ] {
            let words = words(text);
            let found = split_words(&words).map(|(resources, variables)| (resources.len(), variables.len()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn variables_are_read() {
        let streams = IoStreams::memory(b"X=y # no\nnothing\nZ=\n");
        for (text, expected) in [
            ("A=b=c D-", Ok((vec![("A", "b=c")], vec!["D"]))),
            ("-", Ok((vec![("X", "y "), ("Z", "")], vec![]))),
            (
                "A=b A-",
                Err("can not both modify and remove the same environment variable in the same command"),
            ),
            ("A", Err("unknown environment variable: A")),
        ] {
            let words = words(text);
            let specs: Vec<&String> = words.iter().collect();
            let found = Variables::parse(&specs, &streams.input).map_err(|error| error.0);
            let expected = expected.map_err(str::to_owned).map(|(set, remove)| Variables {
                set: set
                    .into_iter()
                    .map(|(name, value)| json!({"name": name, "value": value}))
                    .collect(),
                remove: remove.into_iter().map(str::to_owned).collect(),
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn environments_keep_their_order() {
        let variables = Variables {
            set: vec![json!({"name": "B", "value": "2"}), json!({"name": "D", "value": "4"})],
            remove: vec!["C".to_owned()],
        };
        let existing = [("A", "1"), ("B", "1"), ("C", "1")].map(|(name, value)| json!({"name": name, "value": value}));
        let updated = variables.update(&existing);
        let names: Vec<&str> = updated.iter().map(|variable| text_at(variable, &["name"])).collect();
        assert_eq!((names, updated[1]["value"].as_str()), (vec!["A", "B", "D"], Some("2")));
        let error = variables.check_overwrites(&existing).expect_err("refused");
        assert_eq!(error.0, "'B' already has a value (1), and --overwrite is false");
        assert_eq!(env_name("my.key-1"), "MY_KEY_1");
    }
}
