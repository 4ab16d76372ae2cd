//! Times, durations, bytes, numbers-or-strings and raw JSON.

use serde_json::{Value, json};

use crate::primitives::{ByteString, Duration, FieldsV1, IntOrString, Json, MicroTime, RawExtension, Time, quote};

#[test]
fn sizes() {
    assert_eq!(size_of::<Option<Time>>(), 8);
    assert_eq!(size_of::<Option<MicroTime>>(), 8);
    assert_eq!(size_of::<IntOrString>(), 16);
    assert_eq!(size_of::<Option<RawExtension>>(), 16);
}

#[test]
fn times() {
    for (text, out) in [
        ("2024-02-29T12:30:00Z", "2024-02-29T12:30:00Z"),
        ("2024-02-29T12:30:00+02:00", "2024-02-29T10:30:00Z"),
        ("2024-01-01T00:00:00.999999999-00:30", "2024-01-01T00:30:00Z"),
        ("2024-01-01T1:02:03,5Z", "2024-01-01T01:02:03Z"),
        ("0001-01-01T00:00:01Z", "0001-01-01T00:00:01Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
    ] {
        let time: Time = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(serde_json::to_value(time).unwrap(), json!(out), "{text}");
    }
    let time: MicroTime = "2024-01-01T00:00:00.123456Z".parse().unwrap();
    assert_eq!(time.to_string(), "2024-01-01T00:00:00.123456Z");
    assert_eq!(time.subsec_nanos(), 123_456_000);
    assert_eq!(Time::from(time).to_string(), "2024-01-01T00:00:00Z");
    assert!(Time::now().since(Time::ZERO).as_secs() / 86_400 / 366 > 2000);
}

#[test]
fn the_zero_time_is_null() {
    assert_eq!(Time::default(), Time::ZERO);
    assert_eq!(serde_json::to_value(Time::ZERO).unwrap(), Value::Null);
    assert_eq!(serde_json::to_value(MicroTime::ZERO).unwrap(), Value::Null);
    assert!(serde_json::from_value::<Time>(Value::Null).unwrap().is_zero());
    assert!("0001-01-01T00:00:00Z".parse::<Time>().unwrap().is_zero());
}

#[test]
fn time_errors() {
    const LAYOUT: &str = r#"as "2006-01-02T15:04:05Z07:00": cannot parse"#;
    for (text, error) in [
        ("", format!(r#"parsing time "" {LAYOUT} "" as "2006""#)),
        ("today", format!(r#"parsing time "today" {LAYOUT} "today" as "2006""#)),
        ("2024", format!(r#"parsing time "2024" {LAYOUT} "" as "-""#)),
        (
            "2024-1-02",
            format!(r#"parsing time "2024-1-02" {LAYOUT} "1-02" as "01""#),
        ),
        (
            "2024-02-03 04:05:06Z",
            format!(r#"parsing time "2024-02-03 04:05:06Z" {LAYOUT} " 04:05:06Z" as "T""#),
        ),
        (
            "2024-02-03T04:05:06",
            format!(r#"parsing time "2024-02-03T04:05:06" {LAYOUT} "" as "Z07:00""#),
        ),
        (
            "2024-13-01T00:00:00Z",
            r#"parsing time "2024-13-01T00:00:00Z": month out of range"#.into(),
        ),
        (
            "2024-02-30T00:00:00Z",
            r#"parsing time "2024-02-30T00:00:00Z": day out of range"#.into(),
        ),
        (
            "2024-02-03T24:00:00Z",
            r#"parsing time "2024-02-03T24:00:00Z": hour out of range"#.into(),
        ),
        (
            "2024-02-03T04:60:00Z",
            r#"parsing time "2024-02-03T04:60:00Z": minute out of range"#.into(),
        ),
        (
            "2024-02-03T04:05:60Z",
            r#"parsing time "2024-02-03T04:05:60Z": second out of range"#.into(),
        ),
        (
            "2024-02-03T04:05:06Zx",
            r#"parsing time "2024-02-03T04:05:06Zx": extra text: "x""#.into(),
        ),
    ] {
        assert_eq!(text.parse::<Time>().unwrap_err().to_string(), error);
        assert_eq!(
            serde_json::from_value::<Time>(json!(text)).unwrap_err().to_string(),
            error
        );
    }
    assert_eq!(
        "2024-02-03T04:05:06Z".parse::<MicroTime>().unwrap_err().to_string(),
        r#"parsing time "2024-02-03T04:05:06Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000""#
    );
    for (json, found) in [
        (json!(1), "number"),
        (json!(true), "bool"),
        (json!([]), "array"),
        (json!({}), "object"),
    ] {
        assert_eq!(
            serde_json::from_value::<Time>(json).unwrap_err().to_string(),
            format!("json: cannot unmarshal {found} into Go value of type string")
        );
    }
}

#[test]
fn durations() {
    for (text, out) in [
        ("0", "0s"),
        ("1h", "1h0m0s"),
        ("90s", "1m30s"),
        ("1.5h", "1h30m0s"),
        ("-1m", "-1m0s"),
        ("1us", "1µs"),
        ("1.001ms", "1.001ms"),
        ("100ns", "100ns"),
        ("1h0m0.000000001s", "1h0m0.000000001s"),
        ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(text.parse::<Duration>().unwrap().to_string(), out, "{text}");
    }
    for (text, error) in [
        ("", r#"time: invalid duration """#),
        ("x", r#"time: invalid duration "x""#),
        ("1", r#"time: missing unit in duration "1""#),
        ("1d", r#"time: unknown unit "d" in duration "1d""#),
        (
            "9223372036854775808ns",
            r#"time: invalid duration "9223372036854775808ns""#,
        ),
        (
            "99999999999999999999s",
            r#"time: invalid duration "99999999999999999999s""#,
        ),
        (".s", r#"time: invalid duration ".s""#),
    ] {
        assert_eq!(text.parse::<Duration>().unwrap_err().to_string(), error);
    }
    assert_eq!(serde_json::to_value(Duration::from_secs(5)).unwrap(), json!("5s"));
    let error = serde_json::from_value::<Duration>(Value::Null).unwrap_err();
    assert_eq!(error.to_string(), r#"time: invalid duration """#);
}

#[test]
fn bytes() {
    for (text, bytes) in [
        ("", ""),
        ("YQ==", "a"),
        ("YWI=", "ab"),
        ("YW\nJj\r\n", "abc"),
        ("YR==", "a"),
        ("YQ=\n=", "a"),
    ] {
        let decoded: ByteString = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(&*decoded, bytes.as_bytes(), "{text:?}");
    }
    assert_eq!(serde_json::to_string(&ByteString::from("ab")).unwrap(), r#""YWI=""#);
    assert!(serde_json::from_value::<ByteString>(Value::Null).unwrap().is_empty());
    for (text, at) in [
        ("a", 0),
        ("YWJjZ", 4),
        ("YW-j", 2),
        ("YQ=", 3),
        ("YQ=a", 2),
        ("YQ==x", 4),
        ("=", 0),
        ("Y===", 1),
    ] {
        assert_eq!(
            serde_json::from_value::<ByteString>(json!(text))
                .unwrap_err()
                .to_string(),
            format!("illegal base64 data at input byte {at}"),
            "{text:?}"
        );
    }
}

#[test]
fn numbers_or_strings() {
    for (json, value) in [
        (json!(80), IntOrString::Int(80)),
        (json!("http"), "http".into()),
        (json!(null), 0.into()),
    ] {
        assert_eq!(serde_json::from_value::<IntOrString>(json).unwrap(), value);
    }
    for (json, found) in [
        (json!(1.5), "number 1.5"),
        (json!(1_i64 << 40), "number 1099511627776"),
        (json!([]), "array"),
    ] {
        assert_eq!(
            serde_json::from_value::<IntOrString>(json).unwrap_err().to_string(),
            format!("json: cannot unmarshal {found} into Go value of type int32")
        );
    }
    assert_eq!(IntOrString::from("25%").scaled(10, true), Ok(3));
    assert_eq!(IntOrString::from("25%").scaled(10, false), Ok(2));
    assert_eq!(IntOrString::from(7).scaled(10, true), Ok(7));
    assert_eq!(
        IntOrString::from("x%").scaled(10, true).unwrap_err().to_string(),
        r#"invalid value for IntOrString: invalid value "x%": strconv.Atoi: parsing "x": invalid syntax"#
    );
    assert_eq!(
        IntOrString::from("5").scaled(10, true).unwrap_err().to_string(),
        "invalid value for IntOrString: invalid type: string is not a percentage"
    );
    assert_eq!("8080".parse::<IntOrString>(), Ok(8080.into()));
}

#[test]
fn raw_json_is_compact_and_passes_through_both_forms() {
    let text = r#"{ "a" : [1, 2.50 , "x \" y"],
        "b":null}"#;
    let compact = r#"{"a":[1,2.50,"x \" y"],"b":null}"#;
    let raw: RawExtension = serde_json::from_str(text).unwrap();
    assert_eq!(raw.as_str(), compact);
    assert_eq!(serde_json::to_string(&raw).unwrap(), compact);
    let value = raw.to_value().unwrap();
    assert_eq!(serde_json::to_value(&raw).unwrap(), value);
    assert_eq!(
        serde_json::from_value::<Json>(value.clone())
            .unwrap()
            .to_value()
            .unwrap(),
        value
    );
    assert_eq!(
        FieldsV1::from(json!({"f:metadata": {}})).as_str(),
        r#"{"f:metadata":{}}"#
    );
    assert!(Json::default().is_null());
    assert_eq!(
        serde_json::from_value::<Option<RawExtension>>(Value::Null).unwrap(),
        None
    );
    assert!(RawExtension::from_json("{").is_err());
}

#[test]
fn quotes_like_go() {
    for (text, quoted) in [
        ("a", r#""a""#),
        ("a\"\\\n", r#""a\"\\\n""#),
        ("\u{1}\u{7f}", r#""\x01\x7f""#),
        ("é世\u{301}", "\"é世\u{301}\""),
        ("\u{a0}\u{feff}", r#""\u00a0\ufeff""#),
        ("\u{10ffff}", r#""\U0010ffff""#),
    ] {
        assert_eq!(quote(text), quoted);
    }
}
