//! URLs taken apart and put together as Go does it, so that what clients follow is the same byte for byte.
//!
//! Everything is bytes: a path may decode to any.

use std::fmt::Write as _;

use k8s_api::primitives::quote;

/// Why a text is no URL, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("net/url: invalid control character in URL")]
    ControlCharacter,
    #[error("missing protocol scheme")]
    NoScheme,
    #[error("first path segment in URL cannot contain colon")]
    Colon,
    #[error("missing ']' in host")]
    OpenBracket,
    #[error("invalid port {0} after host")]
    Port(String),
    #[error("invalid character {0} in host name")]
    HostCharacter(String),
    #[error("invalid URL escape {0}")]
    Escape(String),
}

/// A URL, or a reference to one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Url<'t> {
    pub(super) scheme: String,
    user: Option<&'t [u8]>,
    pub(super) host: &'t [u8],
    /// Decoded.
    pub(super) path: Vec<u8>,
    raw_path: &'t [u8],
    /// With its mark.
    query: &'t [u8],
    /// With its mark.
    fragment: &'t [u8],
    /// A scheme, and neither a host nor a path that begins with a slash behind it.
    opaque: bool,
}

/// The text before the first such byte, and from it on.
fn split_before(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    let at = text.iter().position(|other| *other == byte).unwrap_or(text.len());
    text.split_at(at)
}

fn quoted(text: &[u8]) -> String {
    quote(&String::from_utf8_lossy(text))
}

impl<'t> Url<'t> {
    /// Takes a text apart.
    pub(super) fn parse(text: &'t [u8]) -> Result<Self, UrlError> {
        let (rest, fragment) = split_before(text, b'#');
        if rest.iter().any(u8::is_ascii_control) {
            return Err(UrlError::ControlCharacter);
        }
        check_escapes(fragment)?;
        let (scheme, rest) = split_scheme(rest)?;
        let (rest, query) = split_before(rest, b'?');
        let mut url = Self {
            scheme,
            query,
            fragment,
            ..Self::default()
        };
        let mut path = rest;
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = true;
                return Ok(url);
            }
            if split_before(rest, b'/').0.contains(&b':') {
                return Err(UrlError::Colon);
            }
        } else if rest.starts_with(b"//") && (!url.scheme.is_empty() || !rest.starts_with(b"///")) {
            let (authority, behind) = split_before(&rest[2..], b'/');
            let at = authority.iter().rposition(|byte| *byte == b'@');
            url.user = at.map(|at| &authority[..at]);
            url.host = at.map_or(authority, |at| &authority[at + 1..]);
            check_host(url.host)?;
            path = behind;
        }
        check_escapes(path)?;
        url.path = percent_encoding::percent_decode(path).collect();
        url.raw_path = path;
        Ok(url)
    }

    /// The URL with another path and no scheme or host, or with those that it has.
    pub(super) fn with_path(&self, path: Vec<u8>, keep_host: bool) -> String {
        let mut text = String::new();
        if keep_host && !self.scheme.is_empty() {
            let _ = write!(text, "{}:", self.scheme);
        }
        let host = if keep_host { self.host } else { b"" };
        if !host.is_empty() || self.user.is_some() {
            text.push_str("//");
            if let Some(user) = self.user {
                push_escaped(&mut text, user, |byte| byte.is_ascii());
                text.push('@');
            }
            push_escaped(&mut text, host, |byte| byte.is_ascii());
        }
        // The spelling of a path that stays is kept where it is a valid one.
        if path == self.path && self.raw_path.iter().all(|byte| *byte == b'%' || is_path_byte(*byte)) {
            push_escaped(&mut text, self.raw_path, |byte| byte.is_ascii());
        } else {
            text.push_str(&escape_path(&path));
        }
        for part in [self.query, self.fragment] {
            push_escaped(&mut text, part, |byte| byte.is_ascii());
        }
        text
    }
}

