//! `--controllers`: which of the table run.

use component_base::feature_gates::FeatureGates;
use controller::Descriptor;

use crate::table::{ABSENT, Absent};

/// The controllers' names in the table, with their former ones and those that are absent: what `--controllers` may say.
pub(crate) fn known_names(table: &[Descriptor]) -> Vec<&'static str> {
    let names = table
        .iter()
        .flat_map(|descriptor| std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied()));
    names.chain(ABSENT.iter().map(|absent| absent.name)).collect()
}

/// Whether a controller was asked for: by name, or by `*` if it is on by default. The first word that speaks of it counts.
pub(crate) fn is_enabled(descriptor: &Descriptor, words: &[String]) -> bool {
    let named = |word: &str| descriptor.name == word || descriptor.aliases.contains(&word);
    says(words, named, !descriptor.disabled_by_default)
}

fn says(words: &[String], named: impl Fn(&str) -> bool, by_default: bool) -> bool {
    let mut star = false;
    for word in words {
        match word.strip_prefix('-') {
            Some(without) if named(without) => return false,
            None if named(word) => return true,
            _ => star |= word == "*",
        }
    }
    star && by_default
}

/// The controllers that would run as asked for and gated if they were part of this release.
pub(crate) fn absent<'a>(words: &'a [String], gates: &'a FeatureGates) -> impl Iterator<Item = &'static Absent> + 'a {
    ABSENT.iter().filter(|absent| {
        let gated = absent.feature_gate.is_none_or(|feature| gates.enabled(feature));
        gated && says(words, |word| word == absent.name, !absent.disabled_by_default)
    })
}
