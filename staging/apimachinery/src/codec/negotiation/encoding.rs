//! Compression of answers.

/// Answers up to this size are never compressed.
pub const GZIP_THRESHOLD: usize = 128 * 1024;

/// The compression level: the cheapest, which compresses nearly as well as the others.
pub const GZIP_LEVEL: u32 = 1;

/// Whether the client takes gzip. Only the bare token counts; with a quality it is not recognised,
/// as upstream.
#[must_use]
pub fn accepts_gzip(accept_encoding: &str) -> bool {
    accept_encoding.split(',').any(|token| token.trim() == "gzip")
}

/// Whether an answer of `size` bytes is to be compressed.
#[must_use]
pub fn should_gzip(accept_encoding: &str, size: usize) -> bool {
    size > GZIP_THRESHOLD && accepts_gzip(accept_encoding)
}
