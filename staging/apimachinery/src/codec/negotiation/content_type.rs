//! The `Content-Type` header, as Go's `mime.ParseMediaType` reads it.

/// Why a header is no media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaTypeError {
    /// Nothing before the parameters.
    #[error("mime: no media type")]
    Missing,
    /// A character that no token has, or a slash too many.
    #[error("mime: unexpected content after media type")]
    Unexpected,
    /// A parameter without name or value.
    #[error("mime: invalid media parameter")]
    InvalidParameter,
    /// A parameter that is given twice with different values.
    #[error("mime: duplicate parameter name")]
    DuplicateParameter,
}

fn is_token(text: &str) -> bool {
    let special = |b: u8| b"()<>@,;:\\\"/[]?=".contains(&b);
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !special(b))
}

/// The media type in lower case, and its parameters.
///
/// # Errors
/// When the header is malformed.
pub fn parse_media_type(header: &str) -> Result<(String, Vec<(String, String)>), MediaTypeError> {
    let (media_type, mut rest) = match header.find(';') {
        Some(at) => header.split_at(at),
        None => (header, ""),
    };
    let media_type = media_type.trim().to_ascii_lowercase();
    if media_type.is_empty() {
        return Err(MediaTypeError::Missing);
    }
    let (kind, subtype) = media_type
        .split_once('/')
        .map_or((media_type.as_str(), None), |(k, s)| (k, Some(s)));
    if !is_token(kind) || subtype.is_some_and(|s| !is_token(s)) {
        return Err(MediaTypeError::Unexpected);
    }
    let mut parameters: Vec<(String, String)> = Vec::new();
    while !rest.trim_start().is_empty() {
        let Some(after) = rest.trim_start().strip_prefix(';') else {
            return Err(MediaTypeError::InvalidParameter);
        };
        if after.trim().is_empty() {
            break;
        }
        let (name, value, next) = parameter(after.trim_start()).ok_or(MediaTypeError::InvalidParameter)?;
        match parameters.iter().find(|(known, _)| *known == name) {
            Some((_, known)) if *known != value => return Err(MediaTypeError::DuplicateParameter),
            Some(_) => {}
            None => parameters.push((name, value)),
        }
        rest = next;
    }
    Ok((media_type, parameters))
}

fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end();
    if !is_token(name) {
        return None;
    }
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value
            .find(|c: char| !c.is_ascii() || !is_token(c.encode_utf8(&mut [0; 4])))
            .unwrap_or(value.len());
        let (value, rest) = value.split_at(end);
        return (!value.is_empty()).then(|| (name.to_ascii_lowercase(), value.to_owned(), rest));
    };
    let mut unquoted = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((name.to_ascii_lowercase(), unquoted, &quoted[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => unquoted.push(escaped),
                Some((_, other)) => unquoted.extend(['\\', other]),
                None => return None,
            },
            '\r' | '\n' => return None,
            _ => unquoted.push(c),
        }
    }
    None
}
