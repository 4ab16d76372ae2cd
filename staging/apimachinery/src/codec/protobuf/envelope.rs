//! What stands around a message: the magic number and `runtime.Unknown`, the `metav1.WatchEvent`,
//! and the length-delimited frames of a watch.

use super::{
    decode::{each, expect, text},
    error::DecodeError,
    wire::{BYTES, ReverseBuffer},
};

/// The first four bytes of every protobuf body.
pub const MAGIC: [u8; 4] = *b"k8s\0";

/// A `runtime.Unknown`: the kind of an object and its undecoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// `v1`, `apps/v1`; may be empty in requests.
    pub api_version: String,
    /// `Pod`; may be empty in requests.
    pub kind: String,
    /// The message.
    pub raw: &'a [u8],
    /// Encoding of `raw`; empty for none.
    pub content_encoding: String,
    /// Media type of `raw`; empty for protobuf.
    pub content_type: String,
}

impl<'a> Envelope<'a> {
    /// Opens a body.
    ///
    /// # Errors
    /// When the magic number is missing or what follows is no `runtime.Unknown`.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        if body.is_empty() {
            return Err(DecodeError::EmptyData);
        }
        let message = body.strip_prefix(&MAGIC).ok_or(DecodeError::MissingPrefix)?;
        if message.is_empty() {
            return Err(DecodeError::EmptyBody);
        }
        let mut envelope = Self {
            api_version: String::new(),
            kind: String::new(),
            raw: &[],
            content_encoding: String::new(),
            content_type: String::new(),
        };
        each(message, "Unknown", |number, wire_type, cursor| {
            match number {
                1 => {
                    expect(wire_type, BYTES, "TypeMeta")?;
                    envelope.type_meta(cursor.bytes()?)?;
                }
                2 => {
                    expect(wire_type, BYTES, "Raw")?;
                    envelope.raw = cursor.bytes()?;
                }
                3 => {
                    expect(wire_type, BYTES, "ContentEncoding")?;
                    envelope.content_encoding = text(cursor.bytes()?);
                }
                4 => {
                    expect(wire_type, BYTES, "ContentType")?;
                    envelope.content_type = text(cursor.bytes()?);
                }
                _ => cursor.skip(wire_type)?,
            }
            Ok(())
        })?;
        Ok(envelope)
    }

    fn type_meta(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        each(bytes, "TypeMeta", |number, wire_type, cursor| {
            match number {
                1 => {
                    expect(wire_type, BYTES, "APIVersion")?;
                    self.api_version = text(cursor.bytes()?);
                }
                2 => {
                    expect(wire_type, BYTES, "Kind")?;
                    self.kind = text(cursor.bytes()?);
                }
                _ => cursor.skip(wire_type)?,
            }
            Ok(())
        })
    }
}

/// Closes the envelope around the message in `out`, which was written since `before`.
pub(super) fn close(out: &mut ReverseBuffer, before: usize, api_version: &str, kind: &str) {
    let raw = out.len() - before;
    // The two empty strings behind the message can only be written first.
    debug_assert!(before >= TRAILER.len(), "the trailer is written before the message");
    out.close(2, before);
    debug_assert!(out.len() > raw, "the key and the length precede the message");
    let type_meta = out.len();
    out.bytes_field(2, kind.as_bytes());
    out.bytes_field(1, api_version.as_bytes());
    out.close(1, type_meta);
    out.prepend(&MAGIC);
}

/// `contentEncoding` and `contentType`, always empty and always written.
pub(super) const TRAILER: [u8; 4] = [0x1a, 0, 0x22, 0];

/// Wraps an encoded message.
#[must_use]
pub fn wrap(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = ReverseBuffer::with_capacity(raw.len() + api_version.len() + kind.len() + 32);
    out.prepend(&TRAILER);
    let before = out.len();
    out.prepend(raw);
    close(&mut out, before, api_version, kind);
    out.into_vec()
}

/// A list from encoded items: `list_meta` is the message of the `ListMeta`, `items` the messages of
/// the items (without envelopes).
#[must_use]
pub fn wrap_list<'a, I>(api_version: &str, kind: &str, list_meta: &[u8], items: I) -> Vec<u8>
where
    I: IntoIterator<Item = &'a [u8]>,
    I::IntoIter: DoubleEndedIterator + Clone,
{
    let items = items.into_iter();
    let size: usize = items.clone().map(|item| item.len() + 8).sum();
    let mut out = ReverseBuffer::with_capacity(size + list_meta.len() + api_version.len() + kind.len() + 48);
    out.prepend(&TRAILER);
    let before = out.len();
    for item in items.rev() {
        out.bytes_field(2, item);
    }
    out.bytes_field(1, list_meta);
    close(&mut out, before, api_version, kind);
    out.into_vec()
}

/// How many bytes of a watch's frame are its length.
pub const WATCH_LENGTH: usize = 4;

/// A frame of a watch: the length in four bytes, then a `metav1.WatchEvent` with the event's type
/// (`ADDED`, …) and an object in its envelope.
///
/// # Panics
/// If the object is larger than 4 GiB, which no store accepts.
#[must_use]
pub fn watch_frame(event: &str, object: &[u8]) -> Vec<u8> {
    let mut out = ReverseBuffer::with_capacity(object.len() + event.len() + 32);
    out.bytes_field(1, object);
    out.close(2, 0);
    out.bytes_field(1, event.as_bytes());
    let length = u32::try_from(out.len()).expect("an object is smaller than 4 GiB");
    out.prepend(&length.to_be_bytes());
    out.into_vec()
}

/// Opens a `metav1.WatchEvent` (without its length): the event's type and the enveloped object.
///
/// # Errors
/// When the bytes are no such message.
pub fn decode_watch_event(bytes: &[u8]) -> Result<(String, &[u8]), DecodeError> {
    let mut event = String::new();
    let mut object: &[u8] = &[];
    each(bytes, "WatchEvent", |number, wire_type, cursor| match number {
        1 => {
            expect(wire_type, BYTES, "Type")?;
            event = text(cursor.bytes()?);
            Ok(())
        }
        2 => {
            expect(wire_type, BYTES, "Object")?;
            each(cursor.bytes()?, "RawExtension", |number, wire_type, cursor| {
                if number != 1 {
                    return cursor.skip(wire_type);
                }
                expect(wire_type, BYTES, "Raw")?;
                object = cursor.bytes()?;
                Ok(())
            })
        }
        _ => cursor.skip(wire_type),
    })?;
    Ok((event, object))
}

/// A frame longer than the reader allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame of {length} bytes exceeds the limit of {limit}")]
pub struct FrameTooLarge {
    /// What the stream announced.
    pub length: usize,
    /// What the caller allows.
    pub limit: usize,
}

/// Splits the first whole frame off `buffer`: its content and how many bytes it took. `None` means
/// that more bytes are needed.
///
/// # Errors
/// When the frame announces more than `limit` bytes.
pub fn next_frame(buffer: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, FrameTooLarge> {
    let Some((header, rest)) = buffer.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*header) as usize;
    if length > limit {
        return Err(FrameTooLarge { length, limit });
    }
    Ok(rest.get(..length).map(|frame| (frame, length + 4)))
}
