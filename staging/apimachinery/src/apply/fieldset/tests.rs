//! Sets, their laws, and their encoding.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn path(names: &[&str]) -> Path {
    names.iter().map(|n| PathElement::parse(n).unwrap().unwrap()).collect()
}

fn set(paths: &[&[&str]]) -> Set {
    Set::from_paths(paths.iter().map(|p| path(p)))
}

#[test]
fn elements_are_named_and_shown() {
    let table = [
        (PathElement::field("spec"), "f:spec", ".spec"),
        (
            PathElement::key([("port", json!(80)), ("a", json!("x"))]),
            r#"k:{"a":"x","port":80}"#,
            r#"[a="x",port=80]"#,
        ),
        (PathElement::value("x"), r#"v:"x""#, r#"[="x"]"#),
        (PathElement::value(true), "v:true", "[=true]"),
        (PathElement::value(json!(2.0)), "v:2", "[=2]"),
        (PathElement::Index(3), "i:3", "[3]"),
        (PathElement::value("a<b"), r#"v:"a\u003cb""#, r#"[="a<b"]"#),
    ];
    for (element, name, shown) in table {
        assert_eq!(element.name(), name);
        assert_eq!(element.to_string(), shown);
        assert_eq!(PathElement::parse(name).unwrap(), Some(element), "{name}");
    }
}

#[test]
fn malformed_names_are_refused() {
    let text = |name: &str| PathElement::parse(name).unwrap_err().to_string();
    assert_eq!(text("f"), "parsing key as path element: key must be 2 characters long:");
    assert_eq!(text("name"), "parsing key as path element: missing colon: name");
    assert_eq!(
        text("i:x"),
        r#"parsing key as path element: strconv.Atoi: parsing "x": invalid syntax"#
    );
    assert!(matches!(PathElement::parse("v:{"), Err(FieldsError::Value(_))));
    assert!(matches!(PathElement::parse("k:[1]"), Err(FieldsError::Value(_))));
    assert_eq!(PathElement::parse("x:what"), Ok(None));
}

#[test]
fn order_is_fields_keys_values_indices() {
    let names = [
        "f:a",
        "f:b",
        r#"k:{"p":80}"#,
        r#"k:{"p":443}"#,
        r#"k:{"p":"a"}"#,
        "v:1",
        r#"v:"a""#,
        "v:true",
        "i:2",
        "i:10",
    ];
    let elements: Vec<_> = names.iter().map(|n| PathElement::parse(n).unwrap().unwrap()).collect();
    assert!(elements.is_sorted(), "{elements:?}");
}

#[test]
fn encoding_marks_members_with_children() {
    let s = set(&[
        &["f:a"],
        &["f:a", "f:b"],
        &["f:c", "f:d"],
        &["f:l", r#"k:{"p":443}"#],
        &["f:l", r#"k:{"p":80}"#],
    ]);
    let text = r#"{"f:a":{".":{},"f:b":{}},"f:c":{"f:d":{}},"f:l":{"k:{\"p\":80}":{},"k:{\"p\":443}":{}}}"#;
    assert_eq!(s.to_json(), text);
    assert_eq!(s.to_value(), serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(Set::from_json(text), Ok(s));
}

#[test]
fn decoding_skips_unknown_kinds_and_refuses_other_shapes() {
    assert_eq!(
        Set::from_value(&json!({"x:y": {"f:a": {}}, "f:b": {}})),
        Ok(set(&[&["f:b"]]))
    );
    assert_eq!(Set::from_value(&Value::Null), Ok(Set::new()));
    assert_eq!(Set::from_value(&json!({"f:a": null})), Ok(set(&[&["f:a"]])));
    assert_eq!(
        Set::from_value(&json!({"f:a": 1})),
        Err(FieldsError::NotAnObject("1".into()))
    );
    assert!(matches!(Set::from_json("{"), Err(FieldsError::Json(_))));
}

#[test]
fn members_come_before_what_is_below() {
    let s = set(&[&["f:a", "f:x"], &["f:b"]]);
    let shown: Vec<_> = s.paths().iter().map(|p| display_path(p)).collect();
    assert_eq!(shown, [".b", ".a.x"]);
}

#[test]
fn leaves_and_recursive_difference() {
    let s = set(&[&["f:a"], &["f:a", "f:b"], &["f:c"]]);
    assert_eq!(s.leaves(), set(&[&["f:a", "f:b"], &["f:c"]]));
    assert_eq!(s.difference(&set(&[&["f:a"]])), set(&[&["f:a", "f:b"], &["f:c"]]));
    assert_eq!(s.recursive_difference(&set(&[&["f:a"]])), set(&[&["f:c"]]));
    assert_eq!(s.len(), 3);
}

#[test]
fn filters_include_and_exclude() {
    let s = set(&[
        &["f:spec", "f:l", r#"k:{"n":"a"}"#, "f:r", "f:x"],
        &["f:spec", "f:l", r#"k:{"n":"a"}"#, "f:i"],
        &["f:m"],
    ]);
    let wanted = SetMatcher::prefix(&["spec".into(), "l".into(), ElementMatcher::Any, "r".into()]);
    let kept = set(&[&["f:spec", "f:l", r#"k:{"n":"a"}"#, "f:r", "f:x"]]);
    assert_eq!(Filter::Include(wanted.clone()).apply(s.clone()), kept);
    let more = wanted.merge(SetMatcher::prefix(&["m".into()]));
    assert_eq!(Filter::Include(more).apply(s.clone()), kept.union(&set(&[&["f:m"]])));
    assert_eq!(Filter::Exclude(set(&[&["f:spec"]])).apply(s.clone()), set(&[&["f:m"]]));
}

#[test]
fn undecoded_sets_answer_as_decoded_ones() {
    let s = set(&[&["f:a"], &["f:a", "f:b"], &["f:c", "f:d"]]);
    let text = s.to_json();
    let touches = |paths: &[&[&str]]| set(paths).is_touched_in(&text);
    let contains = |paths: &[&[&str]]| set(paths).is_contained_in(&text);
    assert!(touches(&[&["f:c"]]) && touches(&[&["f:a", "f:b"]]) && !touches(&[&["f:a", "f:z"], &["f:q"]]));
    assert!(contains(&[&["f:a"], &["f:c", "f:d"]]) && !contains(&[&["f:c"]]) && !contains(&[&["f:a", "f:z"]]));
}

fn element() -> impl Strategy<Value = PathElement> {
    prop_oneof![
        "[a-c]".prop_map(|n| PathElement::field(&n)),
        (0..3i64, "[xy\"]").prop_map(|(i, s)| PathElement::key([("n", json!(s)), ("i", json!(i))])),
        prop_oneof![
            (0..3i64).prop_map(Value::from),
            "[a<\n]".prop_map(Value::from),
            any::<bool>().prop_map(Value::from)
        ]
        .prop_map(PathElement::value),
        (0..3i64).prop_map(PathElement::Index),
    ]
}

pub(super) fn any_set() -> impl Strategy<Value = Set> {
    prop::collection::vec(prop::collection::vec(element(), 1..4), 0..12).prop_map(Set::from_paths)
}

proptest! {
    #[test]
    fn set_algebra(a in any_set(), b in any_set(), c in any_set()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.union(&a), a.clone());
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.intersection(&b).union(&a.difference(&b)), a.clone());
        prop_assert!(a.difference(&b).intersection(&b).is_empty());
        prop_assert_eq!(a.contains_all(&b), b.difference(&a).is_empty());
        prop_assert!(a.difference(&b).contains_all(&a.recursive_difference(&b)));
        prop_assert_eq!(a.len() + b.len(), a.union(&b).len() + a.intersection(&b).len());
        for p in a.paths() {
            prop_assert!(a.has(&p));
            prop_assert_eq!(a.difference(&b).has(&p), !b.has(&p));
        }
    }

    #[test]
    fn insert_and_remove_are_inverse(a in any_set(), p in prop::collection::vec(element(), 1..4)) {
        let mut with = a.clone();
        with.insert(&p);
        prop_assert!(with.has(&p));
        with.remove(&p);
        prop_assert_eq!(with, a.difference(&Set::from_paths([&p])));
    }

    #[test]
    fn encodings_round_trip(a in any_set()) {
        prop_assert_eq!(Set::from_value(&a.to_value()).unwrap(), a.clone());
        prop_assert_eq!(Set::from_json(&a.to_json()).unwrap(), a.clone());
        prop_assert_eq!(Set::from_json(&a.to_value().to_string()).unwrap(), a);
    }

    #[test]
    fn a_text_answers_as_its_set(a in any_set(), b in any_set()) {
        for text in [a.to_json(), a.to_value().to_string()] {
            prop_assert_eq!(b.is_touched_in(&text), a.touches(&b));
            prop_assert_eq!(b.is_contained_in(&text), a.contains_all(&b));
            prop_assert!(a.is_contained_in(&text));
        }
    }

    #[test]
    fn taking_out_copies_or_moves_alike(a in any_set(), b in any_set()) {
        prop_assert_eq!(a.clone().without(&b, Below::Stays), a.difference(&b));
        prop_assert_eq!(a.clone().without(&b, Below::Goes), a.recursive_difference(&b));
    }
}

/// Every single-byte change of a document either decodes to a set that encodes stably or is
/// refused with a reason.
#[test]
fn mutated_documents_do_not_break_the_decoder() {
    let text = br#"{"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:p":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{}},"v:\"x\"":{},"i:1":{}}}}"#;
    let (mut decoded, mut refused) = (0, 0);
    for position in 0..text.len() {
        for byte in [b'"', b'{', b'}', b':', b'.', b'\\', b'0', b'k', b'v', b'i', 0, 0xff] {
            let mut mutated = text.to_vec();
            mutated[position] = byte;
            let Ok(mutated) = String::from_utf8(mutated) else {
                continue;
            };
            match Set::from_json(&mutated) {
                Ok(set) => {
                    decoded += 1;
                    assert_eq!(Set::from_json(&set.to_json()).as_ref(), Ok(&set), "{position} {byte}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    assert!(decoded > 100 && refused > 100, "{decoded} {refused}");
}
