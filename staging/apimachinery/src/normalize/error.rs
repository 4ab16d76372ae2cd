//! The errors of typed decoding, in the words of Go and of the API server.

use std::fmt;

use crate::codec::go;

/// Why a document cannot be decoded into its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A value of another JSON type than the field's, or a number that does not fit it.
    #[error("{0}")]
    Type(TypeMismatch),
    /// A text without the grammar of its type: time, duration, quantity, base64, …
    #[error("{0}")]
    Invalid(String),
    /// `apiVersion` and `kind` cannot be read.
    #[error("couldn't get version/kind; json parse error: {0}")]
    TypeMeta(TypeMismatch),
    /// `apiVersion` has more than one slash.
    #[error("unexpected GroupVersion string: {0}")]
    GroupVersion(String),
    /// The object has no kind and nothing says which it should be.
    #[error("Object 'Kind' is missing in '{0}'")]
    MissingKind(String),
    /// The object has no version and nothing says which it should be.
    #[error("Object 'apiVersion' is missing in '{0}'")]
    MissingVersion(String),
}

/// Go's `json.UnmarshalTypeError`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeMismatch {
    /// `string`, `number 1.5`, `object`, …
    pub value: String,
    /// Go's name of the wanted type.
    pub type_name: String,
    /// Go's name of the struct that holds the field; `None` at the root.
    pub structure: Option<String>,
    /// JSON names from the root to the field, without list indices and map keys.
    pub path: String,
}

impl TypeMismatch {
    /// The same mismatch in the words of Go's conversion from maps (`DefaultUnstructuredConverter`), which decodes what a
    /// strategic merge patch yields.
    #[must_use]
    pub fn of_conversion(&self) -> String {
        let (kind, go_type) = match self.value.as_str() {
            "object" => ("map", "map[string]interface {}"),
            "array" => ("slice", "[]interface {}"),
            "string" => ("string", "string"),
            "bool" => ("bool", "bool"),
            number if number.contains(['.', 'e', 'E']) => ("float64", "float64"),
            _ => ("int64", "int64"),
        };
        let wanted = self.type_name.as_str();
        match wanted {
            _ if wanted.starts_with("[]") => format!("cannot restore slice from {kind}"),
            _ if wanted.starts_with("map[") => format!("cannot restore map from {kind}"),
            "bool" | "string" | "int32" | "int64" | "float64" => format!("cannot convert {go_type} to {wanted}"),
            _ => format!("cannot restore struct from: {kind}"),
        }
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.structure {
            Some(structure) => write!(
                f,
                "json: cannot unmarshal {} into Go struct field {structure}.{} of type {}",
                self.value, self.path, self.type_name
            ),
            None => write!(
                f,
                "json: cannot unmarshal {} into Go value of type {}",
                self.value, self.type_name
            ),
        }
    }
}

/// What strict decoding objects to; a warning or an error, as `fieldValidation` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum StrictError {
    /// A member that no field of the struct is named.
    #[error("unknown field {}", go::quote(.0))]
    Unknown(String),
    /// A member that stands in its object more than once.
    #[error("duplicate field {}", go::quote(.0))]
    Duplicate(String),
    /// What the YAML parser objects to, in its words.
    #[error("{0}")]
    Yaml(String),
}

/// How many strict errors are reported at most.
pub const MAX_STRICT_ERRORS: usize = 100;

/// The error of a strict decoder: `strict decoding error: unknown field "a", duplicate field "b"`.
#[must_use]
pub fn strict_message(errors: &[StrictError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    format!("strict decoding error: {}", texts.join(", "))
}

/// What the API server answers (400) when an object was recognised and did not decode.
#[must_use]
pub fn cannot_be_handled(kind: &str, version: &str, expected_kind: &str, error: &dyn fmt::Display) -> String {
    format!(
        "{kind} in version {} cannot be handled as a {expected_kind}: {error}",
        go::quote(version)
    )
}

/// What the API server answers (400) when a body does not even show its kind.
#[must_use]
pub fn unrecognized(expected_kind: &str, error: &dyn fmt::Display, body: &[u8]) -> String {
    format!(
        "the object provided is unrecognized (must be of type {expected_kind}): {error} ({})",
        summary(body)
    )
}

/// The start of a body: JSON as it is, anything else in hexadecimal.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let shown = &body[..body.len().min(SHOWN)];
    let dots = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{dots}", String::from_utf8_lossy(shown)),
        Some(_) => format!("{}{dots}", hex::encode(shown)),
    }
}
