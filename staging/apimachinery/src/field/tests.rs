//! The texts of paths and errors.

use serde_json::json;

use super::{BadValue, Error, ErrorList, Path};

#[test]
fn paths() {
    let spec = Path::new("spec");
    let containers = spec.child("template.spec.containers");
    let container = containers.index(2);
    assert_eq!(
        container.child("image").to_string(),
        "spec.template.spec.containers[2].image"
    );
    assert_eq!(
        Path::new("metadata").child("labels").key("a/b").to_string(),
        "metadata.labels[a/b]"
    );
    assert_eq!(Path::NIL.to_string(), "<nil>");
    assert_eq!(Path::NIL.child("key").to_string(), "key");
    assert_eq!(Path::NIL.index(0).to_string(), "[0]");
}

#[test]
fn texts_of_errors() {
    let path = Path::new("spec.x");
    for (error, text) in [
        (Error::invalid(&path, "v", "bad"), r#"spec.x: Invalid value: "v": bad"#),
        (Error::invalid(&path, -1_i64, ""), "spec.x: Invalid value: -1"),
        (Error::invalid(&path, 1e21, "big"), "spec.x: Invalid value: 1e+21: big"),
        (Error::invalid(&path, 0.5, "half"), "spec.x: Invalid value: 0.5: half"),
        (
            Error::invalid(&path, &json!({"a": "<"}), "no"),
            r#"spec.x: Invalid value: {"a":"\u003c"}: no"#,
        ),
        (
            Error::invalid(&path, BadValue::json(&None::<String>), "no"),
            "spec.x: Invalid value: null: no",
        ),
        (
            Error::type_invalid(&path, "v", "must be a number"),
            r#"spec.x: Invalid value: "v": must be a number"#,
        ),
        (Error::required(&path, ""), "spec.x: Required value"),
        (Error::required(&path, "say why"), "spec.x: Required value: say why"),
        (Error::not_found(&path, "v"), r#"spec.x: Not found: "v""#),
        (Error::duplicate(&path, "a\n"), r#"spec.x: Duplicate value: "a\n""#),
        (
            Error::not_supported(&path, "x", &["A", "B"]),
            r#"spec.x: Unsupported value: "x": supported values: "A", "B""#,
        ),
        (
            Error::not_supported::<&str>(&path, "x", &[]),
            r#"spec.x: Unsupported value: "x""#,
        ),
        (Error::forbidden(&path, "not now"), "spec.x: Forbidden: not now"),
        (
            Error::too_long(&path, 1),
            "spec.x: Too long: may not be more than 1 byte",
        ),
        (
            Error::too_long(&path, 63),
            "spec.x: Too long: may not be more than 63 bytes",
        ),
        (
            Error::too_long_characters(&path, 63),
            "spec.x: Too long: may not be more than 63 characters",
        ),
        (
            Error::too_short(&path, 1),
            "spec.x: Too short: must be at least 1 character",
        ),
        (
            Error::too_many(&path, 3, 2),
            "spec.x: Too many: 3: must have at most 2 items",
        ),
        (
            Error::too_few(&path, 0, 1),
            "spec.x: Too few: 0: must have at least 1 item",
        ),
        (Error::internal(&path, "broken"), "spec.x: Internal error: broken"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn lists_drop_repetitions() {
    let path = Path::new("a");
    let mut list = ErrorList::new();
    assert_eq!(list.clone().into_result(), Ok(()));
    list.push(Error::required(&path, ""));
    assert_eq!(list.to_string(), "a: Required value");
    list.push(Error::required(&path, ""));
    assert_eq!(list.to_string(), "a: Required value");
    list.push(Error::forbidden(&path, "b"));
    assert_eq!(list.to_string(), "[a: Required value, a: Forbidden: b]");
    assert_eq!(list.len(), 3);
}
