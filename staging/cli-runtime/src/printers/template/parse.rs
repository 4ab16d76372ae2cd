//! From text to nodes.

use super::TemplateError;
use super::functions;
use super::lex::{Placed, Token, failure, words};

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    If {
        test: Pipe,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    With {
        value: Pipe,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Range {
        over: Pipe,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Call {
        name: String,
        argument: Option<Pipe>,
        place: Place,
    },
    Break,
    Continue,
}

/// Where a node stands: `line:column`, and its text, for errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) position: String,
    pub(super) text: String,
}

/// Commands, each with the result of the one before as its last argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipe {
    pub(super) variables: Vec<String>,
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// One operand of a command.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operand {
    pub(super) kind: OperandKind,
    /// Members that are taken of it.
    pub(super) fields: Vec<String>,
    pub(super) place: Place,
}

/// What an operand is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
}

pub(super) type Definitions = Vec<(String, Vec<Node>)>;

/// Reads a template and the templates it defines.
pub(super) fn parse(source: &str) -> Result<(Vec<Node>, Definitions), TemplateError> {
    let mut parser = Parser {
        source,
        at: 0,
        variables: vec!["$".to_owned()],
        defined: Vec::new(),
        trim_next: false,
    };
    let (nodes, end) = parser.block()?;
    match end {
        End::Eof => Ok((nodes, parser.defined)),
        End::Block(at) => failure(source, at, "unexpected {{end}}"),
        End::Else(at, _) => failure(source, at, "unexpected {{else}}"),
    }
}

struct Parser<'t> {
    source: &'t str,
    at: usize,
    variables: Vec<String>,
    defined: Definitions,
    trim_next: bool,
}

/// What ended a block.
enum End {
    Eof,
    Block(usize),
    /// `{{else}}`, with what follows the word in `{{else if …}}`.
    Else(usize, Vec<Placed>),
}

