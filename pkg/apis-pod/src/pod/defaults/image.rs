//! Which images are pulled anew each time: those whose tag is `latest`, or would be.
//!
//! Upstream counterpart: `pkg/util/parsers` over the reference grammar of `distribution/reference`.

const MAX_NAME_LENGTH: usize = 255;
const MAX_TAG_LENGTH: usize = 128;
const MIN_DIGEST_LENGTH: usize = 32;

/// `Always` for an image without tag and digest, or with the tag `latest`; else `IfNotPresent`.
/// What is no reference is somebody else's error.
pub(super) fn default_pull_policy(image: &str) -> &'static str {
    match tag_and_digest(image) {
        Some((Some("latest"), _) | (None, None)) => "Always",
        _ => "IfNotPresent",
    }
}

/// Tag and digest, if `image` is a reference.
fn tag_and_digest(image: &str) -> Option<(Option<&str>, Option<&str>)> {
    if image.len() == 64 && image.bytes().all(is_small_hex) {
        return None;
    }
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    let last_segment = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[last_segment..].find(':') {
        Some(at) => (&rest[..last_segment + at], Some(&rest[last_segment + at + 1..])),
        None => (rest, None),
    };
    let (domain, path) = match name.split_once('/') {
        Some((domain, path)) if is_domain_like(domain) => (Some(domain), path),
        _ => (None, name),
    };
    let valid = domain.is_none_or(is_domain)
        && path.split('/').all(is_path_component)
        && name.len() <= MAX_NAME_LENGTH
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    valid.then_some((tag, digest))
}

fn is_small_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether the first segment names a registry rather than a part of a path.
fn is_domain_like(segment: &str) -> bool {
    segment == "localhost" || segment.contains(['.', ':']) || segment.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        !label.is_empty()
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_valid = match address {
        Some(address) => !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(is_label),
    };
    host_valid && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Small letters and digits, with separators in between: a dot, one or two underscores, or dashes.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |b: char| b.is_ascii_lowercase() || b.is_ascii_digit();
    let outer = component.starts_with(alphanumeric) && component.ends_with(alphanumeric);
    outer
        && component
            .split(alphanumeric)
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= MAX_TAG_LENGTH
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b"-.".contains(&b))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(is_word)
        && hex.len() >= MIN_DIGEST_LENGTH
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::default_pull_policy;

    #[test]
    fn tags_decide() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let always = [
            "busybox",
            "busybox:latest",
            "host:5000/a/b",
            "host:5000/a/b:latest",
            "localhost/x__y",
        ];
        for image in always {
            assert_eq!(default_pull_policy(image), "Always", "{image}");
        }
        let pinned = format!("busybox@{digest}");
        let latest_pinned = format!("busybox:latest@{digest}");
        assert_eq!(default_pull_policy(&latest_pinned), "Always");
        let not = [
            "busybox:1",
            "",
            "Busybox",
            "a//b",
            "busybox:",
            "a___b",
            "busybox@sha256:0",
            &pinned,
        ];
        for image in not {
            assert_eq!(default_pull_policy(image), "IfNotPresent", "{image}");
        }
    }
}
