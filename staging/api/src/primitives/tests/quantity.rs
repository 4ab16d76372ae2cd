//! Quantities against tables and against exact fractions of 128 bits.

use std::{
    cmp::Ordering,
    hash::{DefaultHasher, Hash, Hasher},
};

use proptest::prelude::*;
use serde_json::json;

use crate::primitives::{Format, ParseQuantityError, Quantity};

fn q(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn takes_sixteen_bytes() {
    assert_eq!(size_of::<Quantity>(), 16);
    assert_eq!(size_of::<Option<Quantity>>(), 16);
}

#[test]
fn writes_the_canonical_form() {
    for (text, canonical) in [
        ("0", "0"),
        ("0Gi", "0"),
        ("-0", "0"),
        ("1", "1"),
        ("1000", "1k"),
        ("0.5", "500m"),
        (".001", "1m"),
        ("100.035k", "100.035k"),
        ("1.G", "1.G"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("512Ki", "512Ki"),
        ("0.5Ki", "512"),
        ("1023", "1023"),
        ("0.1Ki", "102400m"),
        ("1025Ki", "1025Ki"),
        ("100.035Ki", "102435840m"),
        ("0.000000000001Ki", "2n"),
        ("100Ti", "100Ti"),
        ("9Ei", "9223372036854775807"),
        ("9223372036854775807Ki", "9223372036854775807"),
        ("-9Ei", "-9223372036854775807"),
        ("3.001n", "4n"),
        ("0.0000000001", "1n"),
        ("-0.0000000001", "-1n"),
        ("1e3", "1e3"),
        ("1e1", "10"),
        ("1.2e3", "1200"),
        ("1e-9", "1e-9"),
        ("1.1E-9", "2e-9"),
        ("12E", "12E"),
        ("1000000E", "1e24"),
        ("92233720368547758080", "92233720368547758080"),
        ("9223372036854775808000", "9223372036854775808k"),
        ("1e1000000000", "10e999999999"),
        ("1e-1000000000", "1e-9"),
        ("-5Ki", "-5Ki"),
        ("8Ki", "8Ki"),
    ] {
        assert_eq!(q(text).to_string(), canonical, "{text}");
        assert_eq!(q(canonical), q(text), "{canonical} is {text}");
    }
}

#[test]
fn keeps_spellings_that_upstream_keeps() {
    // Upstream hands a text back as it came when its scale is a multiple of three already and it
    // does not end in a group of zeros, whatever else is odd about it.
    for text in ["+5", "1.500", "005", "5.", "1E3", "1e+3", "5e0", "+5Ki", "5e03"] {
        assert_eq!(q(text).to_string(), text);
    }
    for (text, canonical) in [
        ("1.000", "1"),
        ("+1000", "1k"),
        ("+8Ki", "8Ki"),
        ("0.500", "500m"),
        ("+0", "0"),
    ] {
        assert_eq!(q(text).to_string(), canonical);
    }
    let mut sum = q("1.500");
    sum.add(&Quantity::from(0));
    assert_eq!(sum.to_string(), "1500m", "arithmetic writes anew");
}

#[test]
fn refuses_what_upstream_refuses() {
    use ParseQuantityError::{Format, Numeric, Suffix};
    for (text, error) in [
        ("", Format),
        ("aoeu", Format),
        (" 1", Format),
        ("1 ", Format),
        ("1.1.M", Format),
        ("1+1.0M", Format),
        ("0.1am", Format),
        ("0.1mi", Suffix),
        (".5i", Suffix),
        ("1i", Suffix),
        ("-3.01i", Suffix),
        ("-3.01e-", Suffix),
        ("1e", Suffix),
        ("e-10", Numeric),
        ("+e-10", Numeric),
    ] {
        assert_eq!(text.parse::<Quantity>(), Err(error), "{text:?}");
    }
    // Without digits there is a zero, odd as it is.
    for text in ["+", "-.", ".", "m", "Ki"] {
        assert!(q(text).is_zero(), "{text:?}");
    }
    assert_eq!(
        Format.to_string(),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    );
}

#[test]
fn values_round_away_from_zero() {
    for (text, value, milli) in [
        ("1", 1, 1000),
        ("100m", 1, 100),
        ("-100m", -1, -100),
        ("1500m", 2, 1500),
        ("1n", 1, 1),
        ("1Gi", 1 << 30, (1 << 30) * 1000),
        ("1e30", 0, 0),
        ("12E", 0, 0),
        ("92233720368547758.08", 92_233_720_368_547_759, 0),
        ("9Ei", i64::MAX, 0),
    ] {
        assert_eq!((q(text).value(), q(text).milli_value()), (value, milli), "{text}");
    }
    assert_eq!(q("1500m").as_i64(), None);
    assert_eq!(q("2000m").as_i64(), Some(2));
    assert_eq!(q("12E").checked_scaled_value(18), Some(12));
    assert_eq!(q("12E").checked_scaled_value(0), None);
}

#[test]
fn rounds_to_a_scale() {
    for (text, scale, rounded, exact) in [
        ("9.01", -3, "9010m", true),
        ("9.01", -1, "9100m", false),
        ("9.01", 0, "10", false),
        ("9.01", 2, "100", false),
        ("-9.01", 0, "-10", false),
        ("-9.01", 2, "-100", false),
        ("92233720368547758.08", 0, "92233720368547759", false),
        ("1n", 30, "1e30", false),
    ] {
        let mut value = q(text);
        assert_eq!(value.round_up(scale), exact, "{text} to {scale}");
        assert_eq!(value, q(rounded), "{text} to {scale}");
    }
}

#[test]
fn sums_keep_the_format_of_what_is_not_zero() {
    let mut sum = Quantity::default();
    sum.add(&q("1Gi"));
    sum += &q("1Gi");
    assert_eq!(sum.to_string(), "2Gi");
    sum -= &q("2Gi");
    sum.sub(&q("100m"));
    assert_eq!(sum.to_string(), "-100m");
    let mut large = Quantity::from(i64::MAX);
    large.add(&Quantity::from(1));
    assert_eq!(large.to_string(), "9223372036854775808");
    large.sub(&q("1n"));
    assert_eq!(large.to_string(), "9223372036854775807999999999n");
    let mut least = Quantity::from(i64::MIN);
    least.neg();
    assert_eq!(least.to_string(), "9223372036854775808");
    assert!(!least.mul(2));
    assert!(q("3").mul(7));
    let mut huge = q("1e1000000000");
    huge.add(&q("1n"));
    assert_eq!(huge, q("1e1000000000"), "what is too far apart is lost");
}

#[test]
fn compares_without_expanding_exponents() {
    let ordered = [
        "-1e2000000000",
        "-1Ki",
        "-1n",
        "0",
        "1n",
        "1m",
        "999m",
        "1",
        "1k",
        "1Ki",
        "9Ei",
        "1e20",
        "1e2000000000",
    ];
    for (i, a) in ordered.iter().enumerate() {
        for (j, b) in ordered.iter().enumerate() {
            assert_eq!(q(a).cmp(&q(b)), i.cmp(&j), "{a} {b}");
        }
    }
    assert_eq!(q("10000T").cmp(&q("100Gi")), Ordering::Greater);
}

#[test]
fn json() {
    for (json, text) in [
        (json!("100m"), "100m"),
        (json!(" 2Gi "), "2Gi"),
        (json!(3), "3"),
        (json!(0.1), "100m"),
        (json!(-7000), "-7k"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(null), "0"),
    ] {
        let from_value: Quantity = serde_json::from_value(json.clone()).unwrap();
        let from_bytes: Quantity = serde_json::from_slice(json.to_string().as_bytes()).unwrap();
        assert_eq!(from_value.to_string(), text, "{json}");
        assert_eq!(from_bytes.to_string(), text, "{json}");
        assert_eq!(serde_json::to_value(&from_value).unwrap(), json!(text));
    }
    for json in [json!(true), json!("x"), json!([1]), json!({"a": 1})] {
        let error = serde_json::from_value::<Quantity>(json).unwrap_err();
        assert_eq!(error.to_string(), ParseQuantityError::Format.to_string());
    }
}

#[test]
fn floats() {
    for (text, value) in [
        ("1500m", 1.5),
        ("1Ki", 1024.0),
        ("1n", 1e-9),
        ("1e30", 1e30),
        ("12E", 12e18),
        ("-0.1", -0.1),
    ] {
        assert_eq!(q(text).as_f64(), value, "{text}");
    }
    assert_eq!(q("1e1000000000").as_f64(), f64::INFINITY);
}

/// A number as nanos, exactly.
fn nanos(whole: i64, nanos: u32, negative: bool) -> i128 {
    let magnitude = i128::from(whole) * 1_000_000_000 + i128::from(nanos);
    if negative { -magnitude } else { magnitude }
}

fn hash(quantity: &Quantity) -> u64 {
    let mut hasher = DefaultHasher::new();
    quantity.hash(&mut hasher);
    hasher.finish()
}

/// Texts with the value that they have in nanos.
fn numbers() -> impl Strategy<Value = (String, i128)> {
    let units = prop::sample::select(vec![
        ("", 1_i128),
        ("k", 1_000),
        ("M", 1_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("e3", 1_000),
        ("Ki", 1 << 10),
        ("Gi", 1 << 30),
    ]);
    (0..1_000_000_000_i64, 0..1_000_000_000_u32, any::<bool>(), units).prop_map(
        |(whole, part, negative, (unit, factor))| {
            let sign = if negative { "-" } else { "" };
            (
                format!("{sign}{whole}.{part:09}{unit}"),
                nanos(whole, part, negative) * factor,
            )
        },
    )
}

proptest! {
    #[test]
    fn behaves_like_a_fraction((a, x) in numbers(), (b, y) in numbers()) {
        let (a, b) = (q(&a), q(&b));
        // Binary units are capped.
        prop_assume!(x.abs() <= i128::from(i64::MAX) * 1_000_000_000 || a.format() != Format::BinarySI);
        prop_assume!(y.abs() <= i128::from(i64::MAX) * 1_000_000_000 || b.format() != Format::BinarySI);
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        let (mut sum, mut difference) = (a.clone(), a.clone());
        sum.add(&b);
        difference.sub(&b);
        prop_assert_eq!(&sum, &q(&format!("{}n", x + y)));
        prop_assert_eq!(&difference, &q(&format!("{}n", x - y)));
        prop_assert_eq!(hash(&sum), hash(&q(&format!("{}n", x + y))));
        let up = x / 1_000_000_000 + (x % 1_000_000_000).signum();
        prop_assert_eq!(a.checked_scaled_value(0), i64::try_from(up).ok());
    }

    #[test]
    fn text_goes_round((text, _) in numbers()) {
        let value = q(&text);
        let canonical = value.to_string();
        let again = q(&canonical);
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(again.to_string(), canonical);
    }

    #[test]
    fn never_panics(text in "[+-]?[0-9.]{0,24}[eEinumkKMGTP]{0,2}[-+]?[0-9]{0,11}") {
        if let Ok(value) = text.parse::<Quantity>() {
            prop_assert_eq!(q(&value.to_string()), value.clone());
            let _ = (value.value(), value.milli_value(), value.as_f64(), hash(&value));
        }
    }
}
