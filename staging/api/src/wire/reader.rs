//! Reads generated structs from JSON text or from a dynamic value.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned, de::Error as _, de::IgnoredAny};
use serde_json::{Error, Value};

/// Objects and lists within each other; what the stack allows with room to spare.
const MOST_NESTED: usize = 200;

/// A position before one value.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    input: Input<'a>,
    depth: usize,
}

#[derive(Debug)]
enum Input<'a> {
    Text {
        json: &'a [u8],
        at: usize,
    },
    /// The value to read next.
    Value(Value),
}

impl<'a> Reader<'a> {
    pub(crate) fn text(json: &'a [u8]) -> Self {
        Self {
            input: Input::Text { json, at: 0 },
            depth: 0,
        }
    }

    pub(crate) fn value(value: Value) -> Self {
        Self {
            input: Input::Value(value),
            depth: 0,
        }
    }

    /// Fails unless only white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(_) => Err(Error::custom("trailing characters")),
            None => Ok(()),
        }
    }

    /// The next byte of text that is no white space.
    fn peek(&mut self) -> Option<u8> {
        match &mut self.input {
            Input::Text { json, at } => {
                while matches!(json.get(*at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
                    *at += 1;
                }
                json.get(*at).copied()
            }
            Input::Value(_) => None,
        }
    }

    fn advance(&mut self) {
        if let Input::Text { at, .. } = &mut self.input {
            *at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek() == Some(byte) {
            self.advance();
            return Ok(());
        }
        Err(Error::custom(format_args!("expected `{}`", byte as char)))
    }

    /// Takes a `null`, if that is what comes next.
    pub(crate) fn take_null(&mut self) -> bool {
        if let Input::Value(value) = &self.input {
            return value.is_null();
        }
        if self.peek() != Some(b'n') {
            return false;
        }
        if let Input::Text { json, at } = &mut self.input
            && json[*at..].starts_with(b"null")
        {
            *at += 4;
            return true;
        }
        false
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MOST_NESTED {
            return Err(Error::custom("recursion limit exceeded"));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads an object member by member; `null` has none. `member` reads or skips each value.
    pub(crate) fn object(
        &mut self,
        member: &mut dyn FnMut(&str, &mut Reader<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.take_null() {
            return Ok(());
        }
        if let Input::Value(value) = &mut self.input {
            let Value::Object(members) = value.take() else {
                return Err(Error::custom("expected an object"));
            };
            return self.nested(|reader| {
                for (name, value) in members {
                    reader.input = Input::Value(value);
                    member(&name, reader)?;
                }
                Ok(())
            });
        }
        self.expect(b'{')?;
        self.nested(|reader| {
            if reader.peek() == Some(b'}') {
                reader.advance();
                return Ok(());
            }
            loop {
                let name = reader.text_string()?;
                reader.expect(b':')?;
                member(&name, reader)?;
                match reader.peek() {
                    Some(b',') => reader.advance(),
                    _ => return reader.expect(b'}'),
                }
            }
        })
    }

    /// Reads a list element by element; `null` has none.
    pub(crate) fn list(&mut self, element: &mut dyn FnMut(&mut Reader<'a>) -> Result<(), Error>) -> Result<(), Error> {
        if self.take_null() {
            return Ok(());
        }
        if let Input::Value(value) = &mut self.input {
            let Value::Array(elements) = value.take() else {
                return Err(Error::custom("expected an array"));
            };
            return self.nested(|reader| {
                for value in elements {
                    reader.input = Input::Value(value);
                    element(reader)?;
                }
                Ok(())
            });
        }
        self.expect(b'[')?;
        self.nested(|reader| {
            if reader.peek() == Some(b']') {
                reader.advance();
                return Ok(());
            }
            loop {
                element(reader)?;
                match reader.peek() {
                    Some(b',') => reader.advance(),
                    _ => return reader.expect(b']'),
                }
            }
        })
    }

    /// Number of elements of the list that comes next, where that is known.
    pub(crate) fn length_hint(&self) -> usize {
        match &self.input {
            Input::Value(Value::Array(elements)) => elements.len(),
            _ => 0,
        }
    }

    /// A string of the text, without a copy where it has no escapes.
    fn text_string(&mut self) -> Result<Cow<'a, str>, Error> {
        if self.peek() != Some(b'"') {
            return Err(Error::custom("expected a string"));
        }
        if let Input::Text { json, at } = &mut self.input {
            let begin = *at + 1;
            let plain = json[begin..].iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
            if let Some(length) = plain.filter(|length| json[begin + length] == b'"') {
                let text = std::str::from_utf8(&json[begin..begin + length]).map_err(Error::custom)?;
                *at = begin + length + 1;
                return Ok(Cow::Borrowed(text));
            }
        }
        self.scalar::<String>().map(Cow::Owned)
    }

    /// A string; `null` is the empty one.
    pub(crate) fn string(&mut self) -> Result<String, Error> {
        if self.take_null() {
            return Ok(String::new());
        }
        match &mut self.input {
            Input::Value(Value::String(text)) => Ok(std::mem::take(text)),
            Input::Value(_) => Err(Error::custom("expected a string")),
            Input::Text { .. } => self.text_string().map(Cow::into_owned),
        }
    }

    /// Any value that serde knows how to read.
    pub(crate) fn scalar<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        match &mut self.input {
            Input::Value(value) => serde_json::from_value(value.take()),
            Input::Text { json, at } => {
                let rest = json.get(*at..).unwrap_or_default();
                let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
                let value = stream
                    .next()
                    .unwrap_or_else(|| Err(Error::custom("expected a value")))?;
                *at += stream.byte_offset();
                Ok(value)
            }
        }
    }

    /// The text of the value that comes next.
    pub(crate) fn raw<T>(&mut self, decode: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        match &mut self.input {
            Input::Value(value) => decode(&value.take().to_string()),
            Input::Text { json, at } => {
                let rest = json.get(*at..).unwrap_or_default();
                let mut deserializer = serde_json::Deserializer::from_slice(rest);
                let raw = <&serde_json::value::RawValue>::deserialize(&mut deserializer)?;
                let start = raw.get().as_ptr() as usize - rest.as_ptr() as usize;
                *at += start + raw.get().len();
                decode(raw.get())
            }
        }
    }

    /// Passes over one value.
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        match self.input {
            Input::Value(_) => Ok(()),
            Input::Text { .. } => self.scalar::<IgnoredAny>().map(|_| ()),
        }
    }
}
