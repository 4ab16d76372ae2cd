//! YAML output as `sigs.k8s.io/yaml` writes it.
//!
//! Keys in natural order, sequences at the column of their key, strings plain unless they would
//! read back as something else, texts of several lines as literal blocks, long lines folded behind
//! column 80. Which quotes a string gets follows the emitter of libyaml.

use std::cmp::Ordering;

use k8s_api::primitives::Time;
use serde_json::{Map, Value};

/// The document, with a line break at its end.
#[must_use]
pub fn to_string(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::with_capacity(1024),
        column: 0,
    };
    match value {
        Value::Object(members) if !members.is_empty() => emitter.mapping(members, 0, false),
        Value::Array(elements) if !elements.is_empty() => emitter.sequence(elements, 0, false),
        scalar => emitter.leaf(scalar, 0),
    }
    emitter.fresh_line();
    emitter.out
}

/// Column behind which a line is folded at its next space.
const WIDTH: usize = 80;
/// Keys longer than this are written as `? key`.
const SIMPLE_KEY: usize = 128;

struct Emitter {
    out: String,
    column: usize,
}

impl Emitter {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column = if c == '\n' { 0 } else { self.column + 1 };
    }

    fn write(&mut self, text: &str) {
        text.chars().for_each(|c| self.put(c));
    }

    fn fresh_line(&mut self) {
        if self.column > 0 {
            self.put('\n');
        }
    }

    fn indent(&mut self, columns: usize) {
        self.fresh_line();
        (0..columns).for_each(|_| self.put(' '));
    }

    /// `inline`: the first key goes on the current line, behind a dash.
    fn mapping(&mut self, members: &Map<String, Value>, indent: usize, inline: bool) {
        let mut keys: Vec<&String> = members.keys().collect();
        keys.sort_by(|a, b| natural(a, b));
        for (index, key) in keys.into_iter().enumerate() {
            if index > 0 || !inline {
                self.indent(indent);
            }
            let simple = key.len() <= SIMPLE_KEY && !key.contains(is_break);
            if simple {
                self.string(key, indent, true);
            } else {
                self.write("? ");
                self.string(key, indent, false);
                self.indent(indent);
            }
            self.put(':');
            self.below(&members[key], indent, true);
        }
    }

    fn sequence(&mut self, elements: &[Value], indent: usize, inline: bool) {
        for (index, element) in elements.iter().enumerate() {
            if index > 0 || !inline {
                self.indent(indent);
            }
            self.put('-');
            self.below(element, indent, false);
        }
    }

    /// The value behind a colon (`of_mapping`) or a dash of a collection at `indent`.
    fn below(&mut self, value: &Value, indent: usize, of_mapping: bool) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                if !of_mapping {
                    self.put(' ');
                }
                self.mapping(members, indent + 2, !of_mapping);
            }
            Value::Array(elements) if !elements.is_empty() => {
                if of_mapping {
                    self.sequence(elements, indent, false);
                } else {
                    self.put(' ');
                    self.sequence(elements, indent + 2, true);
                }
            }
            scalar => {
                self.put(' ');
                self.leaf(scalar, indent);
            }
        }
    }

    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.write("null"),
            Value::Bool(b) => self.write(if *b { "true" } else { "false" }),
            Value::Number(n) => match n.as_f64().filter(|_| n.is_f64()) {
                Some(float) => self.write(&general_float(float)),
                None => self.write(&n.to_string()),
            },
            Value::String(s) => self.string(s, indent, false),
            Value::Array(_) => self.write("[]"),
            Value::Object(_) => self.write("{}"),
        }
    }

    fn string(&mut self, text: &str, indent: usize, key: bool) {
        let shape = Shape::of(text);
        let plain = is_plain_string(text);
        if text.contains('\n') && shape.literal && !key {
            self.literal(text, indent + 2);
        } else if text.contains('\n') || !plain {
            self.double_quoted(text, indent + 2, !key);
        } else if shape.plain {
            self.plain(text, indent + 2, !key);
        } else if shape.single {
            self.single_quoted(text, indent + 2, !key);
        } else {
            self.double_quoted(text, indent + 2, !key);
        }
    }

    fn plain(&mut self, text: &str, indent: usize, fold: bool) {
        let mut spaces = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' && fold && !spaces && self.column > WIDTH && chars.peek().is_some_and(|n| *n != ' ') {
                self.indent(indent);
            } else {
                self.put(c);
            }
            spaces = c == ' ';
        }
    }

    fn single_quoted(&mut self, text: &str, indent: usize, fold: bool) {
        self.put('\'');
        let mut spaces = false;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((index, c)) = chars.next() {
            let foldable = c == ' ' && fold && !spaces && index > 0;
            if foldable && self.column > WIDTH && chars.peek().is_some_and(|(_, n)| *n != ' ') {
                self.indent(indent);
            } else {
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
            }
            spaces = c == ' ';
        }
        self.put('\'');
    }

    fn double_quoted(&mut self, text: &str, indent: usize, fold: bool) {
        self.put('"');
        let mut spaces = false;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((index, c)) = chars.next() {
            if !is_printable(c) || is_break(c) || matches!(c, '"' | '\\' | '\u{feff}') {
                self.escape(c);
                spaces = false;
            } else if c == ' ' {
                let next = chars.peek().map(|(_, n)| *n);
                if fold && !spaces && self.column > WIDTH && index > 0 && next.is_some() {
                    self.indent(indent);
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.put('"');
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let text = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                self.write(&text);
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put('|');
        if text.starts_with(|c: char| c == ' ' || is_break(c)) {
            self.put('2');
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().is_some_and(is_break), from_end.next()) {
            (false, _) => self.put('-'),
            (true, None) => self.put('+'),
            (true, Some(c)) if is_break(c) => self.put('+'),
            (true, Some(_)) => {}
        }
        self.put('\n');
        let mut start_of_line = true;
        for c in text.chars() {
            if is_break(c) {
                self.put(c);
                self.column = 0;
                start_of_line = true;
            } else {
                if start_of_line {
                    self.indent(indent);
                }
                self.put(c);
                start_of_line = false;
            }
        }
    }
}

/// Which styles a string's characters allow.
struct Shape {
    plain: bool,
    single: bool,
    literal: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self {
                plain: true,
                single: true,
                literal: false,
            };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut break_space, mut space_break) = (false, false, false, false);
        let (mut previous_space, mut previous_break) = (false, false);
        let mut after_blank = true;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((index, c)) = chars.next() {
            let before_blank = chars.peek().is_none_or(|(_, n)| matches!(n, ' ' | '\t'));
            indicators |= match c {
                '#' => index == 0 || after_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => index == 0,
                '?' | '-' => index == 0 && before_blank,
                ':' => before_blank,
                _ => false,
            };
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= previous_break;
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
            }
            previous_space = c == ' ';
            previous_break = is_break(c);
            after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
        }
        let edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
        let edges = edge(text.chars().next()) || edge(text.chars().next_back());
        Self {
            plain: !indicators && !edges && !breaks && !special && !break_space && !space_break,
            single: !break_space && !space_break && !special,
            literal: !text.ends_with(' ') && !space_break && !special,
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What the emitter writes as it is; nothing outside the basic plane.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Whether the text, unquoted, would be read as the same string.
fn is_plain_string(text: &str) -> bool {
    let Some(first) = text.bytes().next() else { return false };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => !is_word(text),
        b'.' => !is_word(text) && text.parse::<f64>().is_err(),
        b'+' | b'-' | b'0'..=b'9' => {
            !is_word(text) && !is_timestamp(text) && !is_number(text) && !is_base60_float(text)
        }
        _ => true,
    }
}

fn is_word(text: &str) -> bool {
    const WORDS: [&str; 34] = [
        "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no", "No", "NO", "false",
        "False", "FALSE", "off", "Off", "OFF", "~", "null", "Null", "NULL", ".nan", ".NaN", ".NAN", ".inf", ".Inf",
        ".INF", "<<", "",
    ];
    let unsigned = text
        .strip_prefix(['+', '-'])
        .filter(|t| t.starts_with(".i") || t.starts_with(".I"));
    WORDS.contains(&text) || unsigned.is_some_and(|t| matches!(t, ".inf" | ".Inf" | ".INF"))
}

fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let radix = |prefixes: [&str; 2], radix: u32| {
        let body = prefixes.iter().find_map(|p| digits.strip_prefix(p));
        body.is_some_and(|b| !b.starts_with(['+', '-']) && u64::from_str_radix(b, radix).is_ok())
    };
    if radix(["0x", "0X"], 16) || radix(["0o", "0O"], 8) || radix(["0b", "0B"], 2) {
        return true;
    }
    is_style_float(digits)
}

