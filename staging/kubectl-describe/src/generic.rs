//! Any kind: its fields in the order of their names, under readable labels.

use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::sorted;
use crate::{Subject, metadata};

/// What the head says already, or nobody wants to read.
const SKIPPED: [&str; 5] = [
    ".metadata.managedFields",
    ".metadata.name",
    ".metadata.namespace",
    ".metadata.labels",
    ".metadata.annotations",
];

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    metadata::head(subject.object, out);
    fields(subject.object, 0, "", out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

fn fields(object: &Value, level: usize, above: &str, out: &mut Text) {
    for (name, value) in sorted(Some(object)) {
        let path = format!("{above}.{name}");
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        match value {
            Value::Object(_) => {
                put!(out, level, "{}:\n", label(name));
                fields(value, level + 1, &path, out);
            }
            Value::Array(children) => {
                put!(out, level, "{}:\n", label(name));
                for child in children {
                    if child.is_object() {
                        fields(child, level + 1, &path, out);
                    } else {
                        put!(out, level + 1, "{}\n", go_value(child));
                    }
                }
            }
            _ => put!(out, level, "{}:\t{}\n", label(name), go_value(value)),
        }
    }
}

/// `clusterIPs` becomes `Cluster I Ps`, `apiVersion` `API Version`; names with other characters than letters and `-` stay.
fn label(field: &str) -> String {
    if field.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return field.to_owned();
    }
    let words = words(field);
    let mut merged: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let shouted = word.len() >= 2 && word.chars().all(|c| !c.is_alphabetic() || c.is_uppercase());
        match words.get(at + 1) {
            Some(next) if shouted && next.starts_with(char::is_uppercase) => {
                merged.push(format!("{word}{next}"));
                at += 2;
            }
            _ => {
                merged.push(word.clone());
                at += 1;
            }
        }
    }
    let titled: Vec<String> = merged.into_iter().map(title).collect();
    titled.join(" ")
}

fn title(word: String) -> String {
    let upper = word.to_uppercase();
    if ["API", "URL", "UID", "GUID"].contains(&upper.as_str()) {
        return upper;
    }
    if word.to_lowercase() != word {
        return word;
    }
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The runs of lower case, upper case and other characters; the last capital before lower case belongs to what follows.
fn words(field: &str) -> Vec<String> {
    let class = |c: char| (c.is_lowercase(), c.is_uppercase());
    let mut runs: Vec<Vec<char>> = Vec::new();
    for letter in field.chars() {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| class(*last) == class(letter)) => run.push(letter),
            _ => runs.push(vec![letter]),
        }
    }
    for at in 1..runs.len() {
        if runs[at - 1].first().is_some_and(|c| c.is_uppercase())
            && runs[at].first().is_some_and(|c| c.is_lowercase())
            && let Some(capital) = runs[at - 1].pop()
        {
            runs[at].insert(0, capital);
        }
    }
    runs.retain(|run| !run.is_empty());
    runs.into_iter().map(|run| run.into_iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::described;
    use serde_json::json;

    #[test]
    fn fields_become_labels() {
        for (field, expected) in [
            ("apiVersion", "API Version"),
            ("uid", "UID"),
            ("creationTimestamp", "Creation Timestamp"),
            ("podCIDR", "Pod CIDR"),
            ("APIVersion", "APIVersion"),
            ("a_b", "a_b"),
            ("ipv4", "ipv4"),
            ("node-name", "Node - Name"),
        ] {
            assert_eq!(label(field), expected, "{field}");
        }
    }

    #[tokio::test]
    async fn any_kind_has_an_answer() {
        let object = json!({
            "apiVersion": "example.com/v1", "kind": "Widget",
            "metadata": {"name": "w", "namespace": "n", "labels": {"b": "2", "a": "1"}, "uid": "u"},
            "spec": {"ready": true, "sizes": [1, 2], "parts": [{"partName": "x"}], "nothing": null},
        });
        assert_eq!(
            described("example.com", &object, Vec::new()).await,
            "Name:         w\nNamespace:    n\nLabels:       a=1\n              b=2\nAnnotations:  <none>\nAPI Version:  example.com/v1\nKind:         Widget\nMetadata:\n  UID:  u\nSpec:\n  Nothing:  <nil>\n  Parts:\n    Part Name:  x\n  Ready:        true\n  Sizes:\n    1\n    2\nEvents:  <none>\n"
        );
    }
}
