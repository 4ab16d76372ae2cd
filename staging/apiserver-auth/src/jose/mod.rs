//! Signed tokens in compact form: keys, signatures, key sets (upstream uses `go-jose`).
//!
//! The signatures themselves are aws-lc's. The algorithm is fixed by the key and never by the token: a header
//! that names another one does not verify.

mod compact;
mod keys;
mod set;

#[cfg(test)]
mod tests;

pub use compact::{Token, sign};
pub use keys::{Algorithm, KeyError, PublicKey, SigningKey, read_public_keys};
pub use set::{key_set_json, parse_key_set};
