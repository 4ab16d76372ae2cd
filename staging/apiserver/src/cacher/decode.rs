//! Stored bytes → cached objects.

use std::{fmt, sync::Arc};

use k8s_api::{
    Map,
    pick::{Paths, Picked},
};

use super::{
    CachedObject,
    splice::{Extractor, is_with_resource_version, replace_resource_version, with_resource_version},
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

/// What selectors see of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// `metadata.labels`, sorted by key.
    pub(super) labels: Box<[(Box<str>, Box<str>)]>,
    /// Values of the selectable fields, in their order.
    pub(super) fields: Box<[Box<str>]>,
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
        let json = if self.is_own(value) {
            with_resource_version(value, revision)
        } else {
            let own = (self.read_foreign)(value).map_err(DecodeError::Foreign)?;
            with_resource_version(&own, revision)
        };
        let json = json.ok_or(DecodeError::NoMetadata)?;
        let found = self.extractor.extract(&json)?;
        let selected = self.selected(found.labels, found.values);
        Ok(CachedObject::of_line(key.into(), revision, json, selected))
    }

    /// [`StoredCodec::decode`] of a value of which is known what selectors see.
    ///
    /// # Errors
    /// As there.
    pub fn join(
        &self,
        key: &str,
        value: &[u8],
        selected: Selected,
        revision: u64,
    ) -> Result<CachedObject, DecodeError> {
        if !self.is_own(value) {
            return self.decode(key, value, revision);
        }
        let json = with_resource_version(value, revision).ok_or(DecodeError::NoMetadata)?;
        Ok(CachedObject::of_line(key.into(), revision, json, selected))
    }

    /// Whether the value is what `object` was stored as; never wrongly yes.
    #[must_use]
    pub fn is_value_of(&self, object: &CachedObject, value: &[u8]) -> bool {
        if self.is_own(value) {
            return is_with_resource_version(&object.json, value, object.resource_version);
        }
        let decoded = self.decode(&object.key, value, object.resource_version);
        decoded.is_ok_and(|decoded| decoded.json == object.json)
    }

    fn is_own(&self, value: &[u8]) -> bool {
        value.starts_with(&self.head)
    }

    /// What has to be [picked](k8s_api::Kind::pick) of an object for [`StoredCodec::select`].
    #[must_use]
    pub fn paths(&self) -> &Arc<Paths> {
        self.extractor.paths()
    }

    /// What selectors see of an object of these labels, of which this was picked.
    #[must_use]
    pub fn select(&self, labels: &Map<String>, picked: Picked) -> Selected {
        let labels = labels
            .iter()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()));
        self.selected(labels.collect(), picked)
    }

    fn selected(&self, mut labels: Vec<(Box<str>, Box<str>)>, picked: Picked) -> Selected {
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        Selected {
            labels: labels.into(),
            fields: self.complete(picked),
        }
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
        let selected = Selected {
            labels: object.labels.clone(),
            fields: object.fields.clone(),
        };
        Arc::new(CachedObject::of_line(object.key.clone(), revision, json, selected))
    }

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
