//! Reading a log with the options of the API.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::line::{Stream, parse};

/// How long to wait for more of a followed log.
const FOLLOW_WAIT: Duration = Duration::from_millis(250);
/// The end of a log is looked for in steps of this size.
const BLOCK: u64 = 64 * 1024;

/// What of a log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// So many lines from the end; `None` is all.
    pub tail: Option<usize>,
    /// Nothing older.
    pub since: Option<Timestamp>,
    /// No more bytes.
    pub limit_bytes: Option<u64>,
    /// Whether each line begins with its moment.
    pub timestamps: bool,
    /// Whether to wait for more until the container has ended.
    pub follow: bool,
    /// One stream only.
    pub stream: Option<Stream>,
}

/// Tells whether more can come.
#[async_trait]
pub trait StillRunning: Send + Sync {
    /// Whether the container still runs.
    async fn still_running(&self) -> bool;
}

/// A log cannot be read or passed on.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("failed to open log file {path:?}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's words.
        source: io::Error,
    },
    /// The reader went away.
    #[error("failed to write log: {0}")]
    Write(io::Error),
}

/// Writes what is wanted of a log to `output`, the text only. Lines that are not of the format are passed over. A log that is
/// rotated while it is followed goes on with its successor, nothing lost. Dropping the future ends the reading.
///
/// # Errors
/// If the log cannot be read or the output not be written.
pub async fn read_logs(
    path: &Path,
    options: &LogOptions,
    running: &dyn StillRunning,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), LogError> {
    let failed = |source| LogError::Read {
        path: path.display().to_string(),
        source,
    };
    let mut file = open(path, options.tail).map_err(failed)?;
    let mut left = options.limit_bytes.unwrap_or(u64::MAX);
    let mut line = Vec::new();
    // Asked before the end of the file is reached: what was written up to the end of the container is read after that.
    let mut ended = !options.follow;
    loop {
        let count = file.read_until(b'\n', &mut line).map_err(failed)?;
        if count > 0 && line.ends_with(b"\n") {
            let wanted = render(&line[..line.len() - 1], options);
            let cut = usize::try_from(left).unwrap_or(usize::MAX).min(wanted.len());
            output.write_all(&wanted[..cut]).await.map_err(LogError::Write)?;
            left -= u64::try_from(cut).unwrap_or(u64::MAX);
            line.clear();
            if left == 0 {
                break;
            }
            continue;
        }
        output.flush().await.map_err(LogError::Write)?;
        if rotated(&file, path).map_err(failed)? {
            // What was written between the last read and the move is still in the old file.
            if file.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                file = open(path, None).map_err(failed)?;
            }
            continue;
        }
        if ended {
            break;
        }
        ended = !running.still_running().await;
        if !ended {
            tokio::time::sleep(FOLLOW_WAIT).await;
        }
    }
    output.flush().await.map_err(LogError::Write)
}

/// The text of a line as it is wanted; nothing if it is not.
fn render(line: &[u8], options: &LogOptions) -> Vec<u8> {
    let line = match parse(line) {
        Ok(line) => line,
        Err(error) => {
            tracing::warn!(%error, "a line of a container log");
            return Vec::new();
        }
    };
    let old = options.since.is_some_and(|since| line.timestamp < since);
    if old || options.stream.is_some_and(|stream| stream != line.stream) {
        return Vec::new();
    }
    let mut text = Vec::with_capacity(line.text.len() + 40);
    if options.timestamps {
        text.extend_from_slice(line.time.as_bytes());
        text.push(b' ');
    }
    text.extend_from_slice(line.text);
    if !line.partial {
        text.push(b'\n');
    }
    text
}

/// Opens a log at the beginning of its last lines.
fn open(path: &Path, tail: Option<usize>) -> io::Result<BufReader<File>> {
    let mut file = File::open(path)?;
    if let Some(lines) = tail {
        let start = tail_start(&mut file, lines)?;
        file.seek(SeekFrom::Start(start))?;
    }
    Ok(BufReader::new(file))
}

/// Where the last lines begin; read from the end, so that the cost follows what is asked for.
fn tail_start(file: &mut File, lines: usize) -> io::Result<u64> {
    let end = file.metadata()?.len();
    if lines == 0 {
        return Ok(end);
    }
    let (mut at, mut seen) = (end, 0);
    let mut block = Vec::new();
    while at > 0 {
        let from = at.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(from))?;
        block.clear();
        file.by_ref().take(at - from).read_to_end(&mut block)?;
        for (index, byte) in block.iter().enumerate().rev() {
            let position = from + u64::try_from(index).unwrap_or(u64::MAX);
            // The end of the last line ends no line before it.
            if *byte == b'\n' && position + 1 != end {
                seen += 1;
                if seen == lines {
                    return Ok(position + 1);
                }
            }
        }
        at = from;
    }
    Ok(0)
}

/// Whether another file has the log's name now; one that has none yet is about to be made.
fn rotated(file: &BufReader<File>, path: &Path) -> io::Result<bool> {
    let own = file.get_ref().metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) != (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
