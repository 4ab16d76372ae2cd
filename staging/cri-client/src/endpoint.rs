//! Where a runtime listens: `unix:///run/containerd/containerd.sock`.
//!
//! A bare path is accepted with a warning, as upstream's `GetAddressAndDialer` accepts it; every other scheme is refused.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A runtime's unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    path: PathBuf,
}

/// Why an endpoint is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing was given.
    #[error("endpoint is not set")]
    Empty,
    /// A scheme that is known, but that no runtime is reached by.
    #[error("only support unix socket endpoint")]
    NotUnix,
    /// A scheme that is not known.
    #[error("protocol {0:?} not supported")]
    Protocol(String),
    /// The socket's path does not start at the root, so that it would depend on the working directory.
    #[error("endpoint {0:?} does not name an absolute socket path, as unix:///run/containerd/containerd.sock does")]
    NotAbsolute(String),
}

impl Endpoint {
    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl From<PathBuf> for Endpoint {
    fn from(path: PathBuf) -> Self {
        Self { path }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let path = match text.split_once("://") {
            None if text.is_empty() => return Err(EndpointError::Empty),
            None => {
                tracing::warn!(
                    endpoint = text,
                    "using {text:?} as endpoint is deprecated, please consider using full url format"
                );
                PathBuf::from(text)
            }
            Some(("unix", path)) => PathBuf::from(
                percent_encoding::percent_decode_str(path)
                    .decode_utf8_lossy()
                    .into_owned(),
            ),
            Some(("tcp", _)) => return Err(EndpointError::NotUnix),
            Some((scheme, _)) => return Err(EndpointError::Protocol(scheme.to_owned())),
        };
        if !path.is_absolute() {
            return Err(EndpointError::NotAbsolute(text.to_owned()));
        }
        Ok(Self { path })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_as_upstream() {
        let table = [
            (
                "unix:///run/containerd/containerd.sock",
                Ok("/run/containerd/containerd.sock"),
            ),
            ("unix:///tmp/a%20b.sock", Ok("/tmp/a b.sock")),
            ("/run/crio/crio.sock", Ok("/run/crio/crio.sock")),
            ("", Err("endpoint is not set")),
            ("tcp://localhost:9090", Err("only support unix socket endpoint")),
            ("htta://free-test.com", Err("protocol \"htta\" not supported")),
            ("https://www.example.com/", Err("protocol \"https\" not supported")),
            (
                "unix://run/x.sock",
                Err(
                    "endpoint \"unix://run/x.sock\" does not name an absolute socket path, as unix:///run/containerd/containerd.sock does",
                ),
            ),
            (
                "x.sock",
                Err(
                    "endpoint \"x.sock\" does not name an absolute socket path, as unix:///run/containerd/containerd.sock does",
                ),
            ),
        ];
        for (text, want) in table {
            let got = Endpoint::from_str(text);
            match want {
                Ok(path) => assert_eq!(
                    got.as_ref().map(|e| e.path().display().to_string()),
                    Ok(path.to_owned()),
                    "{text}"
                ),
                Err(words) => assert_eq!(got.map_err(|e| e.to_string()), Err(words.to_owned()), "{text}"),
            }
        }
    }
}
