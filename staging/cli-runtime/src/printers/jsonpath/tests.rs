use serde_json::{Value, json};

use super::{JsonPath, JsonPathPrinter, relaxed};
use crate::printers::ResourcePrinter as _;

fn store() -> Value {
    json!({
        "name": "jsonpath",
        "labels": {"app.kubernetes.io/name": "x", "b": "y"},
        "items": [
            {"metadata": {"name": "a"}, "count": 3, "ready": true, "ports": [80, 443]},
            {"metadata": {"name": "b"}, "count": 5, "ready": false, "ports": []},
            {"metadata": {"name": "c"}, "extra": 1.5, "ports": [8080]},
        ],
    })
}

fn run(expression: &str, allow: bool) -> Result<String, String> {
    let path = JsonPath::parse(expression)
        .map_err(|error| error.to_string())?
        .allow_missing_keys(allow);
    let store = store();
    path.find(&store).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    JsonPathPrinter::new(path.clone(), false)
        .print(&store, &mut out)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("text"))
}

#[test]
fn expressions_find() {
    for (expression, expected) in [
        ("plain", "plain"),
        ("{.name}", "jsonpath"),
        ("{$.name}", "jsonpath"),
        ("{@.name}-{.name}", "jsonpath-jsonpath"),
        ("{.items[*].metadata.name}", "a b c"),
        ("{.items[0].ports}", "[80,443]"),
        ("{.items[0]['metadata'].name}", "a"),
        ("{.items[-1:].metadata.name}", "c"),
        ("{.items[-1].metadata.name}", "c"),
        ("{.items[-2].metadata.name}", "b"),
        ("{.items[0:2].metadata.name}", "a b"),
        ("{.items[::2].metadata.name}", "a c"),
        ("{.items[0,2].metadata.name}", "a c"),
        ("{.items[*]['metadata.name', 'count']}", "a b c 3 5"),
        ("{.items[?(@.count==5)].metadata.name}", "b"),
        ("{.items[?(@.count>=3)].metadata.name}", "a b"),
        ("{.items[?(@.ready==true)].metadata.name}", "a"),
        ("{.items[?(@.extra)].metadata.name}", "c"),
        ("{.items[?(@.metadata.name==\"b\")].count}", "5"),
        ("{.items[?(@.metadata.name=='b')].count}", "5"),
        ("{.items[2].extra}", "1.5"),
        ("{..name}", "jsonpath a b c"),
        ("{.labels.app\\.kubernetes\\.io/name}", "x"),
        ("{.labels['app\\.kubernetes\\.io/name']}", "x"),
        ("{.labels.*}", "x y"),
        (
            "{range .items[*]}{.metadata.name}{\"\\t\"}{.count}{\"\\n\"}{end}",
            "a\t3\nb\t5\nc\t\n",
        ),
        ("{range .items[*]}{range .ports[*]}{@},{end};{end}", "80,443,;;8080,;"),
        ("{range .none[*]}{.x}{end}done", "done"),
        ("{.missing}", ""),
    ] {
        assert_eq!(run(expression, true).as_deref(), Ok(expected), "{expression}");
    }
}

#[test]
fn mistakes_have_upstreams_words() {
    for (expression, expected) in [
        ("{.name", "unclosed action"),
        ("{.items[}", "unterminated array"),
        ("{.items[x]}", "invalid array index x"),
        ("{end}", "not in range, nothing to end"),
        ("{.missing}", "missing is not found"),
        ("{.items[7]}", "array index out of bounds: index 7, length 3"),
        ("{.items[?(@.count}", "unterminated filter"),
        ("{(}", "unrecognized character in action: U+0028 '('"),
        ("{foo}", "unrecognized identifier foo"),
        ("{.name[0]}", "string is not array or slice"),
        ("{.items[?(@.name==1)].x}", "name is not found"),
        ("{....x}", "invalid multiple recursive descent"),
    ] {
        assert_eq!(run(expression, false), Err(expected.to_owned()), "{expression}");
    }
}

#[test]
fn paths_are_relaxed() {
    for (given, expected) in [
        ("metadata.name", "{.metadata.name}"),
        (".metadata.name", "{.metadata.name}"),
        ("{metadata.name}", "{.metadata.name}"),
        ("{.metadata.name}", "{.metadata.name}"),
        ("", ""),
    ] {
        assert_eq!(relaxed(given).as_deref(), Ok(expected), "{given}");
    }
    assert!(relaxed("{a").is_err_and(|error| error.to_string().starts_with("unexpected path string")));
}