/// Digits with an optional point and exponent; integers too.
fn is_style_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        None => digits(mantissa),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
    };
    mantissa && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// `1:30`, which YAML 1.1 readers take for a number in base 60.
fn is_base60_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let head = parts.next().is_some_and(|h| {
        h.starts_with(|c: char| c.is_ascii_digit()) && h.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    });
    let rest: Vec<&str> = parts.collect();
    let sixtieth = |p: &str| match p.as_bytes() {
        [a] => a.is_ascii_digit(),
        [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
        _ => false,
    };
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    head && middle.iter().all(|p| sixtieth(p))
        && sixtieth(last)
        && fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// A date, or a date and a time of day, as the reader would take it.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let (date, clock) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((bytes[at], &text[at + 1..]))),
        None => (text, None),
    };
    let padded = |separator: char, text: &str| {
        let parts: Vec<&str> = text.split(separator).collect();
        let valid = parts
            .iter()
            .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        valid.then(|| parts.iter().map(|p| format!("{p:0>2}")).collect::<Vec<_>>())
    };
    let Some(date) = padded('-', date).filter(|d| d.len() == 3).map(|d| d.join("-")) else {
        return false;
    };
    let Some((separator, clock)) = clock else {
        return format!("{date}T00:00:00Z").parse::<Time>().is_ok();
    };
    let zone_at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let (clock, fraction) = clock.split_at(clock.find('.').unwrap_or(clock.len()));
    let Some(clock) = padded(':', clock).filter(|c| c.len() == 3).map(|c| c.join(":")) else {
        return false;
    };
    let zone = match (separator, zone) {
        (b' ', "") => "Z",
        (b' ', _) => return false,
        (_, zone) => zone,
    };
    format!("{date}T{clock}{fraction}{zone}").parse::<Time>().is_ok()
}

