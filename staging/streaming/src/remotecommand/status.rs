//! The `Status` object that ends an exec, as far as the error stream uses it.

use serde::{Deserialize, Serialize};

const SUCCESS: &str = "Success";
const FAILURE: &str = "Failure";
const NON_ZERO_EXIT_CODE: &str = "NonZeroExitCode";
const EXIT_CODE: &str = "ExitCode";

/// A `metav1.Status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Always empty metadata, where it is sent at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Empty>,
    /// `Success` or `Failure`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// For programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// More for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// The HTTP status, 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub code: i32,
}

/// An empty JSON object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// The details of a [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What led to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// One cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// Its kind, such as `ExitCode`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Its value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(code: &i32) -> bool {
    *code == 0
}

/// What a received status means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Exit(u8),
    Failure(Status),
    /// Not a status that the protocol allows.
    Invalid(String),
}

impl Status {
    /// All went well.
    #[must_use]
    pub fn success() -> Self {
        Self {
            status: SUCCESS.to_owned(),
            ..Self::default()
        }
    }

    /// The process ended with a code other than 0; `detail` says how.
    #[must_use]
    pub fn exit_code(code: i32, detail: &str) -> Self {
        Self {
            status: FAILURE.to_owned(),
            reason: NON_ZERO_EXIT_CODE.to_owned(),
            message: format!("command terminated with non-zero exit code: {detail}"),
            details: Some(Details {
                causes: vec![Cause {
                    reason: EXIT_CODE.to_owned(),
                    message: code.to_string(),
                }],
            }),
            ..Self::default()
        }
    }

    /// Something on this side failed.
    #[must_use]
    pub fn internal_error(message: &str) -> Self {
        Self {
            status: FAILURE.to_owned(),
            reason: "InternalError".to_owned(),
            message: format!("Internal error occurred: {message}"),
            details: Some(Details {
                causes: vec![Cause {
                    message: message.to_owned(),
                    ..Cause::default()
                }],
            }),
            code: 500,
            ..Self::default()
        }
    }

    /// Whether all went well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == SUCCESS
    }

    pub(super) fn outcome(message: &[u8]) -> Outcome {
        let status: Self = match serde_json::from_slice(message) {
            Ok(status) => status,
            Err(error) => {
                return Outcome::Invalid(format!("{error} in {:?}", String::from_utf8_lossy(message)));
            }
        };
        match status.status.as_str() {
            SUCCESS => return Outcome::Success,
            FAILURE if status.reason != NON_ZERO_EXIT_CODE => return Outcome::Failure(status),
            FAILURE => {}
            _ => return Outcome::Invalid("unknown error".to_owned()),
        }
        let Some(details) = status.details else {
            return Outcome::Invalid("details must be set".to_owned());
        };
        let Some(cause) = details.causes.iter().find(|cause| cause.reason == EXIT_CODE) else {
            return Outcome::Invalid("no ExitCode cause given".to_owned());
        };
        cause.message.parse().map_or_else(
            |_| Outcome::Invalid(format!("invalid exit code value {:?}", cause.message)),
            Outcome::Exit,
        )
    }
}
