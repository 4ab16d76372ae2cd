//! Go's JSON rules for the generated structs: `null` is a zero value, an empty optional member is
//! an absent one, and a required list without elements is `null`.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};

use crate::{
    Map,
    primitives::{ByteString, IntOrString, Quantity},
};

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

pub(crate) fn unset<T: Unset>(value: &T) -> bool {
    value.is_unset()
}

pub(crate) fn null_if_empty<T: Unset + Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_unset() {
        serializer.serialize_none()
    } else {
        value.serialize(serializer)
    }
}

/// A list that may be `null`, without spare capacity: most hold one or two elements, and a cached
/// object lives long.
pub(crate) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct ListVisitor<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an array or null")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_seq(self)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == list.capacity() {
                    list.reserve_exact(items.size_hint().map_or(list.len().max(1), |n| n + 1).min(4096));
                }
                list.push(item);
            }
            list.shrink_to_fit();
            Ok(list)
        }
    }

    deserializer.deserialize_option(ListVisitor(std::marker::PhantomData))
}

/// The `serde(with)` module of lists that are written even when empty (as `null`).
pub(crate) mod required_list {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(list: &Vec<T>, serializer: S) -> Result<S::Ok, S::Error> {
        super::null_if_empty(list, serializer)
    }

    pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        super::list(deserializer)
    }
}
