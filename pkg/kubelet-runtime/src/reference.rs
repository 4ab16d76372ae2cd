//! Names of images, as far as the kubelet has to understand them.

/// Puts `:latest` behind a name that has neither tag nor digest.
///
/// # Errors
/// If the name is none that a registry could know.
pub(crate) fn with_default_tag(image: &str) -> Result<String, String> {
    let invalid = |why: &str| Err(format!("couldn't parse image name {image:?}: {why}"));
    let (name, digest) = image
        .split_once('@')
        .map_or((image, None), |(name, digest)| (name, Some(digest)));
    if let Some(digest) = digest {
        let hexadecimal = digest.split_once(':').is_some_and(|(kind, value)| {
            !kind.is_empty() && value.len() >= 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if !hexadecimal {
            return invalid("invalid reference format");
        }
    }
    let after_slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[after_slash..].find(':') {
        Some(at) => (&name[..after_slash + at], Some(&name[after_slash + at + 1..])),
        None => (name, None),
    };
    let tag_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if tag.is_some_and(|tag| {
        tag.is_empty() || tag.len() > 128 || !tag.bytes().all(tag_byte) || tag.starts_with(['.', '-'])
    }) {
        return invalid("invalid reference format");
    }
    let (domain, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, repository),
    };
    let domain_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'[' | b']');
    if domain.is_some_and(|domain| domain.is_empty() || !domain.bytes().all(domain_byte)) {
        return invalid("invalid reference format");
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        // A name without a path on Docker's registry is completed before it is judged.
        let completed = if domain.is_none() && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        return invalid(&format!(
            "invalid reference format: repository name ({completed}) must be lowercase"
        ));
    }
    let part = |part: &str| {
        let inner = part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'));
        inner && !part.is_empty() && !part.starts_with(['.', '_', '-']) && !part.ends_with(['.', '_', '-'])
    };
    if !path.split('/').all(part) {
        return invalid("invalid reference format");
    }
    if digest.is_none() && tag.is_none() {
        return Ok(format!("{image}:latest"));
    }
    Ok(image.to_owned())
}

/// The registry and path of an image, as credentials are looked up by them.
pub(crate) fn repository(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let after_slash = name.rfind('/').map_or(0, |at| at + 1);
    let name = name[after_slash..]
        .find(':')
        .map_or(name, |at| &name[..after_slash + at]);
    match name.split_once('/') {
        Some(("docker.io", rest)) => format!("index.docker.io/{rest}"),
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_owned(),
        Some(_) => format!("index.docker.io/{name}"),
        None => format!("index.docker.io/library/{name}"),
    }
}
