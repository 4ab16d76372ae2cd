//! An object's dynamic form for reading: sorted members, in three allocations for the whole object.
//!
//! A [`serde_json::Value`] takes a B-tree node for every object in it and a heap string for every
//! name and text. Where two forms of an object are only compared, that is most of the work. A
//! [`Tree`] holds all text in one buffer and all members in one list.

use std::fmt;

use serde_json::{Map, Number, Value};

/// An object in its dynamic form. What [managers own](crate::primitives::FieldsV1) is left out of it: it shows as
/// `null`.
#[derive(Clone)]
pub struct Tree {
    text: String,
    /// Members and elements; those of one object or list lie side by side.
    items: Vec<Item>,
    root: Node,
}

/// A part of the text or of the items.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    length: u32,
}

#[derive(Clone, Copy)]
enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// A whole number beyond [`i64::MAX`].
    Unsigned(u64),
    Float(f64),
    Text(Span),
    List(Span),
    Object(Span),
}

/// A member; elements of lists have no name.
#[derive(Clone, Copy)]
struct Item {
    name: Span,
    node: Node,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

impl From<&Value> for Form {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        let bounded = |n: usize| u32::try_from(n).expect("an object is smaller than 4 GiB");
        Self {
            start: bounded(start),
            length: bounded(end - start),
        }
    }

    fn of<T: ?Sized + std::ops::Index<std::ops::Range<usize>>>(self, whole: &T) -> &T::Output {
        let start = self.start as usize;
        &whole[start..start + self.length as usize]
    }
}

impl Tree {
    /// The object itself.
    #[must_use]
    pub fn root(&self) -> View<'_> {
        View {
            tree: self,
            node: self.root,
        }
    }
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Self {
        let mut builder = Builder::default();
        builder.value(value);
        builder.finish()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root().fmt(formatter)
    }
}

/// A value of a [`Tree`]; cheap to copy.
#[derive(Clone, Copy)]
pub struct View<'t> {
    tree: &'t Tree,
    node: Node,
}

impl<'t> View<'t> {
    fn at(self, node: Node) -> Self {
        Self { tree: self.tree, node }
    }

    fn items(self) -> &'t [Item] {
        match self.node {
            Node::List(span) | Node::Object(span) => span.of(self.tree.items.as_slice()),
            _ => &[],
        }
    }

    /// What it is.
    #[must_use]
    pub fn form(self) -> Form {
        match self.node {
            Node::Null => Form::Null,
            Node::Bool(_) => Form::Bool,
            Node::Integer(_) | Node::Unsigned(_) | Node::Float(_) => Form::Number,
            Node::Text(_) => Form::Text,
            Node::List(_) => Form::List,
            Node::Object(_) => Form::Object,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(self) -> Option<&'t str> {
        match self.node {
            Node::Text(span) => Some(span.of(self.tree.text.as_str())),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(self) -> Option<Number> {
        match self.node {
            Node::Integer(n) => Some(n.into()),
            Node::Unsigned(n) => Some(n.into()),
            Node::Float(n) => Number::from_f64(n),
            _ => None,
        }
    }

    /// Whether it is an object or a list without anything in it, or neither of them.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.items().is_empty()
    }

    /// How many members or elements it has; none if it is neither object nor list.
    #[must_use]
    pub fn len(self) -> usize {
        self.items().len()
    }

    /// The elements of a list.
    pub fn elements(self) -> impl ExactSizeIterator<Item = Self> {
        let items = if self.form() == Form::List { self.items() } else { &[] };
        items.iter().map(move |item| self.at(item.node))
    }

    /// The members of an object, sorted by name (bytewise).
    pub fn members(self) -> impl ExactSizeIterator<Item = (&'t str, Self)> {
        let items = if self.form() == Form::Object { self.items() } else { &[] };
        items
            .iter()
            .map(move |item| (item.name.of(self.tree.text.as_str()), self.at(item.node)))
    }

    /// The member of this name, if it is an object that has one.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        let Node::Object(_) = self.node else { return None };
        let items = self.items();
        let found = items.binary_search_by(|item| item.name.of(self.tree.text.as_str()).cmp(name));
        found.ok().map(|index| self.at(items[index].node))
    }

    /// The same as a value of its own.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self.node {
            Node::Null => Value::Null,
            Node::Bool(b) => Value::Bool(b),
            Node::Integer(_) | Node::Unsigned(_) | Node::Float(_) => {
                self.as_number().map_or(Value::Null, Value::Number)
            }
            Node::Text(span) => Value::String(span.of(self.tree.text.as_str()).to_owned()),
            Node::List(_) => Value::Array(self.elements().map(Self::to_value).collect()),
            Node::Object(_) => {
                let members = self
                    .members()
                    .map(|(name, member)| (name.to_owned(), member.to_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

/// Equality as of [`Value`]: a float differs from every whole number.
impl PartialEq for View<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.node, other.node) {
            (Node::Null, Node::Null) => true,
            (Node::Bool(l), Node::Bool(r)) => l == r,
            (Node::Integer(l), Node::Integer(r)) => l == r,
            (Node::Unsigned(l), Node::Unsigned(r)) => l == r,
            (Node::Float(l), Node::Float(r)) => l == r,
            (Node::Text(_), Node::Text(_)) => self.as_str() == other.as_str(),
            (Node::List(l), Node::List(r)) => l.length == r.length && self.elements().eq(other.elements()),
            (Node::Object(l), Node::Object(r)) => l.length == r.length && self.members().eq(other.members()),
            _ => false,
        }
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(formatter)
    }
}

/// Builds a tree from the leaves up.
pub(crate) struct Builder {
    text: String,
    items: Vec<Item>,
    /// What objects and lists that are not finished have so far.
    open: Vec<Item>,
    last: Node,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            text: String::with_capacity(4096),
            items: Vec::with_capacity(256),
            open: Vec::with_capacity(64),
            last: Node::Null,
        }
    }
}

