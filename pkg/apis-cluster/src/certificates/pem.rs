//! PEM blocks, read as leniently as Go's `encoding/pem` does: text between blocks and broken blocks
//! are passed over, headers are kept apart from the data.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands after `BEGIN`.
    pub label: String,
    /// Whether `key: value` lines come before the data.
    pub has_headers: bool,
    /// The data, decoded.
    pub data: Vec<u8>,
}

/// The first block of `text`, and what follows it.
#[must_use]
pub fn decode(text: &[u8]) -> Option<(Block, &[u8])> {
    let mut rest = text;
    loop {
        let begin = find_line(rest, BEGIN)?;
        rest = &rest[begin + BEGIN.len()..];
        let (line, body) = split_line(rest);
        let Some(label) = line
            .strip_suffix(DASHES.as_bytes())
            .and_then(|label| std::str::from_utf8(label).ok())
        else {
            continue;
        };
        let ending = format!("-----END {label}-----");
        let Some(end) = find_line(body, &ending) else {
            continue;
        };
        let after = &body[end + ending.len()..];
        let (tail, following) = split_line(after);
        if !tail.is_empty() {
            continue;
        }
        let (has_headers, data) = skip_headers(&body[..end]);
        let data: Vec<u8> = data
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        if let Ok(data) = ENGINE.decode(data) {
            let label = label.to_owned();
            return Some((
                Block {
                    label,
                    has_headers,
                    data,
                },
                following,
            ));
        }
    }
}

/// Where `marker` stands at the beginning of a line.
fn find_line(text: &[u8], marker: &str) -> Option<usize> {
    let marker = marker.as_bytes();
    let mut at = 0;
    while at + marker.len() <= text.len() {
        if text[at..].starts_with(marker) {
            return Some(at);
        }
        at += text[at..].iter().position(|byte| *byte == b'\n')? + 1;
    }
    None
}

/// A line without the spaces at its end, and the lines after it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &text[text.len()..]),
    };
    (line.trim_ascii_end(), rest)
}

fn skip_headers(mut body: &[u8]) -> (bool, &[u8]) {
    let mut found = false;
    loop {
        let (line, rest) = split_line(body);
        if !line.contains(&b':') {
            return (found, body);
        }
        found = true;
        body = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_in_between_other_text() {
        let text = b"noise\n-----BEGIN A-----\nk: v\n\nAQI=\n-----END A-----\nmore\n-----BEGIN B-----\nAw==\n-----END B-----\n";
        let (first, rest) = decode(text).expect("there is a block");
        assert_eq!(
            first,
            Block {
                label: "A".into(),
                has_headers: true,
                data: vec![1, 2]
            }
        );
        let (second, rest) = decode(rest).expect("there is another");
        assert_eq!(
            second,
            Block {
                label: "B".into(),
                has_headers: false,
                data: vec![3]
            }
        );
        assert_eq!(decode(rest), None);
    }

    #[test]
    fn broken_blocks_are_passed_over() {
        let good = "-----BEGIN B-----\nAw==\n-----END B-----";
        for bad in [
            "-----BEGIN A-----\n!\n-----END A-----\n",
            "-----BEGIN A----\nAw==\n-----END A-----\n",
            "x-----BEGIN A-----\nAw==\n-----END A-----\n",
        ] {
            let text = format!("{bad}{good}");
            let (block, _) = decode(text.as_bytes()).expect("the second block is good");
            assert_eq!(block.label, "B", "{bad}");
        }
    }
}
