//! Component configuration files: YAML or JSON into typed structs, nothing unknown and nothing twice.
//!
//! JSON is read by the YAML parser, whose grammar includes it. Numbers with a leading zero are octal, as upstream's
//! parser has them (`0644` is 420). Every unknown field is reported, with its path. Alias expansion and nesting are
//! bounded by the parser's budget.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::{DuplicateKeyPolicy, Error as YamlError, Options};

/// Why a configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read config file {path:?}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is no configuration of this kind.
    #[error("failed to load config file {path:?}: {source}")]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DecodeError,
    },
}

/// What is wrong with a document; every form fits on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fields that the type does not have, and keys that stand twice.
    #[error("strict decoding error: {}", .0.join(", "))]
    Strict(Vec<String>),
    /// No YAML, or of other types than the fields.
    #[error("{0}")]
    Malformed(String),
    /// Of another kind or version than the caller loads.
    #[error("no kind {kind:?} is registered for version {api_version:?}, expected {expected}")]
    UnexpectedKind {
        /// The document's apiVersion.
        api_version: String,
        /// The document's kind.
        kind: String,
        /// `Kind, version` pairs that would do.
        expected: String,
    },
}

/// The two fields that say what a document is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeMeta {
    /// Group and version.
    #[serde(default)]
    pub api_version: String,
    /// The kind.
    #[serde(default)]
    pub kind: String,
}

fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

