//! The JSON codec of the generated structs.
//!
//! Go's rules: `null` is a zero value, an empty optional member is an absent one, a required list
//! without elements is `null`, unknown members are passed over.
//!
//! The codec is not generic: each struct has one function that reads a member and one that writes
//! them all, against a [`Reader`] and a [`Writer`] that know both text and dynamic values. (serde's
//! derived code is instantiated again for every format; for these 400 structs that took minutes to
//! compile.) The structs implement serde's traits too, by way of the dynamic form.

mod reader;
mod scalars;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Error, Value};

use crate::{
    Map,
    pick::{Paths, Picked},
    primitives::{ByteString, IntOrString, Quantity},
    tree::Tree,
};

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// A value with a place in a generated struct.
pub(crate) trait Wire: Sized {
    /// Reads one value.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error>;
    /// Writes one value.
    fn write(&self, writer: &mut Writer);
}

/// A generated struct.
pub(crate) trait Fields: Default {
    /// Reads the member `name`; `false` if there is none of that name.
    fn read_field(&mut self, name: &str, reader: &mut Reader<'_>) -> Result<bool, Error>;
    /// Writes the members.
    fn write_fields(&self, writer: &mut Writer);
}

/// Reads an object, or the zero value from `null`.
pub(crate) fn read_struct<T: Fields>(reader: &mut Reader<'_>) -> Result<T, Error> {
    let mut value = T::default();
    reader.object(&mut |name, reader| {
        if !value.read_field(name, reader)? {
            reader.unknown(name)?;
        }
        Ok(())
    })?;
    Ok(value)
}

/// Decodes JSON text.
pub(crate) fn from_json<T: Wire>(json: &[u8]) -> Result<T, Error> {
    let mut reader = Reader::text(json);
    let value = T::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Decodes the text of a request that is [plain](Reader::plain) and says to be of this kind; `None` if it is not.
pub(crate) fn from_plain_json<T: Wire>(json: &[u8], kind: &str, api_version: &str) -> Option<T> {
    let mut reader = Reader::plain(json);
    let value = T::read(&mut reader).ok()?;
    reader.end().ok()?;
    (reader.type_meta() == Some((kind, api_version))).then_some(value)
}

/// Decodes a dynamic value.
pub(crate) fn from_value<T: Wire>(value: Value) -> Result<T, Error> {
    T::read(&mut Reader::value(value))
}

/// How much text the objects of a kind are, as the last ones were: the next one's is written without moving it on the way.
pub(crate) struct Room(AtomicUsize);

impl Room {
    /// What a first object gets, in bytes.
    const FIRST: usize = 1024;
    /// The most that is given in advance.
    const MOST: usize = 64 << 10;

    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(Self::FIRST))
    }

    /// A writer with room for an object. What is written lives for a moment only: in powers of two it does not take the
    /// places between texts that stay.
    fn writer(&self) -> Writer {
        Writer::text(self.0.load(Ordering::Relaxed).next_power_of_two())
    }

    /// Notes what an object took. The room grows at once and shrinks over many objects.
    fn note(&self, taken: usize) {
        let room = self.0.load(Ordering::Relaxed);
        let wanted = (taken + taken / 32).max(room - room / 32).min(Self::MOST);
        if wanted != room {
            self.0.store(wanted, Ordering::Relaxed);
        }
    }
}

/// Encodes a struct as JSON text, with `kind` and `apiVersion` in front.
pub(crate) fn to_json<T: Fields>(value: &T, type_meta: (&str, &str), room: &Room) -> Vec<u8> {
    let mut writer = room.writer();
    write_with_type_meta(value, Some(type_meta), &mut writer);
    let json = writer.into_text();
    room.note(json.len());
    json
}

/// The scalars of a struct at these paths.
pub(crate) fn pick<T: Fields>(value: &T, paths: &Arc<Paths>) -> Picked {
    let mut writer = Writer::pick(paths.clone());
    value.write_fields(&mut writer);
    writer.into_picked()
}

/// Encodes a struct as a dynamic value, with `kind` and `apiVersion` if given.
pub(crate) fn to_value<T: Fields>(value: &T, type_meta: Option<(&str, &str)>) -> Value {
    let mut writer = Writer::value();
    write_with_type_meta(value, type_meta, &mut writer);
    writer.into_value()
}

/// Encodes a struct as a tree, with `kind` and `apiVersion`.
pub(crate) fn to_tree<T: Fields>(value: &T, type_meta: (&'static str, &'static str)) -> Tree {
    let mut writer = Writer::tree();
    write_with_type_meta(value, Some(type_meta), &mut writer);
    writer.into_tree()
}

fn write_with_type_meta<T: Fields>(value: &T, type_meta: Option<(&str, &str)>, writer: &mut Writer) {
    writer.object(&|writer| {
        if let Some((kind, api_version)) = type_meta {
            writer.str_member("kind", kind);
            writer.str_member("apiVersion", api_version);
        }
        value.write_fields(writer);
    });
}

/// Whether Go's `omitempty` leaves a value out.
pub(crate) trait Unset {
    fn is_unset(&self) -> bool;
}

macro_rules! unset_by {
    ($($ty:ty => $test:expr;)*) => {
        $(impl Unset for $ty {
            fn is_unset(&self) -> bool {
                let test: fn(&$ty) -> bool = $test;
                test(self)
            }
        })*
    };
}

unset_by! {
    bool => |v| !*v;
    i32 => |v| *v == 0;
    i64 => |v| *v == 0;
    f64 => |v| *v == 0.0;
    String => String::is_empty;
    ByteString => |v| v.is_empty();
    Quantity => |v| *v == Quantity::default();
    IntOrString => |v| *v == IntOrString::default();
}

impl<T> Unset for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }
}

impl<T> Unset for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

impl<V> Unset for Map<V> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

/// Implements everything of a generated struct but its data.
///
/// `required` members are always written, `filled` ones (lists and maps) as `null` when empty,
/// `optional` ones only when set.
macro_rules! wire_struct {
    ($ty:ident { $($how:ident $field:ident $name:literal),* $(,)? }) => {
        impl $crate::wire::Fields for $ty {
            fn read_field(
                &mut self,
                name: &str,
                reader: &mut $crate::wire::Reader<'_>,
            ) -> Result<bool, serde_json::Error> {
                let _ = &reader;
                match name {
                    $($name => self.$field = $crate::wire::Wire::read(reader)?,)*
                    _ => return Ok(false),
                }
                #[allow(unreachable_code, reason = "a struct may have no members")]
                Ok(true)
            }

            fn write_fields(&self, writer: &mut $crate::wire::Writer) {
                $(writer.$how($name, &self.$field);)*
                let _ = writer;
            }
        }

        impl $crate::wire::Wire for $ty {
            fn read(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, serde_json::Error> {
                $crate::wire::read_struct(reader)
            }

            fn write(&self, writer: &mut $crate::wire::Writer) {
                writer.object(&|writer| $crate::wire::Fields::write_fields(self, writer));
            }
        }

        impl serde::Serialize for $ty {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::wire::to_value(self, None), serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $ty {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                $crate::wire::from_value(value).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use wire_struct;

#[cfg(test)]
mod tests;
