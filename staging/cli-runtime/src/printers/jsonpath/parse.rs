//! From text to nodes.

use super::JsonPathError;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    List(Vec<Node>),
    Text(String),
    Field(String),
    Wildcard,
    Recursive,
    Int(i64),
    Float(f64),
    Bool(bool),
    Identifier(String),
    Array([Bound; 3]),
    Union(Vec<Vec<Node>>),
    Filter {
        left: Vec<Node>,
        operator: String,
        right: Vec<Node>,
    },
}

/// Start, end or step of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) value: i64,
    pub(super) known: bool,
    /// The end of `[n]`, which nobody wrote.
    pub(super) derived: bool,
}

fn fail<T>(text: impl Into<String>) -> Result<T, JsonPathError> {
    Err(JsonPathError(text.into()))
}

/// Reads texts and paths in braces.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, JsonPathError> {
    let mut parser = Parser { rest: text };
    let mut nodes = Vec::new();
    while !parser.rest.is_empty() {
        let end = parser.rest.find('{').unwrap_or(parser.rest.len());
        if end > 0 {
            nodes.push(Node::Text(parser.rest[..end].to_owned()));
            parser.rest = &parser.rest[end..];
            continue;
        }
        parser.rest = &parser.rest[1..];
        nodes.push(Node::List(parser.action()?));
    }
    Ok(nodes)
}

/// Reads a path as it would stand in braces.
fn parse_action(text: &str) -> Result<Vec<Node>, JsonPathError> {
    let braced = format!("{text}}}");
    Parser { rest: &braced }.action()
}

struct Parser<'t> {
    rest: &'t str,
}

fn is_terminator(letter: char) -> bool {
    matches!(
        letter,
        ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}'
    )
}

