//! Reads descriptions out of the text of `k8s-openapi`'s sources.
//!
//! Each definition stands in one file as an implementation of `JsonSchema`: a function that
//! returns the definition's name, and a call of the macro `json_schema!` on a JSON-like literal.
//! The reader tokenises that literal; expressions inside it (references to other definitions) only
//! nest brackets deeper.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

/// What one definition says about itself and its fields.
#[derive(Default)]
pub(crate) struct Definition {
    /// Description of the type.
    pub(crate) description: String,
    /// Descriptions of the fields that have one, by JSON name.
    pub(crate) fields: BTreeMap<String, String>,
}

/// The definitions of all files under `folder`, by definition name.
pub(crate) fn read(folder: &Path) -> Result<BTreeMap<String, Definition>, Box<dyn Error>> {
    let mut definitions = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path)?;
                read_file(&text, &mut definitions).map_err(|e| format!("{}: {e}", path.display()))?;
            }
        }
    }
    Ok(definitions)
}

fn read_file(text: &str, definitions: &mut BTreeMap<String, Definition>) -> Result<(), String> {
    for part in text.split("fn schema_name()").skip(1) {
        let Some((name, schema)) = part.split_once("json_schema!(") else {
            continue;
        };
        let Some(Token::Text(name)) = Tokens(name).find(|t| matches!(t, Token::Text(_))) else {
            continue;
        };
        definitions.insert(name, read_schema(schema)?);
    }
    Ok(())
}

enum Token {
    Open,
    Close,
    Colon,
    Text(String),
}

struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let c = self.0.chars().next()?;
            self.0 = &self.0[c.len_utf8()..];
            return Some(match c {
                '{' | '(' | '[' => Token::Open,
                '}' | ')' | ']' => Token::Close,
                ':' if self.0.starts_with(':') => {
                    self.0 = &self.0[1..];
                    continue;
                }
                ':' => Token::Colon,
                '"' => Token::Text(self.string()),
                _ => continue,
            });
        }
    }
}

impl Tokens<'_> {
    /// The rest of a string literal, its escapes resolved.
    fn string(&mut self) -> String {
        let mut out = String::new();
        let mut chars = self.0.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('0') => out.push('\0'),
                    Some('u') => {
                        let digits: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                        out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                    }
                    Some(other) => out.push(other),
                    None => break,
                },
                other => out.push(other),
            }
        }
        self.0 = chars.as_str();
        out
    }
}

/// Depth of the members of the schema itself, inside `({`.
const MEMBERS: usize = 1;
/// Depth of the fields' names, inside `"properties": {`.
const FIELDS: usize = 2;

/// Reads the literal behind `json_schema!(`, up to the bracket that ends it.
fn read_schema(text: &str) -> Result<Definition, String> {
    let mut definition = Definition::default();
    let (mut depth, mut member, mut field) = (0_usize, String::new(), String::new());
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Open => depth += 1,
            Token::Close if depth == 0 => return Ok(definition),
            Token::Close => depth -= 1,
            Token::Colon => {}
            Token::Text(text) => {
                let is_key = matches!(tokens.peek(), Some(Token::Colon));
                match (depth, is_key) {
                    (MEMBERS, true) => member = text,
                    (MEMBERS, false) if member == "description" => definition.description = text,
                    (FIELDS, true) if member == "properties" => field = text,
                    (d, _) if d > FIELDS && member == "properties" && text == "description" => {
                        // Between the key and its value stand a colon, or the brackets of a call.
                        let value = tokens.by_ref().find_map(|t| match t {
                            Token::Open => {
                                depth += 1;
                                None
                            }
                            Token::Close => {
                                depth -= 1;
                                None
                            }
                            Token::Colon => None,
                            Token::Text(text) => Some(text),
                        });
                        let value = value.ok_or_else(|| format!("the description of {field} has no text"))?;
                        definition.fields.entry(field.clone()).or_insert(value);
                    }
                    _ => {}
                }
            }
        }
    }
    Err("a schema does not end".to_owned())
}
