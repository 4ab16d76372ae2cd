//! [`Wire`] of everything that is not a generated struct.

use serde::de::Error as _;
use serde_json::{Error, Value};

use super::{Reader, Wire, Writer};
use crate::{
    Map,
    json_schema::{JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, JSONSchemaPropsOrStringArray},
    primitives::{ByteString, Duration, FieldsV1, IntOrString, Json, MicroTime, Quantity, RawExtension, Time},
};

impl Wire for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.string()
    }

    fn write(&self, writer: &mut Writer) {
        writer.string(self);
    }
}

/// Scalars whose zero value Go reads from `null`, with what a doubtful text may look like (see [`Reader::plain`]).
macro_rules! zero_from_null {
    ($($ty:ty: $plain:ident),* $(,)?) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                if reader.take_null() {
                    return Ok(Self::default());
                }
                reader.$plain()?;
                reader.scalar()
            }

            fn write(&self, writer: &mut Writer) {
                writer.scalar(self);
            }
        })*
    };
}

zero_from_null! {
    bool: plain_scalar,
    i32: plain_scalar,
    i64: plain_scalar,
    f64: never_plain,
    ByteString: plain_text,
    Quantity: plain_text,
    IntOrString: plain_scalar,
    Duration: plain_text,
    JSONSchemaPropsOrStringArray: never_plain,
}

/// Scalars that read `null` themselves, or are only ever optional.
macro_rules! self_made {
    ($($ty:ty),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                reader.never_plain()?;
                reader.scalar()
            }

            fn write(&self, writer: &mut Writer) {
                writer.scalar(self);
            }
        })*
    };
}

self_made!(Value, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool);

/// Moments, of which only one spelling is plain; the zero time stands for none.
macro_rules! moment {
    ($($ty:ty),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                if !reader.is_plain() {
                    return reader.scalar();
                }
                let text = reader.plain_string()?;
                let moment: Self = text.parse().map_err(Error::custom)?;
                if moment.is_zero() || moment.to_string() != text {
                    return Err(Reader::doubtful());
                }
                Ok(moment)
            }

            fn write(&self, writer: &mut Writer) {
                writer.scalar(self);
            }
        })*
    };
}

moment!(Time, MicroTime);

/// Free-form JSON is kept as text.
macro_rules! raw {
    ($($ty:ty: $is_plain:ident $write:ident),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                let raw = reader.raw()?;
                if reader.is_plain() && !$is_plain(raw.get()) {
                    return Err(Reader::doubtful());
                }
                Ok(Self::from_raw(raw))
            }

            fn write(&self, writer: &mut Writer) {
                writer.$write(self.as_str());
            }
        })*
    };
}

raw!(RawExtension: never raw_json, FieldsV1: is_plain_set fields, Json: never raw_json);

fn never(_: &str) -> bool {
    false
}

/// Whether the text of a field set is what would be written of its dynamic form: objects in each other, compact, their
/// members in bytewise order, and no escapes but those of quotes.
fn is_plain_set(text: &str) -> bool {
    let bytes = text.as_bytes();
    // The last name in each object that is open.
    let mut open: Vec<Option<&[u8]>> = Vec::new();
    let mut at = 0;
    loop {
        // An object begins, and with it its first member, or it ends at once.
        if bytes.get(at) != Some(&b'{') {
            return false;
        }
        open.push(None);
        at += 1;
        while bytes.get(at) == Some(&b'}') {
            at += 1;
            open.pop();
            match bytes.get(at) {
                None => return open.is_empty(),
                Some(b',') if !open.is_empty() => {
                    at += 1;
                    break;
                }
                Some(_) => {}
            }
        }
        let Some(length) = bytes.get(at..).and_then(plain_name) else {
            return false;
        };
        let name = &bytes[at + 1..at + length - 1];
        let Some(last) = open.last_mut() else { return false };
        if last.is_some_and(|last| !precedes(last, name)) || bytes.get(at + length) != Some(&b':') {
            return false;
        }
        *last = Some(name);
        at += length + 1;
    }
}

/// Whether a name comes before another when the quotes in both are not escaped.
fn precedes(name: &[u8], other: &[u8]) -> bool {
    let unescaped = |name: &[u8]| name.iter().copied().filter(|b| *b != b'\\').collect::<Vec<u8>>();
    if name.contains(&b'\\') || other.contains(&b'\\') {
        unescaped(name) < unescaped(other)
    } else {
        name < other
    }
}

/// The length of the string that begins here, if it has no escapes but those of quotes.
fn plain_name(bytes: &[u8]) -> Option<usize> {
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'"', _) => return Some(at + 1),
            (b'\\', Some(b'"')) => at += 2,
            (b'\\' | 0..0x20, _) => return None,
            _ => at += 1,
        }
    }
}

impl<T: Wire> Wire for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if reader.take_null() {
            Ok(None)
        } else {
            T::read(reader).map(Some)
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => writer.null(),
        }
    }
}

impl<T: Wire> Wire for Box<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        T::read(reader).map(Self::new)
    }

    fn write(&self, writer: &mut Writer) {
        (**self).write(writer);
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut list = Self::with_capacity(reader.length_hint());
        reader.list(&mut |reader| {
            // Most lists are short and live long: no spare capacity.
            if list.len() == list.capacity() {
                list.reserve_exact(list.len().max(1));
            }
            list.push(T::read(reader)?);
            Ok(())
        })?;
        list.shrink_to_fit();
        Ok(list)
    }

    fn write(&self, writer: &mut Writer) {
        writer.list(&|writer| {
            for element in self {
                writer.element(element);
            }
        });
    }
}

impl<V: Wire> Wire for Map<V> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut entries: Vec<(String, V)> = Vec::new();
        reader.object(&mut |name, reader| {
            reader.not_null()?;
            entries.push((name.to_owned(), V::read(reader)?));
            Ok(())
        })?;
        Ok(entries.into_iter().collect())
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(&|writer| {
            for (name, value) in self {
                writer.entry(name, value);
            }
        });
    }
}
