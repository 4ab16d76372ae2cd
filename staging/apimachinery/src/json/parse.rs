//! A JSON reader that keeps count of duplicate fields.
//!
//! It differs from serde_json where Go does: invalid UTF-8 and lone surrogates become U+FFFD, whole
//! numbers beyond 64 bits become floats, floats without a fraction become whole numbers (Go writes
//! them so), and of equal keys the last one wins.

use serde_json::{Map, Number, Value};

use super::text::{Text, read_string};

/// How deep values may be nested. Go allows 10,000; everything here that walks values recurses, and
/// no more than this fits the stack of a worker thread with a margin.
pub const MAX_DEPTH: usize = 256;

/// As many duplicates are told, as upstream.
const MAX_DUPLICATES: usize = 100;

/// Why a text is not JSON; worded as Go's `encoding/json`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text ends too early.
    #[error("unexpected end of JSON input")]
    End,
    /// A character that cannot stand where it does.
    #[error("invalid character {} {context}", show(*.byte))]
    Character {
        /// The first byte of the character.
        byte: u8,
        /// Where it stands.
        context: String,
        /// How many bytes are in front of it.
        offset: usize,
    },
    /// Deeper than [`MAX_DEPTH`].
    #[error("invalid character {} exceeded max depth", show(*.0))]
    Depth(u8),
    /// A number that no float can hold.
    #[error("json: cannot unmarshal number {0} into Go value of type float64")]
    Number(String),
}

