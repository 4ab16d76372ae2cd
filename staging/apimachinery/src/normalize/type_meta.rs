//! Reading `apiVersion` and `kind` before anything else is known about a document.

use serde_json::Value;

use super::error::{DecodeError, TypeMismatch};

/// The kind of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupVersionKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Version within the group.
    pub version: String,
    /// Kind.
    pub kind: String,
}

impl GroupVersionKind {
    /// Reads the members of `value`; absent ones are empty.
    ///
    /// # Errors
    /// When the value is no object, a member is no string, or the version has two slashes.
    pub fn of(value: &Value) -> Result<Self, DecodeError> {
        let Value::Object(members) = value else {
            if value.is_null() {
                return Ok(Self::default());
            }
            let go_type = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
            return Err(mismatch(value, go_type, None));
        };
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(other) => Err(mismatch(other, "string", Some(name))),
        };
        let (group, version) = split_group_version(text("apiVersion")?)?;
        Ok(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: text("kind")?.to_owned(),
        })
    }

    /// Fills what is missing from the kind that the request is for.
    #[must_use]
    pub fn or(mut self, default: &Self) -> Self {
        if self.kind.is_empty() {
            self.kind.clone_from(&default.kind);
        }
        if self.version.is_empty() && self.group.is_empty() {
            self.group.clone_from(&default.group);
            self.version.clone_from(&default.version);
        }
        if self.version.is_empty() && self.group == default.group {
            self.version.clone_from(&default.version);
        }
        self
    }

    /// `v1` or `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Fails when kind or version are still unknown.
    ///
    /// # Errors
    /// With the whole document in the message, as upstream.
    pub fn complete(&self, body: &[u8]) -> Result<(), DecodeError> {
        let text = || String::from_utf8_lossy(body).into_owned();
        if self.kind.is_empty() {
            return Err(DecodeError::MissingKind(text()));
        }
        if self.version.is_empty() {
            return Err(DecodeError::MissingVersion(text()));
        }
        Ok(())
    }
}

/// Splits `apps/v1` into group and version.
///
/// # Errors
/// When there is more than one slash.
pub fn split_group_version(api_version: &str) -> Result<(&str, &str), DecodeError> {
    if api_version == "/" {
        return Ok(("", ""));
    }
    match api_version.split_once('/') {
        None => Ok(("", api_version)),
        Some((group, version)) if !version.contains('/') => Ok((group, version)),
        Some(_) => Err(DecodeError::GroupVersion(api_version.to_owned())),
    }
}

fn mismatch(value: &Value, type_name: &str, field: Option<&str>) -> DecodeError {
    let noun = super::document::Node::of(value).noun();
    DecodeError::TypeMeta(TypeMismatch {
        value: noun.to_owned(),
        type_name: type_name.to_owned(),
        structure: field.map(|_| String::new()),
        path: field.unwrap_or_default().to_owned(),
    })
}
