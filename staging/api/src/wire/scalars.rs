//! [`Wire`] of everything that is not a generated struct.

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

/// Scalars whose zero value Go reads from `null`.
macro_rules! zero_from_null {
    ($($ty:ty),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                if reader.take_null() { Ok(Self::default()) } else { reader.scalar() }
            }

            fn write(&self, writer: &mut Writer) {
                writer.scalar(self);
            }
        })*
    };
}

zero_from_null!(
    bool,
    i32,
    i64,
    f64,
    ByteString,
    Quantity,
    IntOrString,
    Duration,
    JSONSchemaPropsOrStringArray
);

/// Scalars that read `null` themselves, or are only ever optional.
macro_rules! plain {
    ($($ty:ty),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                reader.scalar()
            }

            fn write(&self, writer: &mut Writer) {
                writer.scalar(self);
            }
        })*
    };
}

plain!(Time, MicroTime, Value, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool);

/// Free-form JSON is kept as text.
macro_rules! raw {
    ($($ty:ty),*) => {
        $(impl Wire for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                reader.raw(|text| Self::from_json(text))
            }

            fn write(&self, writer: &mut Writer) {
                writer.raw_json(self.as_str());
            }
        })*
    };
}

raw!(RawExtension, FieldsV1, Json);

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
            entries.push((name.to_owned(), V::read(reader)?));
            Ok(())
        })?;
        Ok(entries.into_iter().collect())
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(&|writer| {
            for (name, value) in self {
                writer.required(name, value);
            }
        });
    }
}
