//! Streams of a session, as byte streams.
//!
//! `shutdown` sends the half close. A stream that is dropped before both directions have ended is
//! reset, after what was written to it. A reset by the peer is the end of the data, not an error, as
//! for Go: servers end exec with a reset of the streams that the client left open.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::headers::Headers;
use super::state::{CANCEL, REFUSED_STREAM, SessionError, Shared};

/// The right to a stream's entry in the session.
struct Handle {
    shared: Arc<Shared>,
    id: u32,
    headers: Headers,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.forget(self.id);
    }
}

/// A stream that the peer wants to open. Dropping it refuses the stream.
pub struct IncomingStream {
    handle: Handle,
}

impl IncomingStream {
    pub(super) fn new(shared: Arc<Shared>, id: u32, headers: Headers) -> Self {
        Self {
            handle: Handle { shared, id, headers },
        }
    }

    /// What the peer says the stream is for.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.handle.headers
    }

    /// The stream's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.handle.id
    }

    /// Answers the peer, which waits for that before it sends data.
    ///
    /// # Errors
    /// The session is over.
    pub fn accept(self) -> Result<Stream, SessionError> {
        self.handle.shared.reply(self.handle.id)?;
        Ok(Stream::new(self.handle))
    }

    /// Refuses the stream.
    pub fn refuse(self) {
        self.handle.shared.reset(self.handle.id, REFUSED_STREAM);
    }
}

/// An open stream.
pub struct Stream {
    reader: StreamReader,
    writer: StreamWriter,
}

/// The receiving half of a [`Stream`]. Dropping it throws away what still arrives.
pub struct StreamReader(Arc<Handle>);

/// The sending half of a [`Stream`]. Dropping it does not send the half close; `shutdown` does.
pub struct StreamWriter(Arc<Handle>);

impl Stream {
    pub(super) fn opened(shared: Arc<Shared>, id: u32, headers: Headers) -> Self {
        Self::new(Handle { shared, id, headers })
    }

    fn new(handle: Handle) -> Self {
        let handle = Arc::new(handle);
        Self {
            reader: StreamReader(Arc::clone(&handle)),
            writer: StreamWriter(handle),
        }
    }

    /// The headers with which the stream was opened.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.writer.0.headers
    }

    /// The stream's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.writer.0.id
    }

    /// Ends both directions. What was received before stays readable.
    pub fn reset(&self) {
        self.writer.0.shared.reset(self.id(), CANCEL);
    }

    /// The two halves. The stream is reset when both are dropped before their ends.
    #[must_use]
    pub fn into_split(self) -> (StreamReader, StreamWriter) {
        (self.reader, self.writer)
    }
}

impl StreamWriter {
    /// Ends both directions. What was received before stays readable.
    pub fn reset(&self) {
        self.0.shared.reset(self.0.id, CANCEL);
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.0.shared.discard(self.0.id);
    }
}

impl AsyncRead for StreamReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let piece = ready!(self.0.shared.poll_read(self.0.id, buf.remaining(), cx))?;
        buf.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for StreamWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.0.shared.poll_write(self.0.id, data, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The session's task carries queued frames to the transport by itself.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.shared.finish(self.0.id);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(cx)
    }
}
