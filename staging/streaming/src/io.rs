//! Byte streams behind boxes, connectors to back ends, and copying between the two.

use std::future::Future;
use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use crate::connections::{LINGER, discard_until_eof};

/// What connections are: TCP, TLS, an upgraded HTTP connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Any connection.
pub type BoxIo = Box<dyn Io>;

/// Any readable end.
pub type BoxReader = Box<dyn AsyncRead + Send + Unpin>;

/// Any writable end.
pub type BoxWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// Makes a new connection to a back end, TLS included. Connections are never used twice.
///
/// A closure that returns a future of a [`BoxIo`] is one.
pub trait Connector: Send + Sync {
    /// Connects.
    fn connect(&self) -> BoxFuture<'_, io::Result<BoxIo>>;
}

impl<F, Fut> Connector for F
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = io::Result<BoxIo>> + Send + 'static,
{
    fn connect(&self) -> BoxFuture<'_, io::Result<BoxIo>> {
        Box::pin(self())
    }
}

/// Which side of a copy failed.
#[derive(Debug)]
pub(crate) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

const COPY_BUFFER: usize = 16 * 1024;

/// Copies until the reader's end, flushing whenever the reader has nothing more at hand.
pub(crate) async fn copy<R, W>(reader: &mut R, writer: &mut W, bytes_per_second: Option<u64>) -> Result<(), CopyError>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = vec![0; COPY_BUFFER];
    let mut due = Instant::now();
    loop {
        let read = reader.read(&mut buffer).await.map_err(CopyError::Read)?;
        if read == 0 {
            return Ok(());
        }
        writer.write_all(&buffer[..read]).await.map_err(CopyError::Write)?;
        writer.flush().await.map_err(CopyError::Write)?;
        if let Some(rate) = bytes_per_second {
            due = due.max(Instant::now()) + pause(read, rate);
            sleep_until(due).await;
        }
    }
}

/// How long `bytes` take at the given rate.
fn pause(bytes: usize, rate: u64) -> Duration {
    Duration::from_micros(bytes as u64 * 1_000_000 / rate.max(1))
}

/// Joins two connections until either ends, then ends both, as upstream's proxy does. The side that
/// did not end is read a little longer, so that it gets everything that was sent to it.
pub(crate) async fn relay(mut client: BoxIo, mut backend: BoxIo, bytes_per_second: Option<u64>) {
    let (client_reader, client_writer) = &mut tokio::io::split(&mut client);
    let (backend_reader, backend_writer) = &mut tokio::io::split(&mut backend);
    let client_is_done = tokio::select! {
        done = copy(client_reader, backend_writer, bytes_per_second) => {
            !matches!(done, Err(CopyError::Write(_)))
        }
        done = copy(backend_reader, client_writer, bytes_per_second) => {
            matches!(done, Err(CopyError::Write(_)))
        }
    };
    let (writer, reader): (
        &mut (dyn AsyncWrite + Send + Unpin),
        &mut (dyn AsyncRead + Send + Unpin),
    ) = if client_is_done {
        (backend_writer, backend_reader)
    } else {
        (client_writer, client_reader)
    };
    if writer.shutdown().await.is_ok() {
        discard_until_eof(&mut *reader, LINGER).await;
    }
}
