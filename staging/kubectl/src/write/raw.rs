//! `--raw`: a request to a path of the server, with a file for a body (upstream: `kubectl/pkg/rawhttp`).

use client_go::Error as ClientError;
use futures::StreamExt as _;
use http::Method;

use cli_runtime::{FilenameOptions, Result, message};

use crate::frame::Context;

/// What `--raw` does not go together with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRules<'r> {
    /// The path.
    pub(crate) path: &'r str,
    /// The files.
    pub(crate) files: &'r FilenameOptions,
    /// `-o`.
    pub(crate) output: &'r str,
    /// Whether there may be no file.
    pub(crate) body_optional: bool,
}

impl RawRules<'_> {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// Several files or a URL, folders, an output format, or a path that is none.
    pub(crate) fn check(&self) -> Result<()> {
        match self.files.filenames.as_slice() {
            [] if self.body_optional => {}
            [one] if one.starts_with("http://") || one.starts_with("https://") => {
                return Err(message!("--raw cannot read from a url"));
            }
            [_] => {}
            _ => return Err(message!("--raw can only use a single local file or stdin")),
        }
        if self.files.recursive {
            return Err(message!("--raw and --recursive are mutually exclusive"));
        }
        if !self.output.is_empty() {
            return Err(message!("--raw and --output are mutually exclusive"));
        }
        if !self.path.starts_with('/') && !self.path.contains("://") {
            return Err(message!(
                "--raw must be a valid URL path: parse {:?}: invalid URI for request",
                self.path
            ));
        }
        Ok(())
    }
}

/// Sends the file's bytes as they are, and writes the answer as it comes.
///
/// # Errors
/// The file is unreadable, the server refuses.
pub(crate) async fn send_raw(context: &Context, method: Method, path: &str, file: Option<&str>) -> Result<()> {
    let body = match file {
        None => Vec::new(),
        Some("-") => context.streams.input.read_all()?,
        Some(name) => std::fs::read(name).map_err(|error| message!("open {name}: {error}"))?,
    };
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => path,
    };
    let mut request = context.factory.client()?.request(method, path).accept("*/*");
    if !body.is_empty() {
        request = request.body("application/json", body);
    }
    let mut stream = request.stream().await?;
    while let Some(chunk) = stream.next().await {
        context.streams.out.print(chunk.map_err(ClientError::Body)?)?;
    }
    Ok(())
}
