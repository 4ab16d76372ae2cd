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
    ($($ty:ty: $write:ident),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                reader.never_plain()?;
                reader.raw().map(Self::from_raw)
            }

            fn write(&self, writer: &mut Writer) {
                writer.$write(self.as_str());
            }
        })*
    };
}

raw!(RawExtension: raw_json, FieldsV1: fields, Json: raw_json);

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
