//! Paths to values as replacements and variables write them: `spec.containers.[name=web].image`, `data.*`, `list.0`.

use regex::Regex;
use serde_json::{Map, Value};

use crate::Result;
use crate::error::refuse;
use crate::fields::{split_path, wrong_kind};
use crate::yaml::{self, scalar_text};

/// The way to one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A member of an object.
    Member(String),
    /// An element of a list.
    Element(usize),
}

/// A path in parts; what stands in brackets is one part, which keeps them if it has an equal sign in it.
pub(crate) fn parts(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = split_path(path, '.').into_iter();
    while let Some(part) = rest.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            found.push(part);
            continue;
        }
        let mut bracketed = vec![part];
        for part in rest.by_ref() {
            let last = part.ends_with(']');
            bracketed.push(part);
            if last {
                break;
            }
        }
        let bracketed = bracketed.join(".");
        found.push(if bracketed.contains('=') {
            bracketed
        } else {
            bracketed.trim_matches(['[', ']']).to_owned()
        });
    }
    found
}

/// `[name=value]`; the name may be missing.
fn entry(part: &str) -> Option<(&str, &str)> {
    part.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

fn index(part: &str) -> Option<usize> {
    part.parse().ok()
}

/// The value that a path leads to, if there is one; the first that fits where several do.
///
/// # Errors
/// The path leads through a value of another shape.
pub(crate) fn lookup<'v>(value: &'v Value, path: &[String]) -> Result<Option<&'v Value>> {
    let mut value = value;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        if value.is_null() {
            return Ok(None);
        }
        let list = || value.as_array().ok_or_else(|| wrong_kind("SequenceNode", value));
        let next = if let Some(at) = index(part) {
            list()?.get(at)
        } else if part == "-" {
            list()?.last()
        } else if part == "*" {
            return Err(refuse!("wildcard is not supported in PathGetter"));
        } else if let Some((name, wanted)) = entry(part) {
            list()?.iter().find(|element| {
                let element = if name.is_empty() {
                    Some(*element)
                } else {
                    element.get(name)
                };
                element.and_then(scalar_text).as_deref() == Some(wanted)
            })
        } else {
            let members = value.as_object().ok_or_else(|| wrong_kind("MappingNode", value))?;
            members.get(part)
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// What becomes of parts of a path that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// They stay missing.
    Left,
    /// They are made; the last is null, for whatever is to be written there.
    Made,
}

