//! What the cacher holds of an object: its final JSON bytes and what selectors ask for.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Selected;

/// Number of distinct encodings kept beside the JSON (protobuf, another version, a Table row, …).
const KEPT_ENCODINGS: usize = 4;

/// Names one encoding other than the stored version's JSON. Equal numbers mean equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EncodingId(pub u32);

/// One object, immutable, shared by the snapshot, the event window and every response under way.
pub struct CachedObject {
    /// Key relative to the resource: `namespace/name`, or `name`.
    pub key: Arc<str>,
    /// The revision that wrote it.
    pub resource_version: u64,
    /// JSON of the storage version, `metadata.resourceVersion` inside.
    pub json: Bytes,
    /// `metadata.labels`, sorted by key.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// Values of the resource's selectable fields, in the order of its field list.
    pub fields: Box<[Box<str>]>,
    /// `json` with a line break behind it, in the same memory; empty if it was not made that way.
    line: Bytes,
    encodings: Mutex<SmallVec<[(EncodingId, Bytes); 1]>>,
    typed: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl CachedObject {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        key: Arc<str>,
        resource_version: u64,
        json: Bytes,
        labels: Box<[(Box<str>, Box<str>)]>,
        fields: Box<[Box<str>]>,
    ) -> Self {
        Self {
            key,
            resource_version,
            json,
            labels,
            fields,
            line: Bytes::new(),
            encodings: Mutex::default(),
            typed: OnceLock::new(),
        }
    }

    /// The same, of JSON without a line break at its end; it gets one, so that answers need no copy.
    #[must_use]
    pub(crate) fn of_line(
        key: Arc<str>,
        resource_version: u64,
        mut json: Vec<u8>,
        Selected { labels, fields }: Selected,
    ) -> Self {
        json.push(b'\n');
        let line = Bytes::from(json);
        let json = line.slice(..line.len() - 1);
        Self {
            line,
            ..Self::new(key, resource_version, json, labels, fields)
        }
    }

    /// The JSON and a line break.
    #[must_use]
    pub fn json_line(&self) -> Bytes {
        if !self.line.is_empty() {
            return self.line.clone();
        }
        let mut line = Vec::with_capacity(self.json.len() + 1);
        line.extend_from_slice(&self.json);
        line.push(b'\n');
        line.into()
    }

    /// The object's typed form, made by `decode` once and then kept as long as the object: for kinds that the
    /// server itself reads again and again.
    ///
    /// # Errors
    /// That of `decode`; nothing is kept then.
    pub fn typed<T: Any + Send + Sync, E>(&self, decode: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(known) = self.typed.get().and_then(|known| known.clone().downcast().ok()) {
            return Ok(known);
        }
        let decoded = Arc::new(decode()?);
        // Two may do the work at once; either's result is as good.
        let _ = self.typed.set(decoded.clone());
        Ok(decoded)
    }

    /// The namespace; empty for cluster-scoped objects.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        let position = self.labels.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        Some(&self.labels[position].1)
    }

    /// The object in another encoding, made by `encode` and kept for the next who asks.
    ///
    /// # Errors
    /// That of `encode`; nothing is kept then.
    pub fn encoding<E>(&self, id: EncodingId, encode: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        if let Some((_, bytes)) = self.encodings.lock().iter().find(|(known, _)| *known == id) {
            return Ok(bytes.clone());
        }
        // Encoded outside the lock: two may do the work, none waits for the other.
        let bytes = encode()?;
        let mut kept = self.encodings.lock();
        if !kept.iter().any(|(known, _)| *known == id) {
            if kept.len() == KEPT_ENCODINGS {
                kept.remove(0);
            }
            kept.push((id, bytes.clone()));
        }
        Ok(bytes)
    }
}

impl fmt::Debug for CachedObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CachedObject")
            .field("key", &self.key)
            .field("resource_version", &self.resource_version)
            .finish_non_exhaustive()
    }
}
