//! Grammar, texts and matching of both kinds of selector.

use std::collections::BTreeMap;

use k8s_api::{
    Map,
    meta::v1::{LabelSelector, LabelSelectorRequirement},
};
use proptest::prelude::*;

use super::*;
use crate::field::Path;

fn parse(text: &str) -> Selector {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn canonical_texts() {
    for (text, canonical) in [
        ("", ""),
        ("  ", ""),
        ("x=a", "x=a"),
        ("x==a", "x==a"),
        ("x != a", "x!=a"),
        ("x", "x"),
        ("! x", "!x"),
        ("z,a=b", "a=b,z"),
        ("x in (b, a,b)", "x in (a,b)"),
        ("x in ()", "x in ()"),
        ("x notin (,a,)", "x notin (,a)"),
        ("x in (a,,b)", "x in (,a,b)"),
        ("x=", "x="),
        ("x=,y", "x=,y"),
        ("in in (in,notin)", "in in (in,notin)"),
        ("in", "in"),
        ("x>5", "x>5"),
        ("x < 5,y", "x<5,y"),
        ("!x=a", ""),
        ("example.com/x\tin\n(a)", "example.com/x in (a)"),
    ] {
        if text == "!x=a" {
            // A negated key takes no value: the sign behind it is one too many.
            assert_eq!(
                text.parse::<Selector>().unwrap_err().to_string(),
                "found '=', expected: ',' or 'end of string'"
            );
            continue;
        }
        assert_eq!(parse(text).to_string(), canonical, "{text}");
        assert_eq!(parse(canonical), parse(text), "{text}");
    }
}

#[test]
fn syntax_errors() {
    for (text, error) in [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("x,", "found '', expected: identifier after ','"),
        ("x,,y", "found ',', expected: identifier after ','"),
        (
            "x=a||y=b",
            r#"unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#,
        ),
        (
            "x a",
            "unable to parse requirement: found 'a', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("x=a b", "found 'b', expected: ',' or 'end of string'"),
        ("x==(a)", "unable to parse requirement: found '(', expected: identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("!!x", "unable to parse requirement: found '!', expected: identifier"),
        ("x in a", "unable to parse requirement: found 'a' expected: '('"),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        (
            "x in (a b)",
            "unable to parse requirement: found 'b', expected: ',' or ')'",
        ),
        (
            "x in (=)",
            "unable to parse requirement: found '=', expected: ',', ')' or identifier",
        ),
        (
            "x in (a,=)",
            "unable to parse requirement: found '=', expected: ',', or identifier",
        ),
        (
            "x>a",
            r#"unable to parse requirement: values[0]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer"#,
        ),
        (
            "/x",
            r#"unable to parse requirement: <nil>: Invalid value: "/x": prefix part must be non-empty"#,
        ),
    ] {
        assert_eq!(text.parse::<Selector>().unwrap_err().to_string(), error, "{text}");
    }
    let error = Selector::parse("x=-", &Path::new("labelSelector"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(r#"unable to parse requirement: labelSelector.values[0][x]: Invalid value: "-""#),
        "{error}"
    );
}

#[test]
fn matching() {
    let labels = Map::from([("a", "1".to_owned()), ("b", "x".to_owned())]);
    for (selector, expected) in [
        ("", true),
        ("a=1", true),
        ("a==2", false),
        ("c=1", false),
        ("a!=1", false),
        ("c!=1", true),
        ("b in (x,y)", true),
        ("c in (x)", false),
        ("b notin (x,y)", false),
        ("c notin (x)", true),
        ("a", true),
        ("!a", false),
        ("!c", true),
        ("a>0,a<2", true),
        ("b>0", false),
        ("a>1", false),
    ] {
        assert_eq!(parse(selector).matches(&labels), expected, "{selector}");
    }
    assert!(!Selector::NOTHING.matches(&labels));
    assert_eq!(parse("b,a in (1)").exact_match("a"), Some("1"));
    assert_eq!(parse("a in (1,2)").exact_match("a"), None);
    assert_eq!(Selector::from_labels(&labels).to_string(), "a=1,b=x");
}

#[test]
fn selectors_of_objects() {
    assert!(Selector::from_api(None).unwrap().is_nothing());
    assert!(
        Selector::from_api(Some(&LabelSelector::default()))
            .unwrap()
            .is_everything()
    );
    let expression = |key: &str, operator: &str, values: &[&str]| LabelSelectorRequirement {
        key: key.into(),
        operator: operator.into(),
        values: values.iter().map(|v| (*v).to_owned()).collect(),
    };
    let selector = LabelSelector {
        match_labels: Map::from([("z", "1".to_owned())]),
        match_expressions: vec![expression("a", "In", &["y", "x"]), expression("b", "DoesNotExist", &[])],
    };
    let parsed = Selector::from_api(Some(&selector)).unwrap();
    assert_eq!(parsed.to_string(), "a in (x,y),!b,z=1");
    assert_eq!(Selector::from_api(Some(&parsed.to_api().unwrap())).unwrap(), parsed);
    for (expression, error) in [
        (
            expression("a", "in", &["x"]),
            r#""in" is not a valid label selector operator"#,
        ),
        (
            expression("a", "In", &[]),
            "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
        ),
        (
            expression("a", "Exists", &["x"]),
            r#"values: Invalid value: ["x"]: values set must be empty for exists and does not exist"#,
        ),
    ] {
        let selector = LabelSelector {
            match_expressions: vec![expression],
            ..LabelSelector::default()
        };
        assert_eq!(Selector::from_api(Some(&selector)).unwrap_err().to_string(), error);
    }
    assert_eq!(
        parse("a>1").to_api().unwrap_err().to_string(),
        r#""gt" isn't supported in label selectors"#
    );
}

#[test]
fn field_selectors() {
    for (text, canonical) in [
        ("", ""),
        ("a=b", "a=b"),
        ("a==b", "a=b"),
        ("b!=c,,a=", "a=,b!=c"),
        (r"a=x\,y\=z\\", r"a=x\,y\=z\\"),
    ] {
        assert_eq!(text.parse::<FieldSelector>().unwrap().to_string(), canonical, "{text}");
    }
    for (text, error) in [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        (r"a=\x", r"invalid field selector: invalid escape sequence: \x"),
        (r"a=\", r"invalid field selector: invalid escape sequence: \"),
    ] {
        assert_eq!(text.parse::<FieldSelector>().unwrap_err().to_string(), error);
    }
    let selector: FieldSelector = "metadata.name=x,spec.nodeName!=n".parse().unwrap();
    assert_eq!(selector.exact_match("metadata.name"), Some("x"));
    assert_eq!(selector.exact_match("spec.nodeName"), None);
    assert!(selector.matches(|field| if field == "metadata.name" { "x" } else { "" }));
    assert!(!selector.matches(|_| "n"));
    let renamed = selector.transform(|field, value| match field {
        "metadata.name" => Ok(("name".into(), value.into())),
        _ => Ok((String::new(), String::new())),
    });
    assert_eq!(renamed.unwrap().to_string(), "name=x");
    let refused =
        FieldSelector::equals("a", "b").transform(|f, _| Err(FieldSelectorError::Transform(format!("no {f}"))));
    assert_eq!(refused.unwrap_err().to_string(), "no a");
}

fn requirements() -> impl Strategy<Value = (String, Operator, Vec<String>)> {
    let operators = prop::sample::select(vec![
        Operator::Equals,
        Operator::NotEquals,
        Operator::In,
        Operator::NotIn,
        Operator::Exists,
        Operator::DoesNotExist,
        Operator::GreaterThan,
    ]);
    ("[a-d]", operators, prop::collection::vec("[0-3]", 1..4)).prop_map(|(key, operator, mut values)| {
        match operator {
            Operator::In | Operator::NotIn => {}
            Operator::Exists | Operator::DoesNotExist => values.clear(),
            _ => values.truncate(1),
        }
        (key, operator, values)
    })
}

proptest! {
    #[test]
    fn texts_go_round(parts in prop::collection::vec(requirements(), 0..5), labels in prop::collection::btree_map("[a-d]", "[0-3]", 0..4)) {
        let own: Vec<_> =
            parts.iter().map(|(k, o, v)| Requirement::new(k, *o, v.clone(), &Path::NIL).unwrap()).collect();
        let selector = Selector::EVERYTHING.and(own);
        prop_assert_eq!(&parse(&selector.to_string()), &selector);
        let labels: BTreeMap<String, String> = labels;
        let expected = parts.iter().all(|(key, operator, values)| {
            let value = labels.get(key);
            let has = value.is_some_and(|v| values.contains(v));
            match operator {
                Operator::Equals | Operator::In => has,
                Operator::NotEquals | Operator::NotIn => !has,
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
                _ => value.is_some_and(|v| v > &values[0]),
            }
        });
        prop_assert_eq!(selector.matches(&labels), expected);
    }

    #[test]
    fn parsing_never_panics(text in ".{0,40}", signs in "[a=!()<>, \t]{0,20}") {
        let _ = text.parse::<Selector>();
        if let Ok(selector) = signs.parse::<Selector>() {
            prop_assert_eq!(parse(&selector.to_string()), selector);
        }
        let _ = text.parse::<FieldSelector>();
    }

    #[test]
    fn field_values_go_round(value in ".{0,20}") {
        let selector = FieldSelector::equals("f", value.clone());
        let parsed: FieldSelector = selector.to_string().parse().unwrap();
        prop_assert_eq!(parsed, selector);
    }
}