fn split_scheme(text: &[u8]) -> Result<(String, &[u8]), UrlError> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(UrlError::NoScheme),
            b':' => {
                let scheme = String::from_utf8_lossy(&text[..at]).to_ascii_lowercase();
                return Ok((scheme, &text[at + 1..]));
            }
            _ => break,
        }
    }
    Ok((String::new(), text))
}

fn check_host(host: &[u8]) -> Result<(), UrlError> {
    let port = if host.starts_with(b"[") {
        let end = host
            .iter()
            .rposition(|byte| *byte == b']')
            .ok_or(UrlError::OpenBracket)?;
        &host[end + 1..]
    } else {
        split_before(host, b':').1
    };
    let valid = match port.split_first() {
        None => true,
        Some((first, digits)) => *first == b':' && digits.iter().all(u8::is_ascii_digit),
    };
    if !valid {
        return Err(UrlError::Port(quoted(port)));
    }
    if let Some(byte) = host.iter().find(|byte| b" \\^`{|}/?#@".contains(byte)) {
        return Err(UrlError::HostCharacter(quoted(&[*byte])));
    }
    check_escapes(host)
}

fn check_escapes(text: &[u8]) -> Result<(), UrlError> {
    for (at, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let escape = &text[at..text.len().min(at + 3)];
        if escape.len() < 3 || !escape[1..].iter().all(u8::is_ascii_hexdigit) {
            return Err(UrlError::Escape(quoted(escape)));
        }
    }
    Ok(())
}

/// What may stand in a path as it is when it has been written by somebody else.
fn is_path_byte(byte: u8) -> bool {
    is_plain(byte) || b"!'()*[]".contains(&byte)
}

/// What is never escaped in a path.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

fn push_escaped(text: &mut String, bytes: &[u8], plain: impl Fn(u8) -> bool) {
    for byte in bytes {
        if plain(*byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// A decoded path as it stands in a URL.
pub(super) fn escape_path(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    push_escaped(&mut text, path, is_plain);
    text
}

/// The shortest path of the same meaning: Go's `path.Clean`, but that nothing stays nothing.
pub(super) fn clean_path(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => drop(parts.pop()),
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let mut clean = if rooted { b"/".to_vec() } else { Vec::new() };
    clean.extend(parts.join(&b'/'));
    if clean.is_empty() && !path.is_empty() {
        clean.push(b'.');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::{Url, UrlError, clean_path};

    #[test]
    fn texts_that_are_no_urls() {
        let cases: [(&[u8], UrlError); 8] = [
            (b"/a\nb", UrlError::ControlCharacter),
            (b":a", UrlError::NoScheme),
            (b"1a:b", UrlError::Colon),
            (b"http://[::1/x", UrlError::OpenBracket),
            (b"http://h:8o/x", UrlError::Port("\":8o\"".to_owned())),
            (b"http://a b/", UrlError::HostCharacter("\" \"".to_owned())),
            (b"/%zz", UrlError::Escape("\"%zz\"".to_owned())),
            (b"/%", UrlError::Escape("\"%\"".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(Url::parse(text), Err(expected), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn what_is_taken_apart_is_put_together() {
        for text in [
            "http://u:p@[::1]:80/a%2Fb?c=d#e",
            "https://h",
            "/a(b)?",
            "//h/x",
            "///x",
            "HTTP://h/x",
        ] {
            let url = Url::parse(text.as_bytes()).expect(text);
            let expected = text.replace("HTTP", "http");
            assert_eq!(url.with_path(url.path.clone(), true), expected);
        }
        let odd = Url::parse("/ä b%2f?q=ü".as_bytes()).expect("a URL");
        assert_eq!(odd.with_path(odd.path.clone(), true), "/%C3%A4%20b/?q=%C3%BC");
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, expected) in [
            ("", ""),
            ("/", "/"),
            ("a//b/./c/", "a/b/c"),
            ("/a/../../b", "/b"),
            ("../b", "../b"),
            ("a/..", "."),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&clean_path(path.as_bytes())),
                expected,
                "{path}"
            );
        }
    }
}
