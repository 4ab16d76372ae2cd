//! From nodes and a document to text.

use std::borrow::Cow;

use serde_json::Value;

use super::functions::{self, Data};
use super::parse::{Node, Operand, OperandKind, Pipe, Place};
use super::{Template, TemplateError};

/// How deep templates may call each other.
const MAX_DEPTH: usize = 1000;

/// What goes on behind a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

pub(super) fn execute(template: &Template, data: &Value, out: &mut String) -> Result<(), TemplateError> {
    let data = Data::Json(Cow::Borrowed(data));
    let mut run = Run {
        template,
        variables: vec![("$".to_owned(), data.clone())],
        depth: 0,
        out,
    };
    run.nodes(&template.nodes, &data).map(|_| ())
}

struct Run<'t, 'v, 'o> {
    template: &'t Template,
    variables: Vec<(String, Data<'v>)>,
    depth: usize,
    out: &'o mut String,
}

fn failure<T>(place: &Place, text: &str) -> Result<T, TemplateError> {
    Err(TemplateError(format!(
        "template: output:{}: executing \"output\" at <{}>: {text}",
        place.position, place.text
    )))
}

impl<'v> Run<'_, 'v, '_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Data<'v>) -> Result<Flow, TemplateError> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Data<'v>) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.out.push_str(&value.text());
                }
            }
            Node::If { test, then, otherwise } => {
                let known = self.variables.len();
                let branch = if self.pipe(test, dot)?.is_true() {
                    then
                } else {
                    otherwise
                };
                let flow = self.nodes(branch, dot)?;
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::With { value, body, otherwise } => {
                let known = self.variables.len();
                let value = self.pipe(value, dot)?;
                let flow = if value.is_true() {
                    self.nodes(body, &value)?
                } else {
                    self.nodes(otherwise, dot)?
                };
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::Range { over, body, otherwise } => self.range(over, body, otherwise, dot)?,
            Node::Call { name, argument, place } => self.call(name, argument.as_ref(), place, dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn range(&mut self, over: &Pipe, body: &[Node], otherwise: &[Node], dot: &Data<'v>) -> Result<(), TemplateError> {
        let known = self.variables.len();
        // The variables take the elements, not what is ranged over.
        let bare = Pipe {
            variables: Vec::new(),
            assigns: false,
            commands: over.commands.clone(),
        };
        let value = self.pipe(&bare, dot)?;
        let Some(elements) = value.elements() else {
            let place = &over.commands[0][0].place;
            return failure(place, &format!("range can't iterate over {}", value.text()));
        };
        if elements.is_empty() {
            self.nodes(otherwise, dot)?;
        }
        for (key, element) in elements {
            match over.variables.as_slice() {
                [] => {}
                [one] => self.set(one, element.clone(), over.assigns),
                [first, second, ..] => {
                    self.set(first, key, over.assigns);
                    self.set(second, element.clone(), over.assigns);
                }
            }
            let flow = self.nodes(body, &element)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        name: &str,
        argument: Option<&Pipe>,
        place: &Place,
        dot: &Data<'v>,
    ) -> Result<(), TemplateError> {
        let Some((_, nodes)) = self.template.defined.iter().rev().find(|(known, _)| known == name) else {
            return failure(place, &format!("template {name:?} not defined"));
        };
        if self.depth >= MAX_DEPTH {
            return failure(place, "exceeded maximum template depth (1000)");
        }
        let data = match argument {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Data::Missing,
        };
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        self.depth += 1;
        let outcome = self.nodes(nodes, &data);
        self.depth -= 1;
        self.variables = outer;
        outcome.map(|_| ())
    }

    fn set(&mut self, name: &str, value: Data<'v>, assigns: bool) {
        if assigns && let Some((_, known)) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            *known = value;
        } else {
            self.variables.push((name.to_owned(), value));
        }
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Data<'v>) -> Result<Data<'v>, TemplateError> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Data::Missing);
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &[Operand],
        dot: &Data<'v>,
        last: Option<Data<'v>>,
    ) -> Result<Data<'v>, TemplateError> {
        let first = &command[0];
        if let OperandKind::Function(name) = &first.kind {
            let result = self.function(name, &first.place, &command[1..], dot, last)?;
            return self.fields(result, &first.fields, &first.place);
        }
        if command.len() > 1 || last.is_some() {
            return match &first.kind {
                OperandKind::Dot | OperandKind::Variable(_) => {
                    let name = first.fields.last().map_or(first.place.text.as_str(), String::as_str);
                    failure(&first.place, &format!("{name} is not a method but has arguments"))
                }
                _ => failure(
                    &first.place,
                    &format!("can't give argument to non-function {}", first.place.text),
                ),
            };
        }
        if first.kind == OperandKind::Nil {
            return failure(&first.place, "nil is not a command");
        }
        self.operand(first, dot)
    }

    fn operand(&mut self, operand: &Operand, dot: &Data<'v>) -> Result<Data<'v>, TemplateError> {
        let value = match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => Data::Json(Cow::Owned(Value::Null)),
            OperandKind::Bool(flag) => Data::Json(Cow::Owned((*flag).into())),
            OperandKind::Int(value) => Data::Int(*value),
            OperandKind::Float(value) => Data::Json(Cow::Owned((*value).into())),
            OperandKind::Text(text) => Data::Json(Cow::Owned(text.as_str().into())),
            OperandKind::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.map_or(Data::Missing, |(_, value)| value.clone())
            }
            OperandKind::Function(name) => self.function(name, &operand.place, &[], dot, None)?,
            OperandKind::Pipe(pipe) => self.pipe(pipe, dot)?,
        };
        self.fields(value, &operand.fields, &operand.place)
    }

    fn fields(&self, mut value: Data<'v>, fields: &[String], place: &Place) -> Result<Data<'v>, TemplateError> {
        for name in fields {
            value = match value {
                Data::Missing if self.template.missing_key_error => {
                    return failure(place, &format!("nil data; no entry for key {name:?}"));
                }
                Data::Missing => Data::Missing,
                Data::Json(json) if json.is_null() => {
                    return failure(place, &format!("nil pointer evaluating interface {{}}.{name}"));
                }
                Data::Json(json) if json.is_object() => match functions::member(json, name) {
                    Some(member) => Data::Json(member),
                    None if self.template.missing_key_error => {
                        return failure(place, &format!("map has no entry for key {name:?}"));
                    }
                    None => Data::Missing,
                },
                Data::Json(_) => return failure(place, &format!("can't evaluate field {name} in type interface {{}}")),
                Data::Int(_) => return failure(place, &format!("can't evaluate field {name} in type int")),
            };
        }
        Ok(value)
    }

    fn function(
        &mut self,
        name: &str,
        place: &Place,
        operands: &[Operand],
        dot: &Data<'v>,
        last: Option<Data<'v>>,
    ) -> Result<Data<'v>, TemplateError> {
        // These two stop at the first operand that decides.
        if matches!(name, "and" | "or") {
            let mut value = None;
            for operand in operands {
                let next = self.operand(operand, dot)?;
                let decides = next.is_true() == (name == "or");
                value = Some(next);
                if decides {
                    return Ok(value.unwrap_or(Data::Missing));
                }
            }
            return match last.or(value) {
                Some(value) => Ok(value),
                None => failure(
                    place,
                    &format!("wrong number of args for {name}: want at least 1 got 0"),
                ),
            };
        }
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        functions::call(name, &arguments).or_else(|error| failure(place, &error))
    }
}
