//! The grammar of label selectors.
//!
//! ```text
//! selector    = [ requirement { "," requirement } ]
//! requirement = [ "!" ] key | key ( "=" | "==" | "!=" | ">" | "<" ) [ value ]
//!             | key ( "in" | "notin" ) "(" [ value ] { "," [ value ] } ")"
//! ```
//! White space may stand between tokens. `in` and `notin` are values and keys where an operator
//! cannot stand.

use super::{
    label_selector::LabelSelectorError,
    requirement::{Operator, Requirement, check_key},
};
use crate::field::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Error,
    End,
    Close,
    Comma,
    Not,
    Open,
    Operator(Operator),
    Identifier,
}

/// A token and its text.
#[derive(Clone, Debug)]
struct Item<'a> {
    token: Token,
    text: std::borrow::Cow<'a, str>,
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn symbol(text: &str) -> Option<Token> {
    Some(match text {
        ")" => Token::Close,
        "," => Token::Comma,
        "!" => Token::Not,
        "(" => Token::Open,
        "==" => Token::Operator(Operator::DoubleEquals),
        "=" => Token::Operator(Operator::Equals),
        "!=" => Token::Operator(Operator::NotEquals),
        ">" => Token::Operator(Operator::GreaterThan),
        "<" => Token::Operator(Operator::LessThan),
        _ => return None,
    })
}

/// Cuts the text into tokens; the last one is [`Token::End`]. A NUL ends the text.
fn scan(text: &str) -> Vec<Item<'_>> {
    let text = text.split('\0').next().unwrap_or_default();
    let mut items = Vec::new();
    let mut rest = text.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
    while !rest.is_empty() {
        let (item, length) = if is_special(rest.as_bytes()[0]) {
            // The longest run of signs that is a symbol: `!=` before `!`.
            let two = rest.get(..2).and_then(|t| Some((symbol(t)?, t)));
            let (token, text) = match two {
                Some(found) => found,
                None => (symbol(&rest[..1]).unwrap_or(Token::Error), &rest[..1]),
            };
            (
                Item {
                    token,
                    text: text.into(),
                },
                text.len(),
            )
        } else {
            let end = rest
                .bytes()
                .position(|b| is_special(b) || is_space(b))
                .unwrap_or(rest.len());
            let word = &rest[..end];
            let token = match word {
                "in" => Token::Operator(Operator::In),
                "notin" => Token::Operator(Operator::NotIn),
                _ => Token::Identifier,
            };
            (
                Item {
                    token,
                    text: word.into(),
                },
                end,
            )
        };
        items.push(item);
        rest = rest[length..].trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8));
    }
    items.push(Item {
        token: Token::End,
        text: "".into(),
    });
    items
}

struct Parser<'a> {
    items: Vec<Item<'a>>,
    position: usize,
    path: &'a Path<'a>,
}

type Parsed<T> = Result<T, LabelSelectorError>;

fn syntax<T>(message: String) -> Parsed<T> {
    Err(LabelSelectorError::Syntax(message))
}

/// Reads a selector; the requirements are sorted by key.
pub(super) fn parse(text: &str, path: &Path<'_>) -> Parsed<Vec<Requirement>> {
    let mut requirements = Parser {
        items: scan(text),
        position: 0,
        path,
    }
    .selector()?;
    requirements.sort_by(|a, b| a.key().cmp(b.key()));
    Ok(requirements)
}

impl Parser<'_> {
    /// The next item where a key or value is expected.
    fn value_ahead(&self) -> (Token, &str) {
        // Reading stops at the end, which therefore is always there.
        let item = &self.items[self.position.min(self.items.len() - 1)];
        let token = match item.token {
            Token::Operator(Operator::In | Operator::NotIn) => Token::Identifier,
            token => token,
        };
        (token, &item.text)
    }

    fn value(&mut self) -> (Token, String) {
        let (token, text) = self.value_ahead();
        let text = text.to_owned();
        self.position += 1;
        (token, text)
    }

    fn selector(&mut self) -> Parsed<Vec<Requirement>> {
        let mut requirements = Vec::new();
        loop {
            match self.value_ahead() {
                (Token::Identifier | Token::Not, _) => {}
                (Token::End, _) => return Ok(requirements),
                (_, text) => return syntax(format!("found '{text}', expected: !, identifier, or 'end of string'")),
            }
            let requirement = self
                .requirement()
                .map_err(|error| LabelSelectorError::Requirement(Box::new(error)))?;
            requirements.push(requirement);
            match self.value() {
                (Token::End, _) => return Ok(requirements),
                (Token::Comma, _) => {
                    let (token, text) = self.value_ahead();
                    if !matches!(token, Token::Identifier | Token::Not) {
                        return syntax(format!("found '{text}', expected: identifier after ','"));
                    }
                }
                (_, text) => return syntax(format!("found '{text}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Parsed<Requirement> {
        let (mut token, mut key) = self.value();
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.value();
        }
        if token != Token::Identifier {
            return syntax(format!("found '{key}', expected: identifier"));
        }
        if let Some(error) = check_key(&key, self.path) {
            return Err(LabelSelectorError::Invalid(error.into()));
        }
        let alone = matches!(self.value_ahead().0, Token::End | Token::Comma);
        let (operator, values) = if negated {
            (Operator::DoesNotExist, Vec::new())
        } else if alone {
            (Operator::Exists, Vec::new())
        } else {
            let operator = self.operator()?;
            let values = match operator {
                Operator::In | Operator::NotIn => self.values()?,
                _ => vec![self.exact_value()?],
            };
            (operator, values)
        };
        Requirement::new(&key, operator, values, self.path).map_err(LabelSelectorError::Invalid)
    }

    fn operator(&mut self) -> Parsed<Operator> {
        let item = &self.items[self.position];
        let Token::Operator(operator) = item.token else {
            return syntax(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", item.text));
        };
        self.position += 1;
        Ok(operator)
    }

    /// Values in parentheses, sorted and without repetitions; any of them may be empty.
    fn values(&mut self) -> Parsed<Vec<String>> {
        let (token, text) = self.value();
        if token != Token::Open {
            return syntax(format!("found '{text}' expected: '('"));
        }
        let mut values = match self.value_ahead() {
            (Token::Identifier | Token::Comma, _) => self.identifiers()?,
            (Token::Close, _) => vec![String::new()],
            (_, text) => return syntax(format!("found '{text}', expected: ',', ')' or identifier")),
        };
        // What ends the list is a closing parenthesis.
        self.position += 1;
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Values up to the closing parenthesis, which stays.
    fn identifiers(&mut self) -> Parsed<Vec<String>> {
        let mut values = Vec::new();
        loop {
            match self.value() {
                (Token::Identifier, value) => {
                    values.push(value);
                    match self.value_ahead() {
                        (Token::Comma, _) => {}
                        (Token::Close, _) => return Ok(values),
                        (_, text) => return syntax(format!("found '{text}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    let ahead = self.value_ahead().0;
                    if values.is_empty() || matches!(ahead, Token::Close | Token::Comma) {
                        values.push(String::new());
                    }
                    if ahead == Token::Close {
                        return Ok(values);
                    }
                }
                (_, text) => return syntax(format!("found '{text}', expected: ',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Parsed<String> {
        if matches!(self.value_ahead().0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.value() {
            (Token::Identifier, value) => Ok(value),
            (_, text) => syntax(format!("found '{text}', expected: identifier")),
        }
    }
}
