//! The bytes of a JSON text, and its strings.

use std::borrow::Cow;

use super::JsonError;

/// A position in a text.
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn advance(&mut self) {
        self.position += 1;
    }

    pub(super) fn offset(&self) -> usize {
        self.position
    }

    /// The text since `start`, which is ASCII.
    pub(super) fn since(&self, start: usize) -> &'a str {
        std::str::from_utf8(&self.bytes[start..self.position]).expect("a number is ASCII")
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.position += 1;
        }
    }

    pub(super) fn unexpected(&self, byte: u8, context: &str) -> JsonError {
        JsonError::Character {
            byte,
            context: context.into(),
            offset: self.position,
        }
    }
}

/// Text with one U+FFFD for each byte that is not UTF-8, as Go has it.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out.into()
}

/// Reads a string, whose opening quote is next.
pub(super) fn read_string(text: &mut Text<'_>) -> Result<String, JsonError> {
    text.advance();
    let mut out = String::new();
    loop {
        let start = text.position;
        let plain = text.bytes[start..]
            .iter()
            .position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
        text.position = plain.map_or(text.bytes.len(), |length| start + length);
        let chunk = &text.bytes[start..text.position];
        match text.peek().ok_or(JsonError::End)? {
            b'"' => {
                text.advance();
                if out.is_empty() {
                    return Ok(lossy(chunk).into_owned());
                }
                out.push_str(&lossy(chunk));
                return Ok(out);
            }
            b'\\' => {
                out.push_str(&lossy(chunk));
                text.advance();
                out.push(escape(text)?);
            }
            byte => return Err(text.unexpected(byte, "in string literal")),
        }
    }
}

/// Reads what follows a backslash.
fn escape(text: &mut Text<'_>) -> Result<char, JsonError> {
    let byte = text.peek().ok_or(JsonError::End)?;
    let plain = match byte {
        b'"' | b'\\' | b'/' => char::from(byte),
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            text.advance();
            return unicode(text);
        }
        _ => return Err(text.unexpected(byte, "in string escape code")),
    };
    text.advance();
    Ok(plain)
}

/// Reads four hexadecimal digits, and the other half of a surrogate pair if it follows.
fn unicode(text: &mut Text<'_>) -> Result<char, JsonError> {
    let first = hex(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    let after_first = text.position;
    if text.bytes[after_first..].starts_with(b"\\u") {
        text.position += 2;
        let second = hex(text)?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).expect("a surrogate pair is a character"));
        }
        text.position = after_first;
    }
    Ok(char::REPLACEMENT_CHARACTER)
}

fn hex(text: &mut Text<'_>) -> Result<u32, JsonError> {
    let mut code = 0;
    for _ in 0..4 {
        let byte = text.peek().ok_or(JsonError::End)?;
        let digit = char::from(byte).to_digit(16);
        let digit = digit.ok_or_else(|| text.unexpected(byte, "in \\u hexadecimal character escape"))?;
        code = code * 16 + digit;
        text.advance();
    }
    Ok(code)
}
