//! Stored bytes → cached objects.

use std::{fmt, sync::Arc};

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

/// What a selectable field is where an object does not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// This text.
    Text(Box<str>),
    /// The value of the field with this number, also where the field is empty.
    Field(usize),
}

/// Turns what lies in the store into what clients get, for one resource.
///
/// Our own layout is compact JSON of the storage version that begins with `kind` and `apiVersion` and carries no
/// `metadata.resourceVersion`: that is the key's revision, and is spliced in on the way out.
pub struct StoredCodec {
    /// How our own layout begins.
    head: Vec<u8>,
    extractor: Extractor,
    absent: Box<[Absent]>,
    read_foreign: Box<ReadForeign>,
}

impl StoredCodec {
    /// A codec for a kind with these selectable fields, each a path and what its absence means.
    #[must_use]
    pub fn new(
        api_version: &str,
        kind: &str,
        fields: Vec<(Vec<String>, Absent)>,
        read_foreign: Box<ReadForeign>,
    ) -> Self {
        let paths: Vec<Vec<&str>> = fields
            .iter()
            .map(|(path, _)| path.iter().map(String::as_str).collect())
            .collect();
        Self {
            head: format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",").into_bytes(),
            extractor: Extractor::new(paths.iter().map(Vec::as_slice)),
            absent: fields.into_iter().map(|(_, absent)| absent).collect(),
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
        self.finish(key, json.ok_or(DecodeError::NoMetadata)?, revision)
    }

    fn finish(&self, key: &str, json: Vec<u8>, revision: u64) -> Result<CachedObject, DecodeError> {
        let found = self.extractor.extract(&json)?;
        let mut labels = found.labels;
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        let fields = self.complete(found.values);
        Ok(CachedObject::of_line(key.into(), revision, json, labels.into(), fields))
    }

    /// The values of the selectable fields, those that are absent included.
    fn complete(&self, mut found: Vec<Option<Box<str>>>) -> Box<[Box<str>]> {
        for (number, absent) in self.absent.iter().enumerate() {
            if let Absent::Field(other) = absent
                && found[number].as_deref().is_none_or(str::is_empty)
            {
                found[number] = found[*other].clone();
            }
        }
        let value = |(value, absent): (Option<Box<str>>, &Absent)| match (value, absent) {
            (Some(text), _) => text,
            (None, Absent::Text(default)) => default.clone(),
            (None, Absent::Field(_)) => Box::default(),
        };
        found.into_iter().zip(&self.absent).map(value).collect()
    }

    /// The same object as of another revision: what a deletion shows.
    #[must_use]
    pub fn with_revision(object: &Arc<CachedObject>, revision: u64) -> Arc<CachedObject> {
        let json = Self::json_of_revision(object, revision);
        let copy = CachedObject::of_line(
            object.key.clone(),
            revision,
            json,
            object.labels.clone(),
            object.fields.clone(),
        );
        Arc::new(copy)
    }
}

impl StoredCodec {
    /// The JSON of [`StoredCodec::with_revision`].
    pub(super) fn json_of_revision(object: &CachedObject, revision: u64) -> Vec<u8> {
        replace_resource_version(&object.json, object.resource_version, revision)
            .unwrap_or_else(|| object.json.to_vec())
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

#[cfg(test)]
mod tests {
    use super::{Absent, StoredCodec};

    #[test]
    fn a_field_that_is_absent() {
        let field = |name: &str, absent| (vec![name.to_owned()], absent);
        let codec = StoredCodec::new(
            "v1",
            "Event",
            vec![
                field("a", Absent::Text("none".into())),
                field("b", Absent::Field(0)),
                field("c", Absent::Text("".into())),
            ],
            Box::new(|_| Err("no other layout".to_owned())),
        );
        for (members, expected) in [
            (r#""a":"x","b":"y","c":"z""#, ["x", "y", "z"]),
            (r#""a":"x","b":"""#, ["x", "x", ""]),
            (r#""a":"x""#, ["x", "x", ""]),
            (r#""c":"z""#, ["none", "", "z"]),
        ] {
            let json = format!(r#"{{"kind":"Event","apiVersion":"v1","metadata":{{"name":"e"}},{members}}}"#);
            let object = codec.decode("e", json.as_bytes(), 7).expect("an object");
            let values: Vec<&str> = object.fields.iter().map(|value| &**value).collect();
            assert_eq!(values, expected, "{members}");
        }
    }
}
