//! The words of an action.

use super::TemplateError;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
    Dot,
    Field(String),
    Variable(String),
    Word(String),
    Text(String),
    Int(i64),
    Float(f64),
}

/// A word, where it begins in the template, and whether a blank stands before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) spaced: bool,
}

fn is_name(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// The line of an offset, from 1.
pub(super) fn line(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

pub(super) fn failure<T>(source: &str, at: usize, text: &str) -> Result<T, TemplateError> {
    Err(TemplateError(format!("template: output:{}: {text}", line(source, at))))
}

/// The words between `start` and `end` of the template.
pub(super) fn words(source: &str, start: usize, end: usize) -> Result<Vec<Placed>, TemplateError> {
    let mut found = Vec::new();
    let mut at = start;
    let mut spaced = false;
    while at < end {
        let rest = &source[at..end];
        let letter = rest.chars().next().unwrap_or(' ');
        if letter.is_whitespace() {
            at += letter.len_utf8();
            spaced = true;
            continue;
        }
        let (token, length) = one(source, at, rest, letter)?;
        found.push(Placed {
            token,
            at,
            end: at + length,
            spaced,
        });
        at += length;
        spaced = false;
    }
    Ok(found)
}

fn one(source: &str, at: usize, rest: &str, letter: char) -> Result<(Token, usize), TemplateError> {
    let name_length = |from: usize| rest[from..].find(|c| !is_name(c)).unwrap_or(rest.len() - from);
    Ok(match letter {
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        '|' => (Token::Pipe, 1),
        ',' => (Token::Comma, 1),
        ':' if rest.starts_with(":=") => (Token::Declare, 2),
        '=' => (Token::Assign, 1),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(source, at, rest)?,
        '.' => match name_length(1) {
            0 => (Token::Dot, 1),
            length => (Token::Field(rest[1..=length].to_owned()), 1 + length),
        },
        '$' => {
            let length = 1 + name_length(1);
            (Token::Variable(rest[..length].to_owned()), length)
        }
        '"' => quoted(source, at, rest)?,
        '`' => match rest[1..].find('`') {
            Some(length) => (Token::Text(rest[1..=length].to_owned()), length + 2),
            None => return failure(source, at, "unterminated raw quoted string"),
        },
        '\'' => {
            let Some(end) = rest[1..].find('\'') else {
                return failure(source, at, "unterminated character constant");
            };
            let code = rest[1..].chars().next().map_or(0, u32::from);
            (Token::Int(i64::from(code)), end + 2)
        }
        '+' | '-' => number(source, at, rest)?,
        digit if digit.is_ascii_digit() => number(source, at, rest)?,
        word if is_name(word) => {
            let length = name_length(0);
            (Token::Word(rest[..length].to_owned()), length)
        }
        other => {
            return failure(source, at, &format!("unexpected {:?} in command", other.to_string()));
        }
    })
}

fn number(source: &str, at: usize, rest: &str) -> Result<(Token, usize), TemplateError> {
    let signed = usize::from(rest.starts_with(['+', '-']));
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let length = signed + rest[signed..].find(|c| !belongs(c)).unwrap_or(rest.len() - signed);
    let text = &rest[..length];
    if let Ok(value) = component_base::flags::parse_signed(text, i64::MIN, i64::MAX) {
        return Ok((Token::Int(value), length));
    }
    match text.parse() {
        Ok(value) => Ok((Token::Float(value), length)),
        Err(_) => failure(source, at, &format!("bad number syntax: {text:?}")),
    }
}

fn quoted(source: &str, at: usize, rest: &str) -> Result<(Token, usize), TemplateError> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((offset, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Token::Text(text), offset + 1)),
            '\n' => break,
            '\\' => {
                let escaped = letters.next().map_or('\\', |(_, escaped)| escaped);
                text.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'a' => '\x07',
                    'b' => '\x08',
                    'f' => '\x0c',
                    'v' => '\x0b',
                    'x' | 'u' | 'U' => {
                        let digits = match escaped {
                            'x' => 2,
                            'u' => 4,
                            _ => 8,
                        };
                        let code: String = letters.by_ref().take(digits).map(|(_, digit)| digit).collect();
                        u32::from_str_radix(&code, 16)
                            .ok()
                            .and_then(char::from_u32)
                            .unwrap_or('\u{fffd}')
                    }
                    other => other,
                });
            }
            other => text.push(other),
        }
    }
    failure(source, at, "unterminated quoted string")
}
