//! Names made up by the server from `metadata.generateName` (upstream: `storage/names`).

use rand::seq::IndexedRandom as _;

/// Without vowels and what looks like them, so that no words come about.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;

/// What remains of a base name that is longer.
pub const MAX_GENERATED_NAME_LENGTH: usize = 63 - SUFFIX_LENGTH;

/// So many random characters that may stand in any name.
#[must_use]
pub fn random_suffix(length: usize) -> String {
    let mut random = rand::rng();
    (0..length)
        .map(|_| char::from(*ALPHABET.choose(&mut random).expect("the alphabet is not empty")))
        .collect()
}

/// `base`, cut to 58 bytes, and five random characters.
#[must_use]
pub fn generate_name(base: &str) -> String {
    let base = &base[..base.floor_char_boundary(MAX_GENERATED_NAME_LENGTH)];
    format!("{base}{}", random_suffix(SUFFIX_LENGTH))
}