/// Go's `%g` with the shortest digits.
fn general_float(n: f64) -> String {
    let scientific = format!("{n:e}");
    let exponent: i32 = scientific
        .split_once('e')
        .and_then(|(_, e)| e.parse().ok())
        .unwrap_or(0);
    let digits = scientific.split('e').next().unwrap_or_default();
    // The shortest form has an exponent from 21 digits on.
    if n != 0.0 && !(-4..21).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{n}")
}

/// The order of keys: letters before nothing, runs of digits by their value.
fn natural(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let digit = |c: char| c.is_ascii_digit();
    for i in 0..left.len().min(right.len()) {
        let (l, r) = (left[i], right[i]);
        if l == r {
            continue;
        }
        match (l.is_alphabetic(), r.is_alphabetic()) {
            (true, true) => return l.cmp(&r),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        // A zero inside a number counts as a digit of it.
        let inside = (l == '0' || r == '0') && left[..i].iter().rev().take_while(|c| digit(**c)).any(|c| *c != '0');
        let start = i64::from(inside);
        let run = |chars: &[char]| {
            let digits = chars[i..].iter().take_while(|c| digit(**c));
            digits.fold((start, 0usize), |(n, count), c| {
                (
                    n.wrapping_mul(10)
                        .wrapping_add(i64::from(u32::from(*c) - u32::from('0'))),
                    count + 1,
                )
            })
        };
        return run(&left).cmp(&run(&right)).then(l.cmp(&r));
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ambiguous_strings_are_quoted() {
        let strings = json!({
            "bool": "true", "colon": "a: b", "date": "2001-01-01", "empty": "", "float": "1.50", "lines": "a\nb\n",
            "null": "null", "number": "12", "octal": "010", "space": " x ", "star": "*x", "tab": "a\tb", "tilde": "~",
            "unicode": "žluť", "yes": "yes", "dash": "-", "base60": "1:30", "hex": "0x1f", "time": "2024-01-02T03:04:05Z",
            "plain": "nginx:1.25", "emoji": "\u{1f600}", "hash": "a #b", "quote": "it's", "exp": "1e3", "neg": "-5",
            "under": "1_000", "version": "1.2.3", "keep": "a\n\n", "strip": "a\n b", "inf": "-.inf"
        });
        assert_eq!(
            to_string(&strings),
            r#"base60: "1:30"
bool: "true"
colon: 'a: b'
dash: '-'
date: "2001-01-01"
emoji: "\U0001F600"
empty: ""
exp: "1e3"
float: "1.50"
hash: 'a #b'
hex: "0x1f"
inf: "-.inf"
keep: |+
  a

lines: |
  a
  b
neg: "-5"
"null": "null"
number: "12"
octal: "010"
plain: nginx:1.25
quote: it's
space: ' x '
star: '*x'
strip: |-
  a
   b
tab: "a\tb"
tilde: "~"
time: "2024-01-02T03:04:05Z"
under: "1_000"
unicode: žluť
version: 1.2.3
"yes": "yes"
"#
        );
    }

    #[test]
    fn collections_are_laid_out_as_upstream_does() {
        let value = json!({
            "a": [1, {"b": [true, null], "c": {}}, [], [["x"], 2.5]],
            "k10": 1, "k9": 1.0e22,
        });
        assert_eq!(
            to_string(&value),
            "a:\n- 1\n- b:\n  - true\n  - null\n  c: {}\n- []\n- - - x\n  - 2.5\nk9: 1e+22\nk10: 1\n"
        );
        assert_eq!(to_string(&json!({})), "{}\n");
        assert_eq!(to_string(&json!("x")), "x\n");
    }

    #[test]
    fn long_lines_are_folded() {
        let word = "word ".repeat(30);
        let text = to_string(&json!({"message": word.trim_end(), "quoted": format!("x: {}", word.trim_end())}));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].len(), 83);
        assert!(lines[1].starts_with("  word"), "{text}");
        assert!(lines[2].starts_with("quoted: 'x: word"), "{text}");
    }
}
