//! The messages and calls of `runtime.v1`, the Container Runtime Interface as of Kubernetes v1.36.
//!
//! Field names, numbers and meanings are those of the published protocol; every message is a plain struct that derives its
//! encoding, so that no protocol compiler runs at build time. Maps are ordered, which makes an encoded message the same
//! bytes each time. Enumerations are carried as `i32` (an unknown value survives), with a typed accessor of the field's name.
#![allow(
    missing_docs,
    reason = "fields and variants are the protocol's, which documents them by the same names"
)]

/// Gives an enumeration the names that the protocol uses for its values.
macro_rules! enum_names {
    ($name:ident { $($variant:ident = $text:literal,)* }) => {
        impl $name {
            /// The name of the value in the protocol.
            pub fn as_str_name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value that the protocol calls `name`.
            pub fn from_str_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

mod container;
mod image;
mod metrics;
mod rpc;
mod runtime;
mod sandbox;
mod security;
mod signal;
mod stats;
mod streaming;
mod windows;

#[cfg(test)]
mod tests;

pub use container::*;
pub use image::*;
pub use metrics::*;
pub use rpc::{Method, Rpc};
pub use runtime::*;
pub use sandbox::*;
pub use security::*;
pub use signal::*;
pub use stats::*;
pub use streaming::*;
pub use windows::*;

/// The condition of a runtime that can take basic containers.
pub const RUNTIME_READY: &str = "RuntimeReady";
/// The condition of a runtime whose pod network is up.
pub const NETWORK_READY: &str = "NetworkReady";

/// The stream name of a log line that came from standard output.
pub const LOG_STDOUT: &str = "stdout";
/// The stream name of a log line that came from standard error.
pub const LOG_STDERR: &str = "stderr";
/// The tag of a log line that goes on in the next entry.
pub const LOG_TAG_PARTIAL: &str = "P";
/// The tag of a log line that is complete, or the end of one that is.
pub const LOG_TAG_FULL: &str = "F";

impl std::fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("server_address", &self.server_address)
            .finish_non_exhaustive()
    }
}
