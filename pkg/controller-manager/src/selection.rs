//! `--controllers`: which of the table run.

use controller::Descriptor;

/// The controllers' names in the table, with their former ones and those that are absent: what `--controllers` may say.
pub(crate) fn known_names(table: &[Descriptor]) -> Vec<&'static str> {
    let names = table
        .iter()
        .flat_map(|descriptor| std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied()));
    names.chain(crate::ABSENT.iter().copied()).collect()
}

/// Whether a controller was asked for: by name, or by `*` if it is on by default. The first word that speaks of it counts.
pub(crate) fn is_enabled(descriptor: &Descriptor, words: &[String]) -> bool {
    let named = |word: &str| descriptor.name == word || descriptor.aliases.contains(&word);
    let mut star = false;
    for word in words {
        match word.strip_prefix('-') {
            Some(without) if named(without) => return false,
            None if named(word) => return true,
            _ => star |= word == "*",
        }
    }
    star && !descriptor.disabled_by_default
}

/// Controllers that were asked for by name though they are not part of this release.
pub(crate) fn absent(words: &[String]) -> impl Iterator<Item = &str> {
    words
        .iter()
        .map(String::as_str)
        .filter(|word| crate::ABSENT.contains(word))
}
