//! The resize stream: terminal sizes as JSON values, one after another.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

use super::TerminalSize;

/// The longest JSON value that is waited for.
const MAX_VALUE: usize = 4 * 1024;

/// Sizes that wait for the handler.
pub(super) const BACKLOG: usize = 16;

/// Hands sizes to the handler until the stream ends or stops making sense. What comes when the
/// handler no longer listens is read and forgotten, so that it does not block the connection.
pub(super) async fn pump(mut stream: impl AsyncRead + Unpin, sizes: mpsc::Sender<TerminalSize>) {
    let mut buffer = BytesMut::new();
    while matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
        let mut values = serde_json::Deserializer::from_slice(&buffer).into_iter();
        loop {
            match values.next() {
                Some(Ok(size)) => {
                    // A handler that has no terminal drops its receiver.
                    let _ = sizes.send(size).await;
                }
                Some(Err(error)) if !error.is_eof() => return,
                Some(Err(_)) | None => break,
            }
        }
        let used = values.byte_offset();
        drop(values);
        let _ = buffer.split_to(used.min(buffer.len()));
        if buffer.len() > MAX_VALUE {
            return;
        }
    }
}