/// A byte as Go shows the character that it would be.
fn show(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => r#"'"'"#.into(),
        _ => {
            let quoted = k8s_api::primitives::quote(&char::from(byte).to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

/// A value and what is doubtful about its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The value.
    pub value: Value,
    /// The paths of fields that stand more than once (`spec.containers[0].name`), each path once,
    /// in the order of the text.
    pub duplicates: Vec<String>,
}

impl Parsed {
    /// The complaints of strict decoding: `duplicate field "spec.replicas"`.
    pub fn strict_errors(&self) -> impl Iterator<Item = String> {
        self.duplicates
            .iter()
            .map(|path| format!("duplicate field {}", k8s_api::primitives::quote(path)))
    }
}

/// Reads one JSON value. Of equal keys the last one wins.
///
/// # Errors
/// If the text is not one JSON value, or is nested too deep.
pub fn parse(json: &[u8]) -> Result<Value, JsonError> {
    Parser {
        text: Text::new(json),
        duplicates: None,
    }
    .document()
}

/// Reads one JSON value and tells which fields stand more than once.
///
/// # Errors
/// Like [`parse`].
pub fn parse_strict(json: &[u8]) -> Result<Parsed, JsonError> {
    let mut parser = Parser {
        text: Text::new(json),
        duplicates: Some(Vec::new()),
    };
    let value = parser.document()?;
    let mut duplicates = Vec::new();
    for path in parser.duplicates.unwrap_or_default() {
        let path = path.strip_prefix('.').unwrap_or(&path);
        if duplicates.len() < MAX_DUPLICATES && !duplicates.iter().any(|d| d == path) {
            duplicates.push(path.to_owned());
        }
    }
    Ok(Parsed { value, duplicates })
}

struct Parser<'a> {
    text: Text<'a>,
    /// Paths of duplicate fields, with a dot or bracket in front; relative to the value that is
    /// being read. `None` if nobody asks.
    duplicates: Option<Vec<String>>,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, JsonError> {
        let value = self.value(0)?;
        self.text.skip_space();
        match self.text.peek() {
            None => Ok(value),
            Some(byte) => Err(self.text.unexpected(byte, "after top-level value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.text.skip_space();
        match self.text.peek().ok_or(JsonError::End)? {
            open @ (b'{' | b'[') if depth > MAX_DEPTH => Err(JsonError::Depth(open)),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => read_string(&mut self.text).map(Value::String),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            byte => Err(self.text.unexpected(byte, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, name: &str, value: Value) -> Result<Value, JsonError> {
        for expected in name.bytes() {
            match self.text.peek().ok_or(JsonError::End)? {
                byte if byte == expected => self.text.advance(),
                byte => {
                    let context = format!("in literal {name} (expecting {})", show(expected));
                    return Err(self.text.unexpected(byte, &context));
                }
            }
        }
        Ok(value)
    }

    /// One digit or more.
    fn digits(&mut self, context: &str) -> Result<(), JsonError> {
        match self.text.peek().ok_or(JsonError::End)? {
            b'0'..=b'9' => {}
            byte => return Err(self.text.unexpected(byte, context)),
        }
        while matches!(self.text.peek(), Some(b'0'..=b'9')) {
            self.text.advance();
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.text.offset();
        let mut whole = true;
        if self.text.peek() == Some(b'-') {
            self.text.advance();
        }
        if self.text.peek() == Some(b'0') {
            self.text.advance();
        } else {
            self.digits("in numeric literal")?;
        }
        if self.text.peek() == Some(b'.') {
            whole = false;
            self.text.advance();
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.text.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.text.advance();
            if matches!(self.text.peek(), Some(b'+' | b'-')) {
                self.text.advance();
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = self.text.since(start);
        if whole && let Ok(number) = text.parse::<i64>() {
            return Ok(number.into());
        }
        // `1e1` stays a float: a typed decoder refuses it where it wants an integer.
        let float = text.parse().unwrap_or(f64::INFINITY);
        Number::from_f64(float)
            .map(Value::Number)
            .ok_or_else(|| JsonError::Number(text.to_owned()))
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.text.advance();
        let mut items = Vec::new();
        self.text.skip_space();
        if self.text.peek() == Some(b']') {
            self.text.advance();
            return Ok(Value::Array(items));
        }
        loop {
            let known = self.known_duplicates();
            items.push(self.value(depth + 1)?);
            self.locate_duplicates(known, || format!("[{}]", items.len() - 1));
            self.text.skip_space();
            match self.text.peek().ok_or(JsonError::End)? {
                b',' => self.text.advance(),
                b']' => {
                    self.text.advance();
                    return Ok(Value::Array(items));
                }
                byte => return Err(self.text.unexpected(byte, "after array element")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.text.advance();
        let mut members = Map::new();
        self.text.skip_space();
        if self.text.peek() == Some(b'}') {
            self.text.advance();
            return Ok(Value::Object(members));
        }
        loop {
            self.text.skip_space();
            match self.text.peek().ok_or(JsonError::End)? {
                b'"' => {}
                byte => return Err(self.text.unexpected(byte, "looking for beginning of object key string")),
            }
            let key = read_string(&mut self.text)?;
            self.text.skip_space();
            match self.text.peek().ok_or(JsonError::End)? {
                b':' => self.text.advance(),
                byte => return Err(self.text.unexpected(byte, "after object key")),
            }
            if let Some(duplicates) = &mut self.duplicates
                && members.contains_key(&key)
            {
                duplicates.push(format!(".{key}"));
            }
            let known = self.known_duplicates();
            let value = self.value(depth + 1)?;
            self.locate_duplicates(known, || format!(".{key}"));
            members.insert(key, value);
            self.text.skip_space();
            match self.text.peek().ok_or(JsonError::End)? {
                b',' => self.text.advance(),
                b'}' => {
                    self.text.advance();
                    return Ok(Value::Object(members));
                }
                byte => return Err(self.text.unexpected(byte, "after object key:value pair")),
            }
        }
    }

    fn known_duplicates(&self) -> usize {
        self.duplicates.as_ref().map_or(0, Vec::len)
    }

    /// Puts the step to a value in front of the duplicates that were found in it.
    fn locate_duplicates(&mut self, known: usize, step: impl FnOnce() -> String) {
        let Some(duplicates) = &mut self.duplicates else { return };
        // Those beyond the limit would not be told anyway, but for repetitions.
        duplicates.truncate(known.max(MAX_DUPLICATES * 100));
        if duplicates.len() > known {
            let step = step();
            for path in &mut duplicates[known..] {
                path.insert_str(0, &step);
            }
        }
    }
}

/// A float as a JSON number; without a fraction, and within 64 bits, as a whole one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "the range and the fraction are checked"
)]
pub(super) fn number_from_f64(float: f64) -> Option<Value> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float.trunc() == float && (-LIMIT..LIMIT).contains(&float) {
        return Some((float as i64).into());
    }
    Number::from_f64(float).map(Value::Number)
}
