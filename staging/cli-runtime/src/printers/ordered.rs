//! Objects whose members stand in an order of their own, as Go's structs declare them; a JSON value sorts them by name.

use std::fmt;

use apimachinery::codec::go::declared_order;
use k8s_api::scheme::{resource_of_kind, split_api_version};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::resource::text_at;

/// A JSON value with its members in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ordered {
    /// An object.
    Object(Vec<(String, Ordered)>),
    /// A list.
    Array(Vec<Ordered>),
    /// Anything else.
    Scalar(Value),
}

impl Ordered {
    /// An object of a built-in kind as its type declares it, any other by name.
    pub(super) fn declared(object: &Value) -> Self {
        let (group, version) = split_api_version(text_at(object, &["apiVersion"]));
        match resource_of_kind(group, version, text_at(object, &["kind"])) {
            Some(resource) => {
                let json = declared_order(object, resource.type_ref(), &Value::Null);
                serde_json::from_str(&json).expect("a JSON value in another order is JSON")
            }
            None => Self::by_name(object),
        }
    }

    /// Members by name.
    pub(super) fn by_name(value: &Value) -> Self {
        match value {
            Value::Object(members) => {
                let members = members.iter();
                Self::Object(
                    members
                        .map(|(name, member)| (name.clone(), Self::by_name(member)))
                        .collect(),
                )
            }
            Value::Array(items) => Self::Array(items.iter().map(Self::by_name).collect()),
            scalar => Self::Scalar(scalar.clone()),
        }
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(members) => serializer.collect_map(members.iter().map(|(name, member)| (name, member))),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Scalar(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Read.deserialize(deserializer)
    }
}

/// Reads a value member by member.
struct Read;

impl<'de> DeserializeSeed<'de> for Read {
    type Value = Ordered;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Ordered, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Read {
    type Value = Ordered;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key()? {
            members.push((name, map.next_value_seed(Self)?));
        }
        Ok(Ordered::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Ordered::Array(items))
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
        Ok(Ordered::Scalar(value.into()))
    }
}
