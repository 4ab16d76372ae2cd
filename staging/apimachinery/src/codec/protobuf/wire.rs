//! The wire format: varints, keys, a cursor that never reads past its input, and a buffer that is
//! filled from its end.
//!
//! Lengths precede what they measure, so that writing backwards needs one pass and no size
//! computation; the generated Go code writes the same way.

use super::error::DecodeError;

/// Wire type of varints.
pub(super) const VARINT: u8 = 0;
/// Wire type of eight little-endian bytes.
pub(super) const FIXED64: u8 = 1;
/// Wire type of length-delimited values.
pub(super) const BYTES: u8 = 2;
/// Wire type of four little-endian bytes.
pub(super) const FIXED32: u8 = 5;

const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;

/// A buffer that grows towards its start.
#[derive(Debug, Default)]
pub struct ReverseBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl ReverseBuffer {
    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity],
            start: capacity,
        }
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in their final order.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Forgets the content and keeps the memory.
    pub fn clear(&mut self) {
        self.start = self.bytes.len();
    }

    /// The written bytes as a vector.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.bytes.drain(..self.start);
        self.bytes
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        let written = self.len();
        let capacity = (self.bytes.len() * 2).max(written + needed).max(256);
        let mut bytes = vec![0; capacity];
        bytes[capacity - written..].copy_from_slice(self.as_slice());
        self.bytes = bytes;
        self.start = capacity - written;
    }

    fn reserve(&mut self, needed: usize) -> usize {
        if self.start < needed {
            self.grow(needed);
        }
        self.start -= needed;
        self.start
    }

    /// Puts `bytes` before what was written.
    pub fn prepend(&mut self, bytes: &[u8]) {
        let at = self.reserve(bytes.len());
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        let at = self.reserve(1);
        self.bytes[at] = byte;
    }

    pub(super) fn varint(&mut self, mut value: u64) {
        if value < 0x80 {
            self.byte(value as u8);
            return;
        }
        let at = self.reserve(varint_len(value));
        for byte in &mut self.bytes[at..] {
            if value < 0x80 {
                *byte = value as u8;
                break;
            }
            *byte = (value as u8 & 0x7f) | 0x80;
            value >>= 7;
        }
    }

    pub(super) fn key(&mut self, number: u32, wire_type: u8) {
        self.varint(u64::from(number) << 3 | u64::from(wire_type));
    }

    pub(super) fn varint_field(&mut self, number: u32, value: u64) {
        self.varint(value);
        self.key(number, VARINT);
    }

    pub(super) fn bytes_field(&mut self, number: u32, bytes: &[u8]) {
        self.prepend(bytes);
        self.varint(bytes.len() as u64);
        self.key(number, BYTES);
    }

    /// Closes a length-delimited field whose content was written since the buffer held `before`.
    pub(super) fn close(&mut self, number: u32, before: usize) {
        self.varint((self.len() - before) as u64);
        self.key(number, BYTES);
    }
}

/// How many bytes `value` takes as a varint.
pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A position in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Upper bound for the number of further varints, to size lists without trusting a length.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().enumerate() {
            if index == 10 {
                return Err(DecodeError::IntegerOverflow);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        if self.rest.len() >= 10 {
            Err(DecodeError::IntegerOverflow)
        } else {
            Err(DecodeError::UnexpectedEof)
        }
    }

    /// The next key as number and wire type; `message` names the message in errors.
    pub(super) fn key(&mut self, message: &str) -> Result<(u32, u8), DecodeError> {
        let key = self.varint()?;
        let number = (key >> 3) as i32;
        let wire_type = (key & 7) as u8;
        if wire_type == END_GROUP {
            return Err(DecodeError::EndGroup {
                message: short_name(message),
            });
        }
        match u32::try_from(number) {
            Ok(number) if number > 0 => Ok((number, wire_type)),
            _ => Err(DecodeError::IllegalTag {
                message: short_name(message),
                number,
                key,
            }),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::UnexpectedEof)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.varint()?;
        if i64::try_from(length).is_err() {
            return Err(DecodeError::NegativeLength);
        }
        self.take(usize::try_from(length).map_err(|_| DecodeError::NegativeLength)?)
    }

    pub(super) fn fixed64(&mut self) -> Result<u64, DecodeError> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(
            bytes.try_into().expect("take(8) returns eight bytes"),
        ))
    }

    /// Passes over the value of an unknown field; groups are followed to their end.
    pub(super) fn skip(&mut self, wire_type: u8) -> Result<(), DecodeError> {
        let mut groups = 0usize;
        let mut wire_type = wire_type;
        loop {
            match wire_type {
                VARINT => {
                    self.varint()?;
                }
                FIXED64 => {
                    self.take(8)?;
                }
                BYTES => {
                    self.bytes()?;
                }
                START_GROUP => groups += 1,
                END_GROUP => groups = groups.checked_sub(1).ok_or(DecodeError::UnexpectedEndOfGroup)?,
                FIXED32 => {
                    self.take(4)?;
                }
                other => return Err(DecodeError::IllegalWireType(other)),
            }
            if groups == 0 {
                return Ok(());
            }
            wire_type = (self.varint()? & 7) as u8;
        }
    }
}

/// `io.k8s.api.core.v1.Pod` → `Pod`.
pub(super) fn short_name(definition: &str) -> String {
    definition.rsplit('.').next().unwrap_or(definition).to_owned()
}
