//! Encodings of the API: protobuf, JSON and YAML on the wire, and their negotiation.

pub mod go;
pub mod json;
pub mod negotiation;
pub mod protobuf;
pub mod scalar;
#[cfg(test)]
pub(crate) mod testing;
pub mod yaml;
