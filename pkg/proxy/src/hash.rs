//! Short stable names: the first characters of the base32 text of a SHA-256 digest, which is how chain names have
//! been made since the first iptables proxier, so that rules survive a change of implementation.

use aws_lc_rs::digest::{Context, SHA256};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The first `length` characters (at most 51) of the base32 text of the SHA-256 digest of the joined `parts`.
pub(crate) fn short_hash(parts: &[&str], length: usize) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let (mut buffer, mut bits) = (0u32, 0u32);
    let mut text = String::with_capacity(length);
    for byte in digest.as_ref() {
        if text.len() == length {
            break;
        }
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 && text.len() < length {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits) as usize & 31]));
        }
        buffer &= (1 << bits) - 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::short_hash;

    /// Values that upstream's rule dumps are known for.
    #[test]
    fn known_chain_hashes() {
        assert_eq!(short_hash(&["default/kubernetes:https", "tcp"], 16), "NPX46M4PTMTKRN6Y");
        assert_eq!(short_hash(&["kube-system/kube-dns:dns", "udp"], 16), "TCOU7JCQXEZGVUNU");
        assert_eq!(short_hash(&["ns1/svc1/tcp/p80"], 8), "ULMVA6XW");
    }
}
