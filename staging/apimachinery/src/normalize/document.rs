//! JSON text as it was written: members in their order with duplicates, numbers by their letters.
//!
//! Only read when something is wrong with a body, since Go's messages depend on the order of
//! members and quote numbers as the client wrote them. The text was accepted by the JSON parser
//! before; what this reader cannot follow it gives up on, and the caller falls back to the value.

use serde_json::{Number, Value};

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// The literal.
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Nesting beyond which the reader gives up.
const MAX_DEPTH: usize = 400;

impl Node {
    /// Reads one document.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let node = reader.value(0)?;
        reader.space();
        (reader.at == text.len()).then_some(node)
    }

    /// The node of a value whose text is not at hand.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => Self::Number(n.to_string()),
            Value::String(s) => Self::String(s.clone()),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(members.iter().map(|(k, v)| (k.clone(), Self::of(v))).collect()),
        }
    }

    /// The value; the last of duplicate members wins.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Number(literal) => number(literal).map_or(Value::Null, Value::Number),
            Self::String(s) => Value::String(s.clone()),
            Self::Array(elements) => Value::Array(elements.iter().map(Self::to_value).collect()),
            Self::Object(members) => Value::Object(members.iter().map(|(k, v)| (k.clone(), v.to_value())).collect()),
        }
    }

    /// What Go calls the value in errors.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// An integer where the literal is one, otherwise a float.
pub(super) fn number(literal: &str) -> Option<Number> {
    if let Ok(n) = literal.parse::<i64>() {
        return Some(n.into());
    }
    if let Ok(n) = literal.parse::<u64>() {
        return Some(n.into());
    }
    Number::from_f64(literal.parse().ok()?)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn literal(&mut self, literal: &[u8], node: Node) -> Option<Node> {
        self.text[self.at..].starts_with(literal).then(|| {
            self.at += literal.len();
            node
        })
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'n' => self.literal(b"null", Node::Null),
            b't' => self.literal(b"true", Node::Bool(true)),
            b'f' => self.literal(b"false", Node::Bool(false)),
            b'"' => self.string().map(Node::String),
            b'[' => self.array(depth),
            b'{' => self.object(depth),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Node> {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b))
            .count();
        let literal = std::str::from_utf8(&rest[..length]).ok()?;
        number(literal)?;
        self.at += length;
        Some(Node::Number(literal.to_owned()))
    }

    fn array(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        let mut elements = Vec::new();
        if self.take(b']') {
            return Some(Node::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Some(Node::Array(elements));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        let mut members = Vec::new();
        if self.take(b'}') {
            return Some(Node::Object(members));
        }
        loop {
            self.space();
            let name = if self.peek() == Some(b'"') {
                self.string()?
            } else {
                return None;
            };
            if !self.take(b':') {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
            if self.take(b'}') {
                return Some(Node::Object(members));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// A string; the cursor stands on its opening quote.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = &self.text[start..self.at];
        if escaped {
            // Lone surrogates, which Go replaces, are the only escapes that serde_json refuses.
            return serde_json::from_slice(quoted).ok();
        }
        Some(String::from_utf8_lossy(&quoted[1..quoted.len() - 1]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_duplicates_and_literals() {
        let node = Node::parse(br#" {"b": 1e1, "a":[true,null,"x\n\u00e9"], "b":-0} "#).expect("valid");
        let Node::Object(members) = &node else {
            panic!("an object")
        };
        assert_eq!(members[0], ("b".to_owned(), Node::Number("1e1".to_owned())));
        assert_eq!(members[2], ("b".to_owned(), Node::Number("-0".to_owned())));
        assert_eq!(node.to_value(), serde_json::json!({"a": [true, null, "x\né"], "b": 0}));
    }

    #[test]
    fn gives_up_on_what_is_not_json() {
        for text in [
            "",
            "{",
            "{\"a\"}",
            "[1,]",
            "{\"a\":1}x",
            "\"a",
            "nul",
            "\"\\",
            "1.2.3",
            "{a:1}",
        ] {
            assert_eq!(Node::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Node::parse("[".repeat(100_000).as_bytes()), None);
    }
}
