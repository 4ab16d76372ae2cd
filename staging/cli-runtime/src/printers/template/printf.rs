//! `print` and `printf` (upstream: Go's `fmt`).

use k8s_api::primitives::quote;
use serde_json::Value;

use super::functions::{Data, as_floats};
use crate::gotext::{go_syntax, go_value};

/// A value as `%v` writes it.
pub(super) fn plain(data: &Data<'_>) -> String {
    match data {
        Data::Missing => "<nil>".to_owned(),
        Data::Int(value) => value.to_string(),
        Data::Json(value) => go_value(&as_floats(value)),
    }
}

fn text<'d>(data: &'d Data<'_>) -> Option<&'d str> {
    match data {
        Data::Json(value) => value.as_str(),
        _ => None,
    }
}

/// The values with a blank between two that are not texts.
pub(super) fn sprint(arguments: &[Data<'_>]) -> String {
    let mut out = String::new();
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 && text(argument).is_none() && text(&arguments[index - 1]).is_none() {
            out.push(' ');
        }
        out.push_str(&plain(argument));
    }
    out
}

#[derive(Default)]
struct Form {
    minus: bool,
    plus: bool,
    sharp: bool,
    zero: bool,
    blank: bool,
    width: usize,
    precision: Option<usize>,
}

/// Text after a format.
pub(super) fn sprintf(format: &str, arguments: &[Data<'_>]) -> String {
    let mut out = String::new();
    let mut rest = arguments.iter();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut form = Form::default();
        while let Some(flag) = letters.next_if(|c| matches!(c, '-' | '+' | '#' | '0' | ' ')) {
            match flag {
                '-' => form.minus = true,
                '+' => form.plus = true,
                '#' => form.sharp = true,
                '0' => form.zero = true,
                _ => form.blank = true,
            }
        }
        let mut digits = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut number = None;
            if letters.next_if_eq(&'*').is_some() {
                return rest.next().and_then(|data| match data {
                    Data::Int(value) => usize::try_from(*value).ok(),
                    _ => None,
                });
            }
            while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                let digit = digit.to_digit(10).unwrap_or(0) as usize;
                number = Some(number.unwrap_or(0).min(100_000) * 10 + digit);
            }
            number
        };
        form.width = digits(&mut letters).unwrap_or(0);
        if letters.next_if_eq(&'.').is_some() {
            form.precision = Some(digits(&mut letters).unwrap_or(0));
        }
        match letters.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match rest.next() {
                Some(data) => out.push_str(&padded(&form, &one(verb, &form, data))),
                None => out.push_str(&format!("%!{verb}(MISSING)")),
            },
        }
    }
    let extra: Vec<String> = rest.map(|data| format!("{}={}", data.go_type(), plain(data))).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn padded(form: &Form, text: &str) -> String {
    let missing = form.width.saturating_sub(text.chars().count());
    if form.minus {
        return format!("{text}{}", " ".repeat(missing));
    }
    if form.zero {
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => text.split_at(text.len() - digits.len()),
            None => ("", text),
        };
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    format!("{}{text}", " ".repeat(missing))
}

fn one(verb: char, form: &Form, data: &Data<'_>) -> String {
    let bad = || format!("%!{verb}({}={})", data.go_type(), plain(data));
    if let Data::Json(value) = data
        && value.is_null()
        && verb != 'v'
    {
        return format!("%!{verb}(<nil>)");
    }
    if matches!(data, Data::Missing) && verb != 'v' {
        return format!("%!{verb}(<nil>)");
    }
    match (verb, data) {
        ('v', Data::Json(value)) if form.sharp => go_syntax(&as_floats(value)),
        ('v', _) => plain(data),
        ('T', _) => data.go_type().to_owned(),
        ('d' | 'b' | 'o' | 'x' | 'X' | 'c' | 'q' | 'U', Data::Int(value)) => integer(verb, form, *value),
        (_, Data::Json(value)) => match (verb, value.as_ref()) {
            ('t', Value::Bool(flag)) => flag.to_string(),
            ('s', Value::String(text)) => truncated(form, text),
            ('q', Value::String(text)) => quote(&truncated(form, text)),
            ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('X', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            ('e' | 'f' | 'F' | 'g', Value::Number(number)) => float(verb, form, number.as_f64().unwrap_or(0.0)),
            (_, Value::Array(items)) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| one(verb, form, &Data::of(item.clone())))
                    .collect();
                format!("[{}]", items.join(" "))
            }
            (_, Value::Object(members)) => {
                let member = |(key, value): (&String, &Value)| {
                    let key = one(verb, form, &Data::of(key.as_str()));
                    format!("{key}:{}", one(verb, form, &Data::of(value.clone())))
                };
                let members: Vec<_> = members.iter().map(member).collect();
                format!("map[{}]", members.join(" "))
            }
            _ => bad(),
        },
        _ => bad(),
    }
}

fn truncated(form: &Form, text: &str) -> String {
    match form.precision {
        Some(length) => text.chars().take(length).collect(),
        None => text.to_owned(),
    }
}

fn integer(verb: char, form: &Form, value: i64) -> String {
    let sign = match () {
        () if value < 0 => "-",
        () if form.plus => "+",
        () if form.blank => " ",
        () => "",
    };
    let magnitude = value.unsigned_abs();
    let letter = u32::try_from(value).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    match verb {
        'c' => letter.to_string(),
        'q' => format!("'{letter}'"),
        'U' => format!("U+{value:04X}"),
        'b' => format!("{sign}{magnitude:b}"),
        'o' => format!("{sign}{magnitude:o}"),
        'x' => format!("{sign}{magnitude:x}"),
        'X' => format!("{sign}{magnitude:X}"),
        _ => format!("{sign}{magnitude}"),
    }
}

fn float(verb: char, form: &Form, value: f64) -> String {
    let precision = form.precision.unwrap_or(6);
    let text = match verb {
        'e' => {
            let text = format!("{value:.precision$e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        'g' => crate::gotext::go_float(value),
        _ => format!("{value:.precision$}"),
    };
    if form.plus && value >= 0.0 {
        format!("+{text}")
    } else {
        text
    }
}
