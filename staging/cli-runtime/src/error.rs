//! Why a command failed, and the words and the exit code a user gets for it (upstream: `cmdutil.CheckErr`).

use std::io;

use apimachinery::status::{Reason, StatusError};
use client_go::Error as ClientError;
use client_go::config::ConfigError;
use client_go::discovery::MappingError;
use client_go::transport::TransportError;
use k8s_api::meta::v1::StatusCause;
use k8s_api::primitives::quote;

/// What a command comes to.
pub type Result<T, E = CommandError> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommandError {
    /// A message of kubectl's own; printed behind `error: `.
    #[error("{0}")]
    Message(String),
    /// Printed as it is, without `error: ` before it.
    #[error("{0}")]
    Verbatim(String),
    /// The server said no, or could not be reached.
    #[error(transparent)]
    Api(ClientError),
    /// The server does not serve that.
    #[error(transparent)]
    Mapping(MappingError),
    /// There is no usable configuration.
    #[error("{0}")]
    Configuration(String),
    /// Several things went wrong; never empty.
    #[error("{}", aggregate(.0))]
    Many(Vec<CommandError>),
    /// Everything was said already: end with this code.
    #[error("exit status {0}")]
    Exit(u8),
    /// A message (printed as it is, if there is one) and the code to end with, such as that of a remote command.
    #[error("{message}")]
    ExitWith {
        /// The message; may be empty.
        message: String,
        /// The exit code.
        code: u8,
    },
    /// Nobody reads the output any more.
    #[error("broken pipe")]
    BrokenPipe,
}

/// The errors as Go's `errors.Aggregate` words them.
fn aggregate(errors: &[CommandError]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", texts.join(", ")),
    }
}

/// A message behind `error: `, put together like `format!`.
#[macro_export]
macro_rules! message {
    ($($argument:tt)*) => {
        $crate::CommandError::Message(format!($($argument)*))
    };
}

impl CommandError {
    /// A message behind `error: `.
    pub fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// One error of several; `Ok` of none. Lists within lists are opened.
    ///
    /// # Errors
    /// The errors.
    pub fn collect(errors: Vec<Self>) -> Result<()> {
        let mut flat = Vec::with_capacity(errors.len());
        for error in errors {
            match error {
                Self::Many(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Ok(()),
            1 => Err(flat.remove(0)),
            _ => Err(Self::Many(flat)),
        }
    }

    /// What the server said, if it said anything.
    #[must_use]
    pub fn status(&self) -> Option<&StatusError> {
        match self {
            Self::Api(error) => error.status(),
            Self::Mapping(MappingError::Discovery(error)) => error.status(),
            Self::Many(errors) if errors.len() == 1 => errors[0].status(),
            _ => None,
        }
    }

    /// The server says that there is no such object.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(StatusError::is_not_found)
    }

    /// The server says that there is one already.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.status().is_some_and(StatusError::is_already_exists)
    }