impl Builder {
    /// The tree of the value that was set last.
    pub(crate) fn finish(self) -> Tree {
        Tree {
            text: self.text,
            items: self.items,
            root: self.last,
        }
    }

    /// Where an object or list begins; its end wants to know.
    pub(crate) fn begin(&self) -> usize {
        self.open.len()
    }

    fn close(&mut self, begin: usize) -> Span {
        let start = self.items.len();
        self.items.extend_from_slice(&self.open[begin..]);
        self.open.truncate(begin);
        Span::new(start, self.items.len())
    }

    /// Ends a list.
    pub(crate) fn end_list(&mut self, begin: usize) {
        self.last = Node::List(self.close(begin));
    }

    /// Ends an object, whose names differ.
    pub(crate) fn end_object(&mut self, begin: usize) {
        let text = self.text.as_str();
        let name = |item: &Item| item.name.of(text);
        if !self.open[begin..].is_sorted_by_key(name) {
            self.open[begin..].sort_by(|l, r| name(l).cmp(name(r)));
        }
        self.last = Node::Object(self.close(begin));
    }

    fn put(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span::new(start, self.text.len())
    }

    /// Makes the value that was set last a member.
    pub(crate) fn member(&mut self, name: &str) {
        let name = self.put(name);
        self.open.push(Item { name, node: self.last });
    }

    /// Makes the value that was set last an element.
    pub(crate) fn element(&mut self) {
        self.open.push(Item {
            name: Span::default(),
            node: self.last,
        });
    }

    pub(crate) fn null(&mut self) {
        self.last = Node::Null;
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.last = Node::Text(self.put(text));
    }

    /// Sets any value.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(b) => self.last = Node::Bool(*b),
            Value::Number(number) => {
                self.last = match (number.as_i64(), number.as_u64(), number.as_f64()) {
                    (Some(n), _, _) => Node::Integer(n),
                    (None, Some(n), _) => Node::Unsigned(n),
                    (None, None, float) => Node::Float(float.unwrap_or(f64::NAN)),
                };
            }
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                let begin = self.begin();
                for element in elements {
                    self.value(element);
                    self.element();
                }
                self.end_list(begin);
            }
            Value::Object(members) => {
                let begin = self.begin();
                for (name, member) in members {
                    self.value(member);
                    self.member(name);
                }
                self.end_object(begin);
            }
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Builder({} items)", self.items.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Form, Tree};
    use crate::{HasMetadata as _, Kind as _, core::v1::Pod};

    #[test]
    fn a_tree_holds_what_its_value_has() {
        let value =
            json!({"z": [1, -2.5, u64::MAX, {"b": "é\n", "a": null}, []], "a": {}, "m": {"": true}, "n": "\u{0}"});
        let tree = Tree::from(&value);
        assert_eq!(tree.root().to_value(), value);
        assert_eq!(tree.root(), Tree::from(&value).root());
        assert_eq!(
            tree.root().members().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "m", "n", "z"]
        );
        let list = tree.root().get("z").expect("there is a z");
        assert_eq!((list.form(), list.len()), (Form::List, 5));
        assert_eq!(tree.root().get("b"), None);
        assert_eq!(list.get("z"), None, "a list has no members");
        for (other, why) in [
            (json!([1, -2.5, u64::MAX, {"b": "é\n"}, []]), "a null is a member"),
            (
                json!([1.0, -2.5, u64::MAX, {"b": "é\n", "a": null}, []]),
                "a float is no integer",
            ),
            (
                json!([1, -2.5, u64::MAX, {"b": "é\n", "a": null}, {}]),
                "a list is no object",
            ),
        ] {
            assert_ne!(Tree::from(&other).root(), list, "{why}");
        }
    }

    #[test]
    fn a_struct_gives_the_tree_of_its_dynamic_form() {
        let json = br#"{"metadata":{"name":"p","labels":{"b\"":"1","a":"<"},"creationTimestamp":"2024-01-01T00:00:00Z",
            "managedFields":[{"manager":"m","fieldsV1":{"f:spec":{}}}]},
            "spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"100m"}},"ports":[{"containerPort":80}]}]}}"#;
        let mut pod = Pod::from_json(json).expect("a pod");
        let mut value = pod.to_value();
        value["metadata"]["managedFields"][0]["fieldsV1"] = json!(null);
        assert_eq!(
            pod.to_tree().root().to_value(),
            value,
            "only what managers own is left out"
        );
        pod.metadata_mut().managed_fields.clear();
        assert_eq!(pod.to_tree().root().to_value(), pod.to_value());
    }
}
