//! Image names as every runtime writes them out: registry, repository and tag.

use crate::error::{Error, Result};

/// Completes a name: `docker.io` where no registry is named, `library/` for its one-word names, `latest` where no tag is.
///
/// # Errors
/// [`Error::Name`] if the name has an empty part, upper case letters or characters that no repository has.
pub fn normalize(name: &str) -> Result<String> {
    let invalid = || Error::Name(name.to_owned());
    let (registry, rest) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
        Some(_) => ("docker.io", name.to_owned()),
        None => ("docker.io", format!("library/{name}")),
    };
    let (repository, tag) = rest.split_once(':').unwrap_or((rest.as_str(), "latest"));
    let part_ok = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    let tag_ok = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !repository.split('/').all(part_ok) || !tag_ok {
        return Err(invalid());
    }
    Ok(format!("{registry}/{repository}:{tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed() {
        for (name, want) in [
            ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/pause:3.10.2"),
            ("kubernox/busybox", "docker.io/kubernox/busybox:latest"),
            ("busybox:1.35", "docker.io/library/busybox:1.35"),
            ("localhost/a/b", "localhost/a/b:latest"),
            ("127.0.0.1:5000/a:b", "127.0.0.1:5000/a:b"),
        ] {
            assert_eq!(normalize(name).expect(name), want);
        }
        for name in ["", "Upper/case", "a//b", "a:", "a b"] {
            assert!(matches!(normalize(name), Err(Error::Name(n)) if n == name), "{name}");
        }
    }
}
