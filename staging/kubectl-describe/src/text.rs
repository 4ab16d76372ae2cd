//! [`Text`]: lines of aligned cells, indented by levels of two blanks.

use cli_runtime::gotext::TabWriter;
use std::fmt::{self, Write as _};

/// A description being written; cells are separated by tabs.
#[derive(Default)]
pub(crate) struct Text {
    written: String,
    /// The level that all others are below.
    base: usize,
}

impl Text {
    /// Adds text behind the indentation of a level.
    pub(crate) fn write(&mut self, level: usize, text: fmt::Arguments<'_>) {
        let mut added = "  ".repeat(self.base + level);
        // Writing to a string fails only where a Display implementation does.
        if added.write_fmt(text).is_err() {
            added.push_str("<error>");
        }
        // An object's text must not drive the reader's terminal.
        self.written
            .push_str(&added.replace('\u{1b}', "^[").replace('\r', "\\r"));
    }

    /// What `write` adds is indented by so many levels more.
    pub(crate) fn indented(&mut self, levels: usize, write: impl FnOnce(&mut Self)) {
        self.base += levels;
        write(self);
        self.base -= levels;
    }

    /// The whole with tabs between its cells.
    pub(crate) fn raw(self) -> String {
        self.written
    }

    /// The whole, its columns aligned.
    pub(crate) fn aligned(self) -> String {
        use std::io::Write as _;
        let mut table = TabWriter::new(0, 2);
        match table.write_all(self.written.as_bytes()) {
            Ok(()) => table.take(),
            Err(_) => self.written,
        }
    }
}

/// Writes a formatted text at a level.
macro_rules! put {
    ($text:expr, $level:expr, $($format:tt)+) => {
        $text.write($level, format_args!($($format)+))
    };
}
pub(crate) use put;
