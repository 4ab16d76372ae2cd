//! Bytes that JSON shows as base64 (Go's `[]byte`).

use std::{fmt, ops::Deref};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::go::TextVisitor;

/// Like Go's `StdEncoding`: padding is required, stray bits in the last character are not looked at.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Bytes without spare capacity; base64 in JSON. `null` is read as no bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteString(Box<[u8]>);

/// Where a text stops being base64; worded as Go's `base64.CorruptInputError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {0}")]
pub struct Base64Error(pub usize);

impl ByteString {
    /// No bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that `text` stands for. Line breaks in it are passed over.
    ///
    /// # Errors
    /// If `text` is not padded standard base64.
    pub fn from_base64(text: &str) -> Result<Self, Base64Error> {
        if let Ok(bytes) = ENGINE.decode(text) {
            return Ok(bytes.into());
        }
        check(text.as_bytes())?;
        let joined: Vec<u8> = text.bytes().filter(|b| !is_break(*b)).collect();
        // Text that passes the check above decodes without line breaks.
        ENGINE
            .decode(joined)
            .map(Self::from)
            .map_err(|_| Base64Error(text.len()))
    }

    /// The base64 text.
    #[must_use]
    pub fn to_base64(&self) -> String {
        ENGINE.encode(&self.0)
    }

    /// The bytes, to be changed or kept elsewhere.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into_vec()
    }
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Finds the byte that Go's decoder stops at.
fn check(text: &[u8]) -> Result<(), Base64Error> {
    let skip_breaks = |mut at: usize| {
        while text.get(at).copied().is_some_and(is_break) {
            at += 1;
        }
        at
    };
    let (mut at, mut place) = (0, 0);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            _ if is_break(byte) => {}
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => place = (place + 1) % 4,
            b'=' if place >= 2 => {
                if place == 2 {
                    at = skip_breaks(at);
                    match text.get(at) {
                        None => return Err(Base64Error(text.len())),
                        Some(b'=') => at += 1,
                        Some(_) => return Err(Base64Error(at - 1)),
                    }
                }
                at = skip_breaks(at);
                return if at < text.len() { Err(Base64Error(at)) } else { Ok(()) };
            }
            _ => return Err(Base64Error(at - 1)),
        }
    }
    if place == 0 {
        Ok(())
    } else {
        Err(Base64Error(text.len() - place))
    }
}

impl Deref for ByteString {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ByteString {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl<const N: usize> From<&[u8; N]> for ByteString {
    fn from(bytes: &[u8; N]) -> Self {
        Self(bytes.as_slice().into())
    }
}

impl From<String> for ByteString {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for ByteString {
    /// Tells the length only: the bytes are secrets more often than not.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ByteString({} bytes)", self.0.len())
    }
}

impl Serialize for ByteString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&base64::display::Base64Display::new(&self.0, &ENGINE))
    }
}

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor {
            null: || Ok(Self::default()),
            parse: Self::from_base64,
            go_type: "[]uint8",
        })
    }
}
