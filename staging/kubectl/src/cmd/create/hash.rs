//! `--append-hash`: names that change with the content (upstream: `kubectl/pkg/util/hash`).

use aws_lc_rs::digest::{SHA256, digest};
use kubectl_objects::json::go_json;
use serde_json::Value;

/// How many digits of the digest the name gets.
const DIGITS: usize = 10;

/// The name with the hash of what is given behind it.
pub(super) fn hashed(name: &str, content: &Value) -> String {
    let digest = digest(&SHA256, go_json(content).as_bytes());
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    // Letters that make no words.
    let hash: String = digits
        .take(DIGITS)
        .map(|digit| char::from(b"gh2k456789mbcdtf"[usize::from(digit)]))
        .collect();
    format!("{name}-{hash}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::hashed;

    #[test]
    fn the_hash_is_upstreams() {
        for (content, expected) in [
            (json!({"kind": "ConfigMap", "name": "", "data": {}}), "n-42745tchd9"),
            (
                json!({"kind": "ConfigMap", "name": "", "data": {"one": ""}}),
                "n-9g67k2htb6",
            ),
            (
                json!({"kind": "Secret", "name": "", "type": "my-type", "data": {}}),
                "n-t75bgf6ctb",
            ),
        ] {
            assert_eq!(hashed("n", &content), expected);
        }
    }
}
