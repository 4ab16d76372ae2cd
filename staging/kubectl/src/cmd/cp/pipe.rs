//! Streams of a remote process for code that blocks.

use std::io::{self, Read, Write};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How many bytes wait between the process and an archive.
pub(super) const BUFFER: usize = 64 * 1024;

/// The input of a process, to write to from a thread that may block.
pub(super) struct Writer {
    pub(super) stream: DuplexStream,
    pub(super) runtime: Handle,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.runtime.block_on(self.stream.flush())
    }
}

/// The outputs of processes, one after the other, to read from a thread that may block. Where one ends it asks for
/// another that goes on from there.
pub(super) struct Reader {
    stream: Option<DuplexStream>,
    read: u64,
    asks: mpsc::UnboundedSender<u64>,
    streams: mpsc::Receiver<DuplexStream>,
    runtime: Handle,
}

/// Who gives a [`Reader`] its streams.
pub(super) struct Source {
    /// From where the reader wants to go on; ends with the reader.
    pub(super) asks: mpsc::UnboundedReceiver<u64>,
    /// What it gets. Dropped: there is no more.
    pub(super) streams: mpsc::Sender<DuplexStream>,
}

impl Reader {
    pub(super) fn new() -> (Self, Source) {
        let (asks, asked) = mpsc::unbounded_channel();
        let (given, streams) = mpsc::channel(1);
        let reader = Self {
            stream: None,
            read: 0,
            asks,
            streams,
            runtime: Handle::current(),
        };
        let source = Source {
            asks: asked,
            streams: given,
        };
        (reader, source)
    }

    /// Lets the process come to its end; what it still says does not matter.
    pub(super) fn drain(mut self) {
        if let Some(mut stream) = self.stream.take() {
            // It is lost either way.
            drop(
                self.runtime
                    .block_on(tokio::io::copy(&mut stream, &mut tokio::io::sink())),
            );
        }
    }
}

impl Read for Reader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(stream) = &mut self.stream {
                let count = self.runtime.block_on(stream.read(bytes))?;
                if count > 0 || bytes.is_empty() {
                    self.read += count as u64;
                    return Ok(count);
                }
            }
            self.stream = match self.asks.send(self.read) {
                Ok(()) => self.streams.blocking_recv(),
                Err(_) => None,
            };
            if self.stream.is_none() {
                return Ok(0);
            }
        }
    }
}