impl Parser<'_> {
    fn take(&mut self, bytes: usize) -> String {
        let (taken, rest) = self.rest.split_at(bytes);
        let taken = taken.to_owned();
        self.rest = rest;
        taken
    }

    /// Up to and with the closing brace.
    fn action(&mut self) -> Result<Vec<Node>, JsonPathError> {
        let mut nodes = Vec::new();
        loop {
            if self.rest.starts_with("[?(") {
                nodes.push(self.filter()?);
                continue;
            }
            if let Some(rest) = self.rest.strip_prefix("..") {
                if nodes.last() == Some(&Node::Recursive) {
                    return fail("invalid multiple recursive descent");
                }
                self.rest = rest;
                nodes.push(Node::Recursive);
                if rest.starts_with(|letter: char| letter == '_' || letter.is_alphanumeric()) {
                    nodes.push(self.field());
                }
                continue;
            }
            let Some(letter) = self.rest.chars().next() else {
                return fail("unclosed action");
            };
            match letter {
                '}' => {
                    self.take(1);
                    return Ok(nodes);
                }
                '\r' | '\n' => return fail("unclosed action"),
                ' ' | '@' | '$' => {
                    self.take(1);
                }
                '[' => self.array(&mut nodes)?,
                '"' | '\'' => nodes.push(self.quoted(letter)?),
                '.' => {
                    self.take(1);
                    nodes.push(self.field());
                }
                '+' | '-' => nodes.push(self.number()?),
                digit if digit.is_ascii_digit() => nodes.push(self.number()?),
                word if word == '_' || word.is_alphanumeric() => nodes.push(self.identifier()),
                other => {
                    return fail(format!(
                        "unrecognized character in action: U+{:04X} '{other}'",
                        u32::from(other)
                    ));
                }
            }
        }
    }

    fn identifier(&mut self) -> Node {
        let end = self.rest.find(is_terminator).unwrap_or(self.rest.len());
        let word = self.take(end);
        match word.as_str() {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            _ => Node::Identifier(word),
        }
    }

    fn field(&mut self) -> Node {
        let mut name = String::new();
        let mut letters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' {
                name.extend(letters.next().map(|(_, escaped)| escaped));
            } else if is_terminator(letter) {
                end = at;
                break;
            } else {
                name.push(letter);
            }
        }
        self.take(end);
        if name == "*" { Node::Wildcard } else { Node::Field(name) }
    }

    fn number(&mut self) -> Result<Node, JsonPathError> {
        let signed = usize::from(self.rest.starts_with(['+', '-']));
        let digits = self.rest[signed..].find(|c: char| c != '.' && !c.is_ascii_digit());
        let end = digits.map_or(self.rest.len(), |length| signed + length);
        let text = self.take(end);
        if let Ok(number) = text.parse() {
            return Ok(Node::Int(number));
        }
        match text.parse() {
            Ok(number) => Ok(Node::Float(number)),
            Err(_) => fail(format!("cannot parse number {text}")),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Node, JsonPathError> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\n' => break,
                '\\' => {
                    let Some((_, escaped)) = letters.next() else { break };
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'b' => '\x08',
                        'f' => '\x0c',
                        'v' => '\x0b',
                        'a' => '\x07',
                        '\\' | '"' | '\'' => escaped,
                        'u' => {
                            let code: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                            u32::from_str_radix(&code, 16)
                                .ok()
                                .and_then(char::from_u32)
                                .unwrap_or('\u{fffd}')
                        }
                        _ => {
                            let whole: String = self.rest.chars().take_while(|c| *c != '}').collect();
                            return fail(format!("unquote string {whole} error invalid syntax"));
                        }
                    });
                }
                end if end == quote => {
                    self.take(at + 1);
                    return Ok(Node::Text(text));
                }
                other => text.push(other),
            }
        }
        fail("unterminated quoted string")
    }

    fn array(&mut self, nodes: &mut Vec<Node>) -> Result<(), JsonPathError> {
        let Some(end) = self
            .rest
            .find([']', '\n'])
            .filter(|end| self.rest.as_bytes()[*end] == b']')
        else {
            return fail("unterminated array");
        };
        let whole = self.take(end + 1);
        let text = &whole[1..end];
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let parts = text
                .split(',')
                .map(|part| parse_action(&format!("[{}]", part.trim_matches(' '))));
            nodes.push(Node::Union(parts.collect::<Result<_, _>>()?));
            return Ok(());
        }
        let key = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(key) = key.filter(|key| !key.contains('\'')) {
            nodes.extend(parse_action(&format!(".{key}"))?);
            return Ok(());
        }
        nodes.push(Node::Array(bounds(text)?));
        Ok(())
    }

    fn filter(&mut self) -> Result<Node, JsonPathError> {
        let inner = &self.rest[3..];
        let (mut quote, mut quoted_once, mut closing, mut before) = (None, false, None, ' ');
        for (at, letter) in inner.char_indices() {
            match letter {
                '\n' => break,
                '"' | '\'' if quote.is_none() && !quoted_once => quote = Some(letter),
                '"' | '\'' if quote == Some(letter) && before != '\\' => {
                    quote = None;
                    quoted_once = true;
                }
                ')' if quote.is_none() => {
                    closing = Some(at);
                    break;
                }
                _ => {}
            }
            before = letter;
        }
        let Some(closing) = closing else {
            return fail("unterminated filter");
        };
        let text = inner[..closing].to_owned();
        if !inner[closing + 1..].starts_with(']') {
            return fail("unclosed array expect ]");
        }
        self.take(3 + closing + 2);
        let is_operator = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let start = text.find(is_operator).filter(|start| *start > 0);
        let split = start.and_then(|start| {
            let length = text[start..].find(|c| !is_operator(c))?;
            Some((&text[..start], &text[start..start + length], &text[start + length..]))
        });
        Ok(match split {
            Some((left, operator, right)) => Node::Filter {
                left: parse_action(left)?,
                operator: operator.to_owned(),
                right: parse_action(right)?,
            },
            None => Node::Filter {
                left: parse_action(&text)?,
                operator: "exists".to_owned(),
                right: Vec::new(),
            },
        })
    }
}

fn bounds(text: &str) -> Result<[Bound; 3], JsonPathError> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_number = |part: &&str| {
        part.strip_prefix('-')
            .unwrap_or(part)
            .chars()
            .all(|c| c.is_ascii_digit())
    };
    if parts.len() > 3 || !parts.iter().all(is_number) {
        return fail(format!("invalid array index {text}"));
    }
    let mut bounds = [Bound::default(); 3];
    for (index, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
        let Ok(value) = part.parse() else {
            return fail(format!("array index {part} is not a number"));
        };
        bounds[index] = Bound {
            value,
            known: true,
            derived: false,
        };
    }
    if parts.len() == 1 {
        bounds[1] = Bound {
            value: bounds[0].value + 1,
            known: true,
            derived: true,
        };
    }
    Ok(bounds)
}