/// The ways to all values that a path leads to.
///
/// # Errors
/// The path leads through a value of another shape, or makes no sense.
pub(crate) fn matches(value: &mut Value, path: &[String], missing: Missing) -> Result<Vec<Vec<Step>>> {
    let mut found = Vec::new();
    search(value, path, missing, &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// What is made for a part that is followed by another.
fn made_for(next: Option<&String>) -> Value {
    match next {
        None => Value::Null,
        Some(part) if entry(part).is_some() || index(part).is_some() => Value::Array(Vec::new()),
        Some(_) => Value::Object(Map::new()),
    }
}

fn search(
    value: &mut Value,
    path: &[String],
    missing: Missing,
    way: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) -> Result<()> {
    let Some((part, rest)) = path.split_first() else {
        found.push(way.clone());
        return Ok(());
    };
    if part == "*" {
        let Value::Array(elements) = value else {
            return Err(wrong_kind("SequenceNode", value));
        };
        return (0..elements.len()).try_for_each(|at| descend(elements, at, rest, missing, way, found));
    }
    if let Some(at) = index(part) {
        let Value::Array(elements) = value else {
            return Err(wrong_kind("SequenceNode", value));
        };
        if at == elements.len() && missing == Missing::Made {
            elements.push(made_for(rest.first()));
        }
        if at >= elements.len() {
            return Err(refuse!(
                "index {at} specified but only {} elements found",
                elements.len()
            ));
        }
        return descend(elements, at, rest, missing, way, found);
    }
    if let Some((name, pattern)) = entry(part) {
        return entries(value, (name, pattern), rest, missing, way, found);
    }
    let Value::Object(members) = value else {
        return Err(wrong_kind("MappingNode", value));
    };
    if !members.contains_key(part) {
        if missing == Missing::Left {
            return Ok(());
        }
        members.insert(part.clone(), made_for(rest.first()));
    }
    way.push(Step::Member(part.clone()));
    let outcome = match members.get_mut(part) {
        // A text may hold a document of its own, but only whoever writes to it looks into it.
        Some(text) if scalar_text(text).is_some() && !rest.is_empty() => {
            let mut document = yaml::parse(&scalar_text(text).unwrap_or_default())?;
            search(&mut document, rest, missing, &mut way.clone(), &mut Vec::new())
        }
        Some(member) => search(member, rest, missing, way, found),
        None => Ok(()),
    };
    way.pop();
    outcome
}

fn descend(
    elements: &mut [Value],
    at: usize,
    rest: &[String],
    missing: Missing,
    way: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) -> Result<()> {
    way.push(Step::Element(at));
    let outcome = search(&mut elements[at], rest, missing, way, found);
    way.pop();
    outcome
}

/// The elements whose member fits; without one, the elements themselves.
fn entries(
    value: &mut Value,
    (name, pattern): (&str, &str),
    rest: &[String],
    missing: Missing,
    way: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) -> Result<()> {
    let regex = Regex::new(pattern).map_err(|error| refuse!("error parsing regexp: {error}"))?;
    let Value::Array(elements) = value else {
        return Err(wrong_kind("SequenceNode", value));
    };
    let fits = |element: &Value| {
        let element = if name.is_empty() {
            Some(element)
        } else {
            element.get(name)
        };
        element.and_then(scalar_text).is_some_and(|text| regex.is_match(&text))
    };
    let before = found.len();
    for at in 0..elements.len() {
        if fits(&elements[at]) {
            let rest = if name.is_empty() { &[] } else { rest };
            descend(elements, at, rest, missing, way, found)?;
        }
    }
    if found.len() > before || missing == Missing::Left {
        return Ok(());
    }
    let text = yaml::parse(pattern).unwrap_or_else(|_| pattern.into());
    elements.push(if name.is_empty() {
        text
    } else {
        Value::Object(Map::from_iter([(name.to_owned(), text)]))
    });
    let last = elements.len() - 1;
    descend(
        elements,
        last,
        if name.is_empty() { &[] } else { rest },
        missing,
        way,
        found,
    )
}

/// The value at the end of a way.
pub(crate) fn at<'v>(value: &'v mut Value, way: &[Step]) -> Option<&'v mut Value> {
    way.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Element(at) => value.get_mut(at),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_have_parts() {
        for (path, expected) in [
            ("a.b", vec!["a", "b"]),
            ("a.[name=x.y].b", vec!["a", "[name=x.y]", "b"]),
            ("metadata.annotations.[x.y/z]", vec!["metadata", "annotations", "x.y/z"]),
            ("a.b\\.c", vec!["a", "b.c"]),
        ] {
            assert_eq!(parts(path), expected);
        }
    }

    #[test]
    fn values_are_found() {
        let value = json!({"l": [{"name": "a", "v": 1}, {"name": "ab", "v": 2}], "t": ["x", "y"]});
        for (path, expected) in [
            ("l.[name=ab].v", Some(json!(2))),
            ("l.0.name", Some(json!("a"))),
            ("l.-.name", Some(json!("ab"))),
            ("t.[=y]", Some(json!("y"))),
            ("l.5", None),
            ("none.x", None),
        ] {
            assert_eq!(
                lookup(&value, &parts(path)).expect("a path").cloned(),
                expected,
                "{path}"
            );
        }
        assert_eq!(
            lookup(&value, &parts("l.*")).expect_err("refused").to_string(),
            "wildcard is not supported in PathGetter"
        );
    }

    #[test]
    fn every_match_is_found_or_made() {
        let count = |path: &str, missing| {
            let mut value = json!({"l": [{"name": "a", "v": 1}, {"name": "ab", "v": 2}]});
            matches(&mut value, &parts(path), missing).map(|found| (found.len(), value))
        };
        assert_eq!(count("l.*.v", Missing::Left).expect("a path").0, 2);
        assert_eq!(
            count("l.[name=a].v", Missing::Left).expect("a path").0,
            2,
            "expressions are not anchored"
        );
        assert_eq!(count("l.[name=x].v", Missing::Left).expect("a path").0, 0);
        let (found, made) = count("l.[name=x].v", Missing::Made).expect("a path");
        assert_eq!((found, &made["l"][2]), (1, &json!({"name": "x", "v": null})));
        let error = count("l.7", Missing::Left).expect_err("refused");
        assert_eq!(error.to_string(), "index 7 specified but only 2 elements found");
    }
}
