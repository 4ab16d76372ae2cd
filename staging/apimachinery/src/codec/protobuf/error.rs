//! What can go wrong between a dynamic value and its protobuf form.
//!
//! The texts of [`DecodeError`] are those of the generated Go code, since a client that sends a
//! broken body is answered with them.

/// A body that is no valid protobuf form of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input has no bytes at all.
    #[error("empty data")]
    EmptyData,
    /// The magic number is missing.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    MissingPrefix,
    /// Nothing follows the magic number.
    #[error("empty body")]
    EmptyBody,
    /// A length or a value reaches past the end of the input.
    #[error("unexpected EOF")]
    UnexpectedEof,
    /// A varint has more than 64 bits.
    #[error("proto: integer overflow")]
    IntegerOverflow,
    /// A length does not fit a signed integer.
    #[error("proto: negative length found during unmarshaling")]
    NegativeLength,
    /// A group ends that did not begin, in a field that is skipped.
    #[error("proto: unexpected end of group")]
    UnexpectedEndOfGroup,
    /// A group ends in a message that has none.
    #[error("proto: {message}: wiretype end group for non-group")]
    EndGroup {
        /// Short name of the message.
        message: String,
    },
    /// A field number of zero or less.
    #[error("proto: {message}: illegal tag {number} (wire type {key})")]
    IllegalTag {
        /// Short name of the message.
        message: String,
        /// The field number.
        number: i32,
        /// The whole key.
        key: u64,
    },
    /// A known field with another wire type than its own.
    #[error("proto: wrong wireType = {wire_type} for field {field}")]
    WrongWireType {
        /// The wire type found.
        wire_type: u8,
        /// The field, as Go names it.
        field: String,
    },
    /// Wire types 6 and 7 do not exist.
    #[error("proto: illegal wireType {0}")]
    IllegalWireType(u8),
    /// Messages are nested deeper than any valid object.
    #[error("proto: message nesting exceeds {0} levels")]
    TooDeep(usize),
    /// A member that carries JSON does not.
    #[error("field {field} does not hold valid JSON: {reason}")]
    InvalidJson {
        /// JSON name of the field.
        field: String,
        /// What the JSON parser said.
        reason: String,
    },
    /// A quantity that does not parse.
    #[error("{0}")]
    Quantity(String),
    /// A time outside the years 0 to 9999.
    #[error("timestamp {0} is outside the years 0 to 9999")]
    TimeRange(i64),
    /// The type has no protobuf form.
    #[error("object *{0} does not implement the protobuf marshalling interface and cannot be decoded")]
    NotMarshalable(String),
}

/// A value that has no protobuf form under its schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The type has no protobuf form (`Table`, custom resources): answered with 406.
    #[error(
        "object *{0} does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message"
    )]
    NotMarshalable(String),
    /// A member has another shape than its type; the value was not normalised.
    #[error("field {field}: expected {expected}, found {found}")]
    Shape {
        /// JSON name of the nearest field.
        field: String,
        /// What the schema asks for.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A scalar whose text does not parse.
    #[error("field {field}: {reason}")]
    Scalar {
        /// JSON name of the nearest field.
        field: String,
        /// Why not.
        reason: String,
    },
    /// Objects are nested deeper than the decoder would accept.
    #[error("message nesting exceeds {0} levels")]
    TooDeep(usize),
}
