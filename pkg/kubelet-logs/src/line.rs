//! One line of a log.

use jiff::Timestamp;

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A parsed line; text that was written without a line's end is spread over several, the last of which is not partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// When it was written, as it stands in the log.
    pub time: &'a str,
    /// The same as a moment.
    pub timestamp: Timestamp,
    /// Where to.
    pub stream: Stream,
    /// Whether more of it follows.
    pub partial: bool,
    /// The text.
    pub text: &'a [u8],
}

/// A line is none of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLineError {
    /// There is no moment in front.
    #[error("timestamp is not found")]
    Time,
    /// Neither `stdout` nor `stderr`.
    #[error("unexpected stream type")]
    Stream,
    /// There is no tag.
    #[error("log tag is not found")]
    Tag,
}

/// Parses a line without its end.
///
/// # Errors
/// If it is not of the format.
pub fn parse(line: &[u8]) -> Result<LogLine<'_>, ParseLineError> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = parts
        .next()
        .and_then(|part| std::str::from_utf8(part).ok())
        .ok_or(ParseLineError::Time)?;
    let timestamp = time.parse().map_err(|_| ParseLineError::Time)?;
    let stream = match parts.next() {
        Some(b"stdout") => Stream::Stdout,
        Some(b"stderr") => Stream::Stderr,
        _ => return Err(ParseLineError::Stream),
    };
    let tags = parts.next().ok_or(ParseLineError::Tag)?;
    let partial = tags.split(|byte| *byte == b':').next() == Some(b"P");
    Ok(LogLine {
        time,
        timestamp,
        stream,
        partial,
        text: parts.next().unwrap_or_default(),
    })
}
