//! Stored bytes → cached objects.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{
    CachedObject,
    splice::{Extractor, replace_resource_version, with_resource_version},
};

/// Why a stored value is not an object.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is neither in our own layout nor in any form that the resource's codecs read.
    #[error("cannot decode the stored value: {0}")]
    Foreign(String),
    /// The JSON form is broken.
    #[error("stored JSON is broken: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON is no API object.
    #[error("stored JSON has no metadata")]
    NoMetadata,
}

/// Reads stored values of other layouts: protobuf, other versions of the kind, JSON that another server wrote.
/// Returns JSON in our own layout.
pub type ReadForeign = dyn Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync;

/// Turns what lies in the store into what clients get, for one resource.
///
/// Our own layout is compact JSON of the storage version that begins with `kind` and `apiVersion` and carries no
/// `metadata.resourceVersion`: that is the key's revision, and is spliced in on the way out.
pub struct StoredCodec {
    /// How our own layout begins.
    head: Vec<u8>,
    extractor: Extractor,
    defaults: Box<[Box<str>]>,
    read_foreign: Box<ReadForeign>,
}

impl StoredCodec {
    /// A codec for a kind with these selectable fields, each a path and what its absence means.
    #[must_use]
    pub fn new(
        api_version: &str,
        kind: &str,
        fields: &[(Vec<String>, String)],
        read_foreign: Box<ReadForeign>,
    ) -> Self {
        let paths: Vec<Vec<&str>> = fields
            .iter()
            .map(|(path, _)| path.iter().map(String::as_str).collect())
            .collect();
        Self {
            head: format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",").into_bytes(),
            extractor: Extractor::new(paths.iter().map(Vec::as_slice)),
            defaults: fields.iter().map(|(_, default)| default.as_str().into()).collect(),
            read_foreign,
        }
    }

    /// Decodes the value under a relative key.
    ///
    /// # Errors
    /// If the value is no object of the resource's kind.
    pub fn decode(&self, key: &str, value: &[u8], revision: u64) -> Result<CachedObject, DecodeError> {
        let json = if value.starts_with(&self.head) {
            with_resource_version(value, revision)
        } else {
            let own = (self.read_foreign)(value).map_err(DecodeError::Foreign)?;
            with_resource_version(&own, revision)
        };
        self.finish(key, json.ok_or(DecodeError::NoMetadata)?.into(), revision)
    }

    fn finish(&self, key: &str, json: Bytes, revision: u64) -> Result<CachedObject, DecodeError> {
        let found = self.extractor.extract(&json)?;
        let mut labels = found.labels;
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        let fields = found
            .values
            .into_iter()
            .zip(&self.defaults)
            .map(|(v, d)| v.unwrap_or_else(|| d.clone()))
            .collect();
        Ok(CachedObject::new(key.into(), revision, json, labels.into(), fields))
    }

    /// The same object as of another revision: what a deletion shows.
    #[must_use]
    pub fn with_revision(object: &Arc<CachedObject>, revision: u64) -> Arc<CachedObject> {
        let json = replace_resource_version(&object.json, object.resource_version, revision)
            .map_or_else(|| object.json.clone(), Bytes::from);
        let copy = CachedObject::new(
            object.key.clone(),
            revision,
            json,
            object.labels.clone(),
            object.fields.clone(),
        );
        Arc::new(copy)
    }
}

impl fmt::Debug for StoredCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoredCodec")
            .field("head", &String::from_utf8_lossy(&self.head))
            .finish_non_exhaustive()
    }
}