    /// The server says that somebody else changed the object.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(StatusError::is_conflict)
    }

    /// The same error, saying what was being done with which source: `error when creating "x.yaml": …`.
    #[must_use]
    pub fn while_doing(self, verb: &str, source: &str) -> Self {
        if source.is_empty() {
            return self;
        }
        let prefix = format!("error when {verb} {}: ", quote(source));
        match self {
            Self::Api(ClientError::Status(status)) => {
                let mut status = status.into_status();
                status.message = format!("{prefix}{}", status.message);
                Self::Api(ClientError::Status(StatusError::from(status)))
            }
            other => Self::Message(format!("{prefix}{other}")),
        }
    }

    /// What goes to standard error, with its line break; empty for nothing.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = match self {
            Self::Exit(_) | Self::BrokenPipe => String::new(),
            Self::ExitWith { message, .. } => message.clone(),
            Self::Many(errors) if errors.len() == 1 => errors[0].report(),
            Self::Many(errors) => errors
                .iter()
                .map(|error| format!("{}\n", error.standard_message()))
                .collect(),
            Self::Verbatim(text) => text.clone(),
            Self::Configuration(text) => format!("Error in configuration: {text}"),
            Self::Api(ClientError::Status(status)) if status.reason() == Some(Reason::Invalid) => invalid(status),
            Self::Mapping(MappingError::NoResource(_)) => self.to_string(),
            other => other.known_message().unwrap_or_else(|| {
                let text = other.to_string();
                if text.starts_with("error: ") {
                    text
                } else {
                    format!("error: {text}")
                }
            }),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exit(code) | Self::ExitWith { code, .. } => *code,
            // What a shell reports of a process that the signal ended.
            Self::BrokenPipe => 141,
            Self::Many(errors) if errors.len() == 1 => errors[0].exit_code(),
            _ => 1,
        }
    }

    /// The words for kinds of errors that have words of their own.
    fn known_message(&self) -> Option<String> {
        let error = match self {
            Self::Api(error) => error,
            Self::Mapping(MappingError::Discovery(error)) => error,
            _ => return None,
        };
        match error {
            ClientError::Status(status) => Some(match (status.reason(), status.status().reason.as_str()) {
                (Some(Reason::Unauthorized), _) => {
                    format!("error: You must be logged in to the server ({status})")
                }
                (_, "") => format!("Error from server: {status}"),
                (_, reason) => format!("Error from server ({reason}): {status}"),
            }),
            ClientError::Request { url, source, .. } => Some(unreachable(url, source)),
            ClientError::Timeout { .. } => {
                Some("Unable to connect to the server: context deadline exceeded".to_owned())
            }
            _ => None,
        }
    }

    /// The words of one error among several.
    #[must_use]
    pub fn standard_message(&self) -> String {
        self.known_message().unwrap_or_else(|| self.to_string())
    }
}

fn unreachable(url: &str, source: &TransportError) -> String {
    if source.is_connection_refused() {
        let host = url
            .split_once("://")
            .map_or(url, |(_, rest)| rest)
            .split(['/', '?'])
            .next()
            .unwrap_or_default();
        return format!("The connection to the server {host} was refused - did you specify the right host or port?");
    }
    format!("Unable to connect to the server: {source}")
}

/// An object that does not pass validation, each cause once.
fn invalid(error: &StatusError) -> String {
    let status = error.status();
    let mut text = "The request is invalid".to_owned();
    let Some(details) = &status.details else {
        if !status.message.is_empty() {
            text.push_str(": ");
            text.push_str(&status.message);
        }
        return text;
    };
    if !details.kind.is_empty() || !details.name.is_empty() {
        text = format!("The {} {} is invalid", details.kind, quote(&details.name));
    } else if !status.message.is_empty() && details.causes.is_empty() {
        text.push_str(": ");
        text.push_str(&status.message);
    }
    let mut causes: Vec<String> = Vec::new();
    for StatusCause { field, message, .. } in &details.causes {
        let cause = format!("{field}: {message}");
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    match causes.as_slice() {
        [] => text,
        [one] => format!("{text}: {one}"),
        many => {
            let lines: String = many.iter().map(|cause| format!("* {cause}\n")).collect();
            format!("{text}: \n{lines}")
        }
    }
}

/// An error of the system as Go words it: `no such file or directory`.
#[must_use]
pub fn io_words(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        Self::Api(error)
    }
}

impl From<MappingError> for CommandError {
    fn from(error: MappingError) -> Self {
        match error {
            // Upstream's builder words this one itself.
            MappingError::NoResource(name) => {
                let name = name.split('.').next().unwrap_or_default();
                Self::Message(format!("the server doesn't have a resource type {}", quote(name)))
            }
            other => Self::Mapping(other),
        }
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::NotFound { kind: "context", name } => {
                Self::Configuration(format!("context was not found for specified context: {name}"))
            }
            ConfigError::NotFound { kind: "cluster", name } => {
                Self::Message(format!("no server found for cluster {}", quote(&name)))
            }
            ConfigError::Invalid(errors) => match errors.as_slice() {
                [one] if one.starts_with("context was not found") => Self::Configuration(one.clone()),
                [one] => Self::Message(one.clone()),
                many => {
                    let lines: String = many.iter().map(|error| format!("* {error}\n")).collect();
                    Self::Configuration(format!("\n{lines}"))
                }
            },
            other => Self::Message(other.to_string()),
        }
    }
}

impl From<TransportError> for CommandError {
    fn from(error: TransportError) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<StatusError> for CommandError {
    fn from(error: StatusError) -> Self {
        Self::Api(ClientError::Status(error))
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Message(error.to_string())
        }
    }
}