fn decode_error(error: &YamlError) -> DecodeError {
    let line = |location: &serde_saphyr::Location| location.line();
    match error {
        YamlError::DuplicateMappingKey { key, location } => DecodeError::Strict(vec![format!(
            "line {}: key {:?} already set in map",
            line(location),
            key.as_deref().unwrap_or_default()
        )]),
        YamlError::SerdeUnknownField { field, location, .. } => {
            DecodeError::Strict(vec![format!("line {}: unknown field {field:?}", line(location))])
        }
        other => DecodeError::Malformed(other.to_string().split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

/// Renders `a.b[0].c`.
fn field_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some as Inner};
    match path {
        Root => String::new(),
        Seq { parent, index } => format!("{}[{index}]", field_path(parent)),
        Map { parent, key } => match field_path(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Inner { parent } | NewtypeStruct { parent } | NewtypeVariant { parent } => field_path(parent),
    }
}

/// Decodes one document strictly.
///
/// The types need no `deny_unknown_fields`; without it every unknown field is reported, and not only the first.
///
/// # Errors
/// Unknown fields and duplicate keys, malformed YAML, values of the wrong type.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode(bytes, &[])
}

/// [`from_slice`] of a document whose members named in `judged` have been looked at; the type need not have them.
fn decode<T: DeserializeOwned>(bytes: &[u8], judged: &[&str]) -> Result<T, DecodeError> {
    let mut unknown = Vec::new();
    let decoded = serde_saphyr::with_deserializer_from_slice_with_options(bytes, options(), |deserializer| {
        serde_ignored::deserialize(deserializer, |path| {
            let path = field_path(&path);
            if !judged.contains(&path.as_str()) {
                unknown.push(format!("unknown field {path:?}"));
            }
        })
    })
    .map_err(|error| decode_error(&error))?;
    if unknown.is_empty() {
        Ok(decoded)
    } else {
        Err(DecodeError::Strict(unknown))
    }
}

/// Decodes one document without minding what else it holds, for a look at its kind.
///
/// # Errors
/// Malformed YAML.
pub fn type_meta(bytes: &[u8]) -> Result<TypeMeta, DecodeError> {
    serde_saphyr::from_slice_with_options(bytes, options()).map_err(|error| decode_error(&error))
}

/// Checks that the document is of one of the kinds (`(apiVersion, kind)`) and decodes it strictly. The type has these two
/// fields where it wants to know which of the kinds it was.
///
/// # Errors
/// As [`from_slice`], and another kind or version.
pub fn from_slice_of_kind<T: DeserializeOwned>(bytes: &[u8], kinds: &[(&str, &str)]) -> Result<T, DecodeError> {
    let found = type_meta(bytes)?;
    if !kinds
        .iter()
        .any(|(version, kind)| found.api_version == *version && found.kind == *kind)
    {
        let expected = kinds
            .iter()
            .map(|(version, kind)| format!("{kind} of {version}"))
            .collect::<Vec<_>>()
            .join(" or ");
        return Err(DecodeError::UnexpectedKind {
            api_version: found.api_version,
            kind: found.kind,
            expected,
        });
    }
    decode(bytes, &["apiVersion", "kind"])
}

/// Loads a file of one of the kinds.
///
/// # Errors
/// The file cannot be read, or its content is refused; the message names the file.
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>, kinds: &[(&str, &str)]) -> Result<T, ConfigError> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    from_slice_of_kind(&bytes, kinds).map_err(|source| ConfigError::Load {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GoDuration;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        api_version: String,
        kind: String,
        #[serde(default)]
        mode: u32,
        #[serde(default)]
        period: GoDuration,
        #[serde(default)]
        items: Vec<Item>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        name: String,
    }

    const KINDS: &[(&str, &str)] = &[("sample.k8s.io/v1", "Sample")];

    fn decode(text: &str) -> Result<Sample, String> {
        from_slice_of_kind(text.as_bytes(), KINDS).map_err(|error| error.to_string())
    }

    #[test]
    fn kind_and_version_are_no_members_of_the_type_unless_it_wants_them() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Bare {
            mode: u32,
        }
        let text = |more: &str| format!("apiVersion: sample.k8s.io/v1\nkind: Sample\nmode: 7\n{more}");
        let bare = |text: String| from_slice_of_kind::<Bare>(text.as_bytes(), KINDS);
        assert_eq!(bare(text("")), Ok(Bare { mode: 7 }));
        let typo = DecodeError::Strict(vec!["unknown field \"Kind\"".to_owned()]);
        assert_eq!(bare(text("Kind: Sample\n")), Err(typo));
    }

    #[test]
    fn reads_yaml_and_json() {
        let sample =
            decode("apiVersion: sample.k8s.io/v1\nkind: Sample\nmode: 0644\nperiod: 1m30s\nitems: [{name: a}]\n")
                .unwrap();
        assert_eq!(sample.mode, 420);
        assert_eq!(sample.period, GoDuration::from_secs(90));
        let same = decode(
            r#"{"apiVersion":"sample.k8s.io/v1","kind":"Sample","mode":420,"period":"90s","items":[{"name":"a"}]}"#,
        );
        assert_eq!(same.unwrap(), sample);
    }

    #[test]
    fn names_every_unknown_field_by_path() {
        let text =
            "apiVersion: sample.k8s.io/v1\nkind: Sample\ntypo: 1\nitems:\n- name: a\n- name: b\n  extra: {deep: 1}\n";
        assert_eq!(
            decode(text).unwrap_err(),
            "strict decoding error: unknown field \"typo\", unknown field \"items[1].extra\""
        );
    }

    #[test]
    fn refuses_a_key_that_stands_twice() {
        assert_eq!(
            decode("apiVersion: sample.k8s.io/v1\nkind: Sample\nmode: 1\nmode: 2\n").unwrap_err(),
            "strict decoding error: line 4: key \"mode\" already set in map"
        );
    }

    #[test]
    fn refuses_other_kinds_and_wrong_types() {
        assert_eq!(
            decode("apiVersion: v1\nkind: Pod\n").unwrap_err(),
            "no kind \"Pod\" is registered for version \"v1\", expected Sample of sample.k8s.io/v1"
        );
        let wrong = decode("apiVersion: sample.k8s.io/v1\nkind: Sample\nmode: many\n").unwrap_err();
        assert!(
            wrong.contains("many") || wrong.contains("u32") || wrong.contains("integer"),
            "{wrong}"
        );
        assert!(!wrong.contains('\n'), "{wrong}");
    }

    #[test]
    fn names_the_file_that_is_missing() {
        let error = load::<Sample>("/nonexistent/config.yaml", KINDS)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "failed to read config file \"/nonexistent/config.yaml\": No such file or directory (os error 2)"
        );
    }
}
