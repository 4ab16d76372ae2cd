//! The help text: one section a group, names in a column, defaults where they say something.

use super::{Flag, FlagSet};

impl FlagSet<'_> {
    /// The flags by section, sorted by name, wrapped at `columns` (0 does not wrap).
    #[must_use]
    pub fn usage(&self, columns: usize) -> String {
        let mut text = String::new();
        for (index, section) in self.sections.iter().enumerate() {
            let mut flags: Vec<_> = self
                .flags
                .iter()
                .filter(|flag| flag.section == index && !flag.hidden)
                .collect();
            if flags.is_empty() {
                continue;
            }
            flags.sort_by_key(|flag| flag.name);
            let mut letters = section.chars();
            let title: String = letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .chain(letters)
                .collect();
            text.push_str(&format!("\n{title} flags:\n\n"));
            let rows: Vec<_> = flags
                .iter()
                .map(|flag| (left_column(flag), right_column(flag)))
                .collect();
            let indent = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0) + 3;
            for (left, right) in rows {
                push_row(&mut text, &left, &right, indent, columns);
            }
        }
        text
    }
}

fn left_column(flag: &Flag<'_>) -> String {
    let name = match flag.shorthand {
        Some(letter) => format!("  -{letter}, --{}", flag.name),
        None => format!("      --{}", flag.name),
    };
    match flag.value.type_name() {
        "bool" => name,
        other if flag.value.implied().is_some() => format!("{name} {other}[=true]"),
        other => format!("{name} {other}"),
    }
}

fn right_column(flag: &Flag<'_>) -> String {
    let shown = match (flag.value.type_name(), flag.default.as_str()) {
        (_, "" | "false" | "0" | "0s" | "[]") => String::new(),
        ("string", default) => format!(" (default {default:?})"),
        (_, default) => format!(" (default {default})"),
    };
    format!("{}{shown}", flag.usage)
}

/// Writes the two columns, the right one broken at words where it would pass `columns`.
fn push_row(text: &mut String, left: &str, right: &str, indent: usize, columns: usize) {
    let width = if columns > indent + 24 {
        columns - indent
    } else {
        usize::MAX
    };
    text.push_str(&format!("{left:indent$}"));
    for (number, line) in right.lines().enumerate() {
        let mut used = 0;
        if number > 0 {
            text.push_str(&format!("\n{:indent$}", ""));
        }
        for word in line.split(' ') {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                text.push_str(&format!("\n{:indent$}", ""));
                used = 0;
            } else if used > 0 {
                text.push(' ');
                used += 1;
            }
            text.push_str(word);
            used += length;
        }
    }
    text.push('\n');
}
