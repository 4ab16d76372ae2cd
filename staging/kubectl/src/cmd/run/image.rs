//! Names of images (upstream: `distribution/reference`).

use std::sync::LazyLock;

use regex::Regex;

/// `DOMAIN[:PORT]/PATH[:TAG][@DIGEST]`.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let tag = "[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let pattern = format!("^(?:{domain}/)?{part}(?:/{part})*(?::{tag})?(?:@{digest})?$");
    Regex::new(&pattern).expect("the pattern is one")
});

/// Whether the text can name an image.
pub(super) fn is_reference(text: &str) -> bool {
    REFERENCE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::is_reference;

    #[test]
    fn images_have_domains_tags_and_digests() {
        let digest = format!("busybox@sha256:{}", "0a".repeat(32));
        for (text, expected) in [
            ("busybox", true),
            ("busybox:1.36", true),
            ("localhost:5000/a/b__c:V1", true),
            ("[::1]:80/a", true),
            (&digest, true),
            ("Busybox", false),
            ("Registry.io/busybox", true),
            ("a b", false),
            ("a:", false),
            ("a@sha256:12", false),
            ("a//b", false),
            ("", false),
        ] {
            assert_eq!(is_reference(text), expected, "{text}");
        }
    }
}