impl<'t> Parser<'t> {
    /// Texts and actions up to what ends the block.
    fn block(&mut self) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let rest = &self.source[self.at..];
            let Some(open) = rest.find("{{") else {
                self.text(&mut nodes, rest, false);
                self.at = self.source.len();
                return Ok((nodes, End::Eof));
            };
            let trims = rest[open + 2..].starts_with('-') && rest[open + 3..].starts_with(char::is_whitespace);
            self.text(&mut nodes, &rest[..open], trims);
            let start = self.at + open + 2 + usize::from(trims);
            let Some((inner_end, after)) = self.close(start)? else {
                continue;
            };
            self.at = after;
            let tokens = words(self.source, start, inner_end)?;
            if let Some(end) = self.action(start, &tokens, &mut nodes)? {
                return Ok((nodes, end));
            }
        }
    }

    fn text(&mut self, nodes: &mut Vec<Node>, text: &str, trims: bool) {
        let text = if std::mem::take(&mut self.trim_next) {
            text.trim_start()
        } else {
            text
        };
        let text = if trims { text.trim_end() } else { text };
        if !text.is_empty() {
            nodes.push(Node::Text(text.to_owned()));
        }
    }

    /// Where the action ends and what follows begins; `None` after a comment, which is passed over.
    fn close(&mut self, start: usize) -> Result<Option<(usize, usize)>, TemplateError> {
        let inner = &self.source[start..];
        if inner.trim_start().starts_with("/*") {
            let Some(end) = inner.find("*/") else {
                return failure(self.source, start, "unclosed comment");
            };
            let rest = &inner[end + 2..];
            let trimmed = rest.trim_start();
            let (trims, close) = match trimmed.strip_prefix('-') {
                Some(close) if rest.len() > trimmed.len() => (true, close),
                _ => (false, trimmed),
            };
            let Some(after) = close.strip_prefix("}}") else {
                return failure(self.source, start, "comment ends before closing delimiter");
            };
            self.trim_next = trims;
            self.at = self.source.len() - after.len();
            return Ok(None);
        }
        let (mut quote, mut escaped) = (None, false);
        for (offset, letter) in inner.char_indices() {
            match (quote, letter) {
                (Some(open), _) if escaped && open != '`' => escaped = false,
                (Some('"' | '\''), '\\') => escaped = true,
                (Some(open), letter) if open == letter => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'' | '`') => quote = Some(letter),
                (None, '}') if inner[offset..].starts_with("}}") => {
                    let before = &inner[..offset];
                    let trims = before
                        .strip_suffix('-')
                        .is_some_and(|rest| rest.ends_with(char::is_whitespace));
                    self.trim_next = trims;
                    let end = start + offset - usize::from(trims);
                    return Ok(Some((end, start + offset + 2)));
                }
                (None, _) => {}
            }
        }
        failure(self.source, start, "unclosed action")
    }

    fn action(&mut self, start: usize, tokens: &[Placed], nodes: &mut Vec<Node>) -> Result<Option<End>, TemplateError> {
        let word = match tokens.first().map(|placed| &placed.token) {
            None => return failure(self.source, start, "missing value for command"),
            Some(Token::Word(word)) => word.as_str(),
            Some(_) => "",
        };
        let rest = tokens.get(1..).unwrap_or_default();
        match word {
            "end" => return Ok(Some(End::Block(start))),
            "else" => return Ok(Some(End::Else(start, rest.to_vec()))),
            "if" | "with" | "range" => nodes.push(self.control(start, word, rest)?),
            "break" if rest.is_empty() => nodes.push(Node::Break),
            "continue" if rest.is_empty() => nodes.push(Node::Continue),
            "define" | "block" | "template" => self.named(start, word, rest, nodes)?,
            _ => nodes.push(Node::Action(self.pipe(start, tokens, word)?)),
        }
        Ok(None)
    }

    /// `if`, `with`, `range`, with its body up to `end`.
    fn control(&mut self, start: usize, word: &str, tokens: &[Placed]) -> Result<Node, TemplateError> {
        let known = self.variables.len();
        let pipe = self.pipe(start, tokens, word)?;
        let (body, end) = self.block()?;
        let otherwise = match end {
            End::Eof => return failure(self.source, self.source.len(), "unexpected EOF"),
            End::Block(_) => Vec::new(),
            End::Else(at, rest) => self.otherwise(at, &rest)?,
        };
        self.variables.truncate(known);
        Ok(match word {
            "if" => Node::If {
                test: pipe,
                then: body,
                otherwise,
            },
            "with" => Node::With {
                value: pipe,
                body,
                otherwise,
            },
            _ => Node::Range {
                over: pipe,
                body,
                otherwise,
            },
        })
    }

    /// What follows `{{else}}`; `{{else if}}` and `{{else with}}` share the `{{end}}`.
    fn otherwise(&mut self, at: usize, rest: &[Placed]) -> Result<Vec<Node>, TemplateError> {
        if let Some(Token::Word(word)) = rest.first().map(|placed| &placed.token)
            && matches!(word.as_str(), "if" | "with")
        {
            return Ok(vec![self.control(at, &word.clone(), &rest[1..])?]);
        }
        let (nodes, end) = self.block()?;
        match end {
            End::Block(_) => Ok(nodes),
            End::Eof => failure(self.source, self.source.len(), "unexpected EOF"),
            End::Else(at, _) => failure(self.source, at, "expected end; found {{else}}"),
        }
    }

    /// `define`, `block`, `template`.
    fn named(&mut self, start: usize, word: &str, rest: &[Placed], nodes: &mut Vec<Node>) -> Result<(), TemplateError> {
        let Some(Token::Text(name)) = rest.first().map(|placed| &placed.token) else {
            return failure(self.source, start, &format!("unexpected token in {word} clause"));
        };
        let name = name.clone();
        let argument = match &rest[1..] {
            [] => None,
            tokens => Some(self.pipe(start, tokens, word)?),
        };
        if word != "template" {
            let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
            let (body, end) = self.block()?;
            self.variables = outer;
            if !matches!(end, End::Block(_)) {
                return failure(self.source, start, "unexpected EOF");
            }
            self.defined.push((name.clone(), body));
        }
        if word != "define" {
            nodes.push(Node::Call {
                name,
                argument,
                place: self.place(start, start),
            });
        }
        Ok(())
    }

    fn place(&self, start: usize, end: usize) -> Place {
        let before = &self.source[..start];
        let line = before.matches('\n').count() + 1;
        let column = start - before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            position: format!("{line}:{column}"),
            text: self.source[start..end].to_owned(),
        }
    }

    /// Variables, then commands with `|` between.
    fn pipe(&mut self, start: usize, tokens: &[Placed], context: &str) -> Result<Pipe, TemplateError> {
        let (variables, assigns, rest) = self.variables_of(tokens);
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        let mut words = Words { tokens: rest, next: 0 };
        let commands = self.commands(&mut words, start, context)?;
        if words.next < rest.len() {
            return failure(self.source, rest[words.next].at, "unexpected right paren");
        }
        Ok(Pipe {
            variables,
            assigns,
            commands,
        })
    }

    fn variables_of<'p>(&self, tokens: &'p [Placed]) -> (Vec<String>, bool, &'p [Placed]) {
        let token = |index: usize| tokens.get(index).map(|placed| &placed.token);
        match (token(0), token(1), token(2), token(3)) {
            (Some(Token::Variable(name)), Some(mark @ (Token::Declare | Token::Assign)), ..) => {
                (vec![name.clone()], *mark == Token::Assign, &tokens[2..])
            }
            (
                Some(Token::Variable(first)),
                Some(Token::Comma),
                Some(Token::Variable(second)),
                Some(mark @ (Token::Declare | Token::Assign)),
            ) => (
                vec![first.clone(), second.clone()],
                *mark == Token::Assign,
                &tokens[4..],
            ),
            _ => (Vec::new(), false, tokens),
        }
    }

    fn commands(
        &mut self,
        words: &mut Words<'_>,
        start: usize,
        context: &str,
    ) -> Result<Vec<Vec<Operand>>, TemplateError> {
        let mut commands = vec![Vec::new()];
        while let Some(placed) = words.peek() {
            match placed.token {
                Token::Close => break,
                Token::Pipe => {
                    words.next += 1;
                    commands.push(Vec::new());
                }
                _ => {
                    let operand = self.operand(words)?;
                    commands.last_mut().expect("there is a command").push(operand);
                }
            }
        }
        if commands.iter().any(Vec::is_empty) {
            let context = if context.is_empty() { "command" } else { context };
            return failure(self.source, start, &format!("missing value for {context}"));
        }
        Ok(commands)
    }

    fn operand(&mut self, words: &mut Words<'_>) -> Result<Operand, TemplateError> {
        let placed = words.peek().expect("there is a word").clone();
        words.next += 1;
        let mut fields = Vec::new();
        let kind = match placed.token {
            Token::Dot => OperandKind::Dot,
            Token::Field(name) => {
                fields.push(name);
                OperandKind::Dot
            }
            Token::Variable(name) => {
                if !self.variables.contains(&name) {
                    return failure(self.source, placed.at, &format!("undefined variable {name:?}"));
                }
                OperandKind::Variable(name)
            }
            Token::Text(text) => OperandKind::Text(text),
            Token::Int(value) => OperandKind::Int(value),
            Token::Float(value) => OperandKind::Float(value),
            Token::Word(word) => match word.as_str() {
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                "nil" => OperandKind::Nil,
                _ if functions::exists(&word) => OperandKind::Function(word),
                _ => return failure(self.source, placed.at, &format!("function {word:?} not defined")),
            },
            Token::Open => {
                let commands = self.commands(words, placed.at, "parenthesized pipeline")?;
                if words.peek().is_none() {
                    return failure(self.source, placed.at, "unclosed left paren");
                }
                words.next += 1;
                OperandKind::Pipe(Box::new(Pipe {
                    variables: Vec::new(),
                    assigns: false,
                    commands,
                }))
            }
            Token::Close | Token::Pipe | Token::Comma | Token::Declare | Token::Assign => {
                let text = &self.source[placed.at..placed.end];
                return failure(self.source, placed.at, &format!("unexpected {text:?} in operand"));
            }
        };
        let mut end = placed.end;
        let mut position = None;
        while let Some(Placed {
            token: Token::Field(name),
            spaced: false,
            end: to,
            at,
        }) = words.peek()
        {
            fields.push(name.clone());
            position.get_or_insert(*at);
            end = *to;
            words.next += 1;
        }
        // Go takes the second member's position for that of the chain.
        let mut place = self.place(placed.at, end);
        if let Some(at) = position {
            place.position = self.place(at, end).position;
        }
        Ok(Operand { kind, fields, place })
    }
}

struct Words<'p> {
    tokens: &'p [Placed],
    next: usize,
}

impl Words<'_> {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.next)
    }
}
