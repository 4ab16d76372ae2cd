//! What was probably meant (upstream: `cobra.Command.SuggestionsFor`).

use super::Command;

/// How many letters may differ.
const DISTANCE: usize = 2;

/// The commands that the word resembles.
pub(super) fn suggestions(command: &Command, word: &str) -> Vec<&'static str> {
    let word = word.to_lowercase();
    let resembles = |known: &&&'static Command| {
        let near = distance(&word, known.name) <= DISTANCE;
        near || known.name.to_lowercase().starts_with(&word) || known.suggest_for.contains(&word.as_str())
    };
    let shown = command.subcommands.iter().filter(|known| !known.hidden);
    shown.filter(resembles).map(|known| known.name).collect()
}

/// `Did you mean this?` and the suggestions; empty without any.
pub(super) fn suggestion_text(command: &Command, word: &str) -> String {
    let found = suggestions(command, word);
    if found.is_empty() {
        return String::new();
    }
    let lines: String = found.iter().map(|name| format!("\t{name}\n")).collect();
    format!("\n\nDid you mean this?\n{lines}")
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
