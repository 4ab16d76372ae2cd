//! Reads generated structs from JSON text or from a dynamic value.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned, de::Error as _, de::IgnoredAny};
use serde_json::{Error, Value, value::RawValue};

/// Objects and lists within each other; what the stack allows with room to spare.
const MOST_NESTED: usize = 200;

/// As many members of one object are held against each other when they are not sorted.
const MOST_UNSORTED: usize = 64;

/// A position before one value.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    input: Input<'a>,
    depth: usize,
    /// Present if what is not [plain](Reader::plain) is refused.
    plain: Option<Plain<'a>>,
}

/// What a reader of plain text remembers.
#[derive(Debug, Default)]
struct Plain<'a> {
    /// The members so far of the objects that are being read.
    names: Vec<&'a str>,
    kind: Option<&'a str>,
    api_version: Option<&'a str>,
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
            plain: None,
        }
    }

    /// A reader that refuses whatever could be said in two ways, be it for want of care or by design: members that are
    /// unknown or stand twice, numbers with a fraction or an exponent, moments and free-form JSON in other than the usual
    /// spelling, `null` among elements, lists without elements (which are not the same as absent ones everywhere).
    pub(crate) fn plain(json: &'a [u8]) -> Self {
        Self {
            plain: Some(Plain::default()),
            ..Self::text(json)
        }
    }

    pub(crate) fn value(value: Value) -> Self {
        Self {
            input: Input::Value(value),
            depth: 0,
            plain: None,
        }
    }

    /// Why plain text is refused; nobody is told.
    pub(crate) fn doubtful() -> Error {
        Error::custom("not plain")
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// `kind` and `apiVersion` of the object that was read.
    pub(crate) fn type_meta(&self) -> Option<(&'a str, &'a str)> {
        let plain = self.plain.as_ref()?;
        plain.kind.zip(plain.api_version)
    }

    fn refuse_if_plain(&self, refused: bool) -> Result<(), Error> {
        if refused && self.is_plain() {
            return Err(Self::doubtful());
        }
        Ok(())
    }

    /// A value of which not every spelling is known to be plain.
    pub(crate) fn never_plain(&self) -> Result<(), Error> {
        self.refuse_if_plain(true)
    }

    /// A truth value, whole number or string, which is plain if it can be read.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "one of three questions with one shape"
    )]
    pub(crate) fn plain_scalar(&self) -> Result<(), Error> {
        Ok(())
    }

    /// A scalar that is plain as a string only.
    pub(crate) fn plain_text(&mut self) -> Result<(), Error> {
        let text = self.is_plain() && self.peek() == Some(b'"');
        self.refuse_if_plain(!text)
    }

    /// An element or entry, where `null` is not the same as absence.
    pub(crate) fn not_null(&mut self) -> Result<(), Error> {
        let null = self.is_plain() && self.peek() == Some(b'n');
        self.refuse_if_plain(null)
    }

    /// A string of plain text.
    pub(crate) fn plain_string(&mut self) -> Result<&'a str, Error> {
        match self.text_string()? {
            Cow::Borrowed(text) => Ok(text),
            Cow::Owned(_) => Err(Self::doubtful()),
        }
    }

    /// Notes the next member of an object, those before it beginning at `begin`.
    #[expect(clippy::ptr_arg, reason = "a name that is not borrowed had escapes")]
    fn note(&mut self, name: &Cow<'a, str>, begin: usize, sorted: &mut bool) -> Result<(), Error> {
        let Some(plain) = &mut self.plain else { return Ok(()) };
        let Cow::Borrowed(name) = *name else {
            return Err(Self::doubtful());
        };
        let before = &plain.names[begin..];
        *sorted &= before.last().is_none_or(|last| *last < name);
        if !*sorted && (before.len() > MOST_UNSORTED || before.contains(&name)) {
            return Err(Self::doubtful());
        }
        plain.names.push(name);
        Ok(())
    }

    /// Passes over a member that a struct has no field for.
    pub(crate) fn unknown(&mut self, name: &str) -> Result<(), Error> {
        if self.plain.is_none() {
            return self.skip();
        }
        if self.depth != 1 || !matches!(name, "kind" | "apiVersion") {
            return Err(Self::doubtful());
        }
        let text = self.plain_string()?;
        if let Some(plain) = &mut self.plain {
            let place = if name == "kind" {
                &mut plain.kind
            } else {
                &mut plain.api_version
            };
            *place = Some(text);
        }
        Ok(())
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
            let begin = reader.plain.as_ref().map_or(0, |plain| plain.names.len());
            let mut sorted = true;
            loop {
                let name = reader.text_string()?;
                reader.expect(b':')?;
                reader.note(&name, begin, &mut sorted)?;
                member(&name, reader)?;
                match reader.peek() {
                    Some(b',') => reader.advance(),
                    _ => break,
                }
            }
            if let Some(plain) = &mut reader.plain {
                plain.names.truncate(begin);
            }
            reader.expect(b'}')
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
                return reader.never_plain();
            }
            loop {
                reader.not_null()?;
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
    pub(crate) fn raw(&mut self) -> Result<Box<RawValue>, Error> {
        match &mut self.input {
            Input::Value(value) => serde_json::value::to_raw_value(&value.take()),
            Input::Text { json, at } => {
                let rest = json.get(*at..).unwrap_or_default();
                let mut deserializer = serde_json::Deserializer::from_slice(rest);
                let raw = <&RawValue>::deserialize(&mut deserializer)?;
                let start = raw.get().as_ptr() as usize - rest.as_ptr() as usize;
                *at += start + raw.get().len();
                Ok(raw.to_owned())
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
