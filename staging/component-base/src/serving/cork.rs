//! The TLS stream below an HTTP/2 connection: what one turn of the connection writes goes to the socket at once.
//!
//! h2 flushes behind every frame of more than a few hundred bytes, and a TLS stream sends what is flushed: a system call and a
//! segment a frame. Here a write encrypts into the session's queue, and a flush is a promise: whoever polls the connection
//! calls [`Cork::poll_release`] when the connection has come to rest.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

/// How many bytes are written before they are sent within a turn: four records of the largest size.
const QUEUE: usize = 64 * 1024;

/// A TLS stream that keeps what is written until it is released. Clones are the same stream.
pub(super) struct Cork<S>(Arc<Mutex<Corked<S>>>);

struct Corked<S> {
    stream: TlsStream<S>,
    /// Bytes that were written since the queue was last empty.
    queued: usize,
}

impl<S> Clone for Cork<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Cork<S> {
    pub(super) fn new(mut stream: TlsStream<S>) -> Self {
        // The limit is kept here, where it cuts no frame in two.
        stream.get_mut().1.set_buffer_limit(None);
        Self(Arc::new(Mutex::new(Corked { stream, queued: 0 })))
    }

    /// Sends what was written. Pending while the socket takes no more; the caller is woken when it does.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn poll_release(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_release(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Corked<S> {
    fn poll_release(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (stream, session) = self.stream.get_mut();
        let mut socket = Socket { stream, context };
        while session.wants_write() {
            match session.write_tls(&mut socket) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.queued = 0;
        Pin::new(stream).poll_flush(context)
    }

    fn poll_write_with(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(&mut dyn Write) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.queued >= QUEUE {
            ready!(self.poll_release(context))?;
        }
        let written = write(&mut self.stream.get_mut().1.writer())?;
        self.queued += written;
        Poll::Ready(Ok(written))
    }
}

/// A socket as `std` writes to it: what would wait is an error.
struct Socket<'a, 'c, S> {
    stream: &'a mut S,
    context: &'a mut Context<'c>,
}

fn or_would_block(polled: Poll<io::Result<usize>>) -> io::Result<usize> {
    match polled {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncWrite + Unpin> Write for Socket<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.stream).poll_write(self.context, bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.stream).poll_write_vectored(self.context, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Cork<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Cork<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write_with(context, |session| session.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut corked = self.0.lock();
        corked.poll_write_with(context, |session| session.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Sends nothing: [`Cork::poll_release`] does.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut corked = self.0.lock();
        ready!(corked.poll_release(context))?;
        Pin::new(&mut corked.stream).poll_shutdown(context)
    }
}
