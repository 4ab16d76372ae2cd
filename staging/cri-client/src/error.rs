//! What can go wrong with a call, told apart the way the kubelet has to.
//!
//! A failure that the runtime reported keeps its gRPC code, and prints as Go's gRPC prints it: these texts end up in events
//! and container statuses, where users and tools look for them.

use std::error::Error as _;
use std::time::Duration;

pub use tonic::Code;

use crate::EndpointError;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The runtime answered with a gRPC status, or could not be reached (`Unavailable`), or the deadline passed first
    /// (`DeadlineExceeded`).
    #[error("rpc error: code = {} desc = {message}", code_name(*.code))]
    Status {
        /// The gRPC code.
        code: Code,
        /// The runtime's words.
        message: String,
    },
    /// An answer lacks something that the protocol requires.
    #[error("{0}")]
    InvalidResponse(String),
    /// The runtime's own words, where a code would say nothing (`Unknown` from a pull).
    #[error("{0}")]
    Reported(String),
    /// The caller asked for something that no runtime can be asked for.
    #[error("{0}")]
    InvalidArgument(String),
    /// A command run by `exec_sync` did not end within its timeout; the runtime has killed it.
    #[error("command timed out: {command:?} timed out after {}", go_duration(*.timeout))]
    CommandTimedOut {
        /// The command, its words joined by blanks.
        command: String,
        /// The timeout that was asked for.
        timeout: Duration,
    },
    /// A command run by `exec_sync` ended with a code other than 0.
    #[error("command '{command}' exited with {exit_code}: {stderr}")]
    CommandExited {
        /// The command, its words joined by blanks.
        command: String,
        /// The exit code.
        exit_code: i32,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The endpoint is none that a runtime can be reached at.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The runtime at the endpoint does not speak v1, or does not answer.
    #[error("validate service connection: validate CRI v1 {service} API for endpoint {endpoint:?}: {source}")]
    Validate {
        /// `runtime` or `image`.
        service: &'static str,
        /// The endpoint as it was given.
        endpoint: String,
        /// The failure of the first call.
        source: Box<Error>,
    },
}

impl Error {
    /// A failure with a gRPC code.
    pub fn status(code: Code, message: impl Into<String>) -> Self {
        Self::Status {
            code,
            message: message.into(),
        }
    }

    /// The gRPC code, if the runtime (or the transport) gave one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Validate { source, .. } => source.code(),
            _ => None,
        }
    }

    /// The sandbox, container or image is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(Code::NotFound)
    }

    /// The runtime does not know the call.
    pub fn is_unimplemented(&self) -> bool {
        self.code() == Some(Code::Unimplemented)
    }

    /// The runtime could not be reached, or the connection broke.
    pub fn is_unavailable(&self) -> bool {
        self.code() == Some(Code::Unavailable)
    }

    /// The call, or the command it ran, took too long.
    pub fn is_timeout(&self) -> bool {
        self.code() == Some(Code::DeadlineExceeded) || matches!(self, Self::CommandTimedOut { .. })
    }

    /// The runtime's words without the code in front; other errors as they print.
    pub fn message(&self) -> String {
        match self {
            Self::Status { message, .. } => message.clone(),
            other => other.to_string(),
        }
    }

    /// The deadline of a call passed.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::status(Code::DeadlineExceeded, "context deadline exceeded")
    }
}

/// The connection to the runtime's socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("connection error: desc = \"transport: Error while dialing: dial unix {path}: connect: {reason}\"")]
pub(crate) struct DialError {
    /// The socket.
    pub(crate) path: String,
    /// The system's words.
    pub(crate) reason: String,
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        let mut source = status.source();
        let local = source.is_some();
        while let Some(cause) = source {
            if let Some(dial) = cause.downcast_ref::<DialError>() {
                return Self::status(Code::Unavailable, dial.to_string());
            }
            if cause.is::<tonic::TimeoutExpired>() {
                return Self::deadline_exceeded();
            }
            source = cause.source();
        }
        // A status with a source was made on this side: the connection broke, whatever the transport calls that.
        if local && matches!(status.code(), Code::Unknown | Code::Cancelled | Code::Internal) {
            return Self::status(
                Code::Unavailable,
                format!("error reading from server: {}", innermost(&status)),
            );
        }
        Self::status(status.code(), status.message())
    }
}

/// The words of the last error in a chain, which are the system's.
fn innermost(status: &tonic::Status) -> String {
    let mut last = status.message().to_owned();
    let mut source = status.source();
    while let Some(cause) = source {
        last = cause.to_string();
        source = cause.source();
    }
    last
}

/// The name Go's gRPC prints for a code.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// A duration as Go prints it, for the whole and fractional seconds that timeouts have.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = (duration - Duration::from_secs(hours * 3600 + minutes * 60)).as_secs_f64();
    if duration < Duration::from_secs(1) {
        return if duration.is_zero() {
            "0s".to_owned()
        } else {
            format!("{}ms", duration.as_secs_f64() * 1000.0)
        };
    }
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_gos_grpc_does() {
        let error = Error::from(tonic::Status::not_found(
            "an error occurred when try to find container \"x\": not found",
        ));
        assert!(error.is_not_found());
        assert_eq!(
            error.to_string(),
            "rpc error: code = NotFound desc = an error occurred when try to find container \"x\": not found"
        );
        assert_eq!(
            Error::from(tonic::Status::cancelled("gone")).to_string(),
            "rpc error: code = Canceled desc = gone"
        );
    }

    #[test]
    fn a_commands_failure_names_the_command() {
        let error = Error::CommandTimedOut {
            command: "sleep 9".into(),
            timeout: Duration::from_secs(1),
        };
        assert_eq!(error.to_string(), "command timed out: \"sleep 9\" timed out after 1s");
        assert!(error.is_timeout());
        let error = Error::CommandExited {
            command: "false".into(),
            exit_code: 1,
            stderr: "oh".into(),
        };
        assert_eq!(error.to_string(), "command 'false' exited with 1: oh");
    }

    #[test]
    fn durations_print_as_in_go() {
        for (millis, text) in [
            (0, "0s"),
            (250, "250ms"),
            (1000, "1s"),
            (1500, "1.5s"),
            (90_000, "1m30s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
