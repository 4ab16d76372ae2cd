//! The digests that clients see: entity tags and storage version hashes.

use aws_lc_rs::digest::{Context, SHA256, SHA512, digest};
use base64::{Engine, prelude::BASE64_STANDARD};

/// The entity tag of a document: SHA-512 in upper-case hexadecimal, without quotes.
#[must_use]
pub fn etag(document: &[u8]) -> String {
    hex::encode_upper(digest(&SHA512, document))
}

/// Computes an [`etag`] of what is written to it.
pub(crate) struct EtagWriter(Context);

impl EtagWriter {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA512))
    }

    pub(crate) fn finish(self) -> String {
        hex::encode_upper(self.0.finish())
    }
}

impl std::io::Write for EtagWriter {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `storageVersionHash`: which version of a kind the server stores, as eight bytes in base64.
#[must_use]
pub fn storage_version_hash(group: &str, version: &str, kind: &str) -> String {
    let hash = digest(&SHA256, format!("{group}/{version}/{kind}").as_bytes());
    BASE64_STANDARD.encode(&hash.as_ref()[..8])
}

/// FNV-1 with 64 bits, by which upstream names shared parameters.
pub(crate) fn fnv1_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        hash.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(*byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_version_hashes_are_those_clients_know() {
        assert_eq!(storage_version_hash("", "v1", "Pod"), "xPOwRZ+Yhw8=");
        assert_eq!(
            storage_version_hash("autoscaling", "v2", "HorizontalPodAutoscaler"),
            "qwQve8ut294="
        );
    }

    #[test]
    fn streamed_and_whole_tags_agree() {
        let mut writer = EtagWriter::new();
        std::io::Write::write_all(&mut writer, b"ab").expect("hashing cannot fail");
        std::io::Write::write_all(&mut writer, b"c").expect("hashing cannot fail");
        let tag = writer.finish();
        assert_eq!(tag, etag(b"abc"));
        assert!(tag.starts_with("DDAF35A193617ABA"), "{tag}");
    }

    #[test]
    fn fnv1_multiplies_first() {
        assert_eq!(fnv1_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1_64(b"a"), 0xaf63_bd4c_8601_b7be);
    }
}
