//! Standard input, output and error of a command, or what a test puts in their place (upstream: `genericiooptions`).

use std::fmt;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::sync::Arc;

use parking_lot::Mutex;

/// The three streams of a command; clones write to the same place.
#[derive(Clone, Debug)]
pub struct IoStreams {
    /// Where manifests and answers come from.
    pub input: Input,
    /// Where results go.
    pub out: Output,
    /// Where warnings and errors go.
    pub err: Output,
}

/// A place to write to.
#[derive(Clone)]
pub struct Output {
    sink: Arc<Mutex<Sink>>,
}

enum Sink {
    Stdout,
    Stderr,
    Memory(Vec<u8>),
}

/// A place to read from.
#[derive(Clone, Debug)]
pub enum Input {
    /// The process's standard input.
    Stdin,
    /// A text.
    Memory(Arc<[u8]>),
}

impl IoStreams {
    /// The process's own.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            input: Input::Stdin,
            out: Output::new(Sink::Stdout),
            err: Output::new(Sink::Stderr),
        }
    }

    /// Streams in memory: this input, and outputs that [`Output::take`] gives back.
    #[must_use]
    pub fn memory(input: &[u8]) -> Self {
        Self {
            input: Input::Memory(input.into()),
            out: Output::new(Sink::Memory(Vec::new())),
            err: Output::new(Sink::Memory(Vec::new())),
        }
    }
}

impl Output {
    fn new(sink: Sink) -> Self {
        Self {
            sink: Arc::new(Mutex::new(sink)),
        }
    }

    /// Whether a person looks at it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        match &*self.sink.lock() {
            Sink::Stdout => io::stdout().is_terminal(),
            Sink::Stderr => io::stderr().is_terminal(),
            Sink::Memory(_) => false,
        }
    }

    /// What was written to memory so far; empty for the process's own streams.
    #[must_use]
    pub fn take(&self) -> String {
        match &mut *self.sink.lock() {
            Sink::Memory(text) => String::from_utf8_lossy(&std::mem::take(text)).into_owned(),
            Sink::Stdout | Sink::Stderr => String::new(),
        }
    }

    /// Writes all of it and flushes.
    ///
    /// # Errors
    /// Nobody reads any more, or the disk is full.
    pub fn print(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        let mut out = self;
        out.write_all(text.as_ref())?;
        out.flush()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Output")
    }
}

impl Write for &Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.sink.lock() {
            Sink::Stdout => io::stdout().write(bytes),
            Sink::Stderr => io::stderr().write(bytes),
            Sink::Memory(text) => text.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.sink.lock() {
            Sink::Stdout => io::stdout().flush(),
            Sink::Stderr => io::stderr().flush(),
            Sink::Memory(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl Input {
    /// Everything up to the end.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Stdin => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Memory(bytes) => Ok(bytes.to_vec()),
        }
    }

    /// One line without its end; empty at the end of the stream. Memory has one line: all of it.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub fn read_line(&self) -> io::Result<String> {
        match self {
            Self::Stdin => {
                let mut line = String::new();
                io::stdin().read_line(&mut line)?;
                Ok(line.trim_end_matches(['\n', '\r']).to_owned())
            }
            Self::Memory(bytes) => Ok(String::from_utf8_lossy(bytes)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()),
        }
    }

    /// Whether a person types into it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdin) && io::stdin().is_terminal()
    }
}
