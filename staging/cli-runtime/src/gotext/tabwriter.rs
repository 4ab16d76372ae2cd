//! [`TabWriter`]: aligns the cells between tabs (upstream: `text/tabwriter`, `liggitt/tabwriter`).
//!
//! A column is a run of lines that have a tab at the same place; its width is that of its widest cell and the padding.

use std::io::{self, Write};

/// Collects text and writes it with its columns aligned.
#[derive(Clone, Debug)]
pub struct TabWriter {
    min_width: usize,
    padding: usize,
    remembered: Option<Vec<usize>>,
    text: Vec<u8>,
}

impl TabWriter {
    /// Columns of at least `min_width`, `padding` blanks between them.
    #[must_use]
    pub fn new(min_width: usize, padding: usize) -> Self {
        Self {
            min_width,
            padding,
            remembered: None,
            text: Vec::new(),
        }
    }

    /// The one of kubectl's tables: it remembers how wide columns were, so that a watch stays aligned.
    #[must_use]
    pub fn table() -> Self {
        Self {
            remembered: Some(Vec::new()),
            ..Self::new(6, 3)
        }
    }

    /// Forgets how wide columns were.
    pub fn forget_widths(&mut self) {
        if let Some(widths) = &mut self.remembered {
            widths.clear();
        }
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was collected, aligned; the writer is empty again.
    #[must_use]
    pub fn take(&mut self) -> String {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
        let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
        let mut aligned = Aligned {
            min_width: self.min_width,
            padding: self.padding,
            remembered: self.remembered.as_mut(),
            lines: &lines,
            widths: Vec::new(),
            out: String::with_capacity(text.len() * 2),
        };
        aligned.format(0, lines.len());
        let mut out = aligned.out;
        // The text's own last line break was the end of a line, not the beginning of another.
        out.pop();
        out
    }

    /// Writes what was collected.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn flush_to(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let text = self.take();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Write for TabWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Aligned<'t> {
    min_width: usize,
    padding: usize,
    remembered: Option<&'t mut Vec<usize>>,
    lines: &'t [Vec<&'t str>],
    widths: Vec<usize>,
    out: String,
}

impl Aligned<'_> {
    /// Lines `first..end`, whose columns left of here have their widths.
    fn format(&mut self, mut first: usize, end: usize) {
        let column = self.widths.len();
        let mut at = first;
        while at < end {
            if !self.has_cell(at, column) {
                at += 1;
                continue;
            }
            self.write_lines(first, at);
            first = at;
            let mut width = self.min_width;
            while at < end && self.has_cell(at, column) {
                width = width.max(self.lines[at][column].chars().count() + self.padding);
                at += 1;
            }
            if let Some(remembered) = &mut self.remembered {
                match remembered.get_mut(column) {
                    Some(known) => {
                        width = width.max(*known);
                        *known = width;
                    }
                    None => remembered.push(width),
                }
            }
            self.widths.push(width);
            self.format(first, at);
            self.widths.pop();
            first = at;
        }
        self.write_lines(first, end);
    }

    /// Whether a tab ends a cell there; what stands behind the last tab belongs to no column.
    fn has_cell(&self, line: usize, column: usize) -> bool {
        column + 1 < self.lines[line].len()
    }

    fn write_lines(&mut self, first: usize, end: usize) {
        for line in &self.lines[first..end] {
            for (column, cell) in line.iter().enumerate() {
                self.out.push_str(cell);
                if let Some(width) = self.widths.get(column)
                    && column + 1 < line.len()
                {
                    let blanks = width.saturating_sub(cell.chars().count());
                    self.out.extend(std::iter::repeat_n(' ', blanks));
                }
            }
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(writer: &mut TabWriter, text: &str) -> String {
        writer.write_all(text.as_bytes()).expect("memory");
        writer.take()
    }

    #[test]
    fn columns_are_aligned() {
        let mut writer = TabWriter::table();
        assert_eq!(
            aligned(&mut writer, "NAME\tREADY\tAGE\nlong-name\t1/1\t5s\n"),
            "NAME        READY   AGE\nlong-name   1/1     5s\n"
        );
        // Remembered from before.
        assert_eq!(aligned(&mut writer, "a\tb\tc\n"), "a           b       c\n");
        writer.forget_widths();
        assert_eq!(aligned(&mut writer, "a\tb\tc\n"), "a     b     c\n");
    }

    #[test]
    fn a_line_without_a_cell_ends_the_column() {
        let mut writer = TabWriter::new(0, 2);
        assert_eq!(
            aligned(&mut writer, "Name:\tx\nLabels:\ta=b\n\tc=d\nplain\nk:\tv\n"),
            "Name:    x\nLabels:  a=b\n         c=d\nplain\nk:  v\n"
        );
    }
}
