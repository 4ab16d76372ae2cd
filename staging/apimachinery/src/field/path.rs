//! Where in an object a field is.

use std::fmt;

/// A path from the root of an object, as a chain of borrowed steps: extending it costs nothing and
/// its text is made only for an error.
///
/// A step may name several fields at once (`child("spec.template")`), so that a path can be kept
/// in a variable without its parents.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Nil,
    Name(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The absent path, printed `<nil>`; its children are roots.
    pub const NIL: Path<'static> = Path {
        parent: None,
        step: Step::Nil,
    };

    /// A path of one field.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Name(name),
        }
    }

    fn extend(&'a self, step: Step<'a>) -> Self {
        let parent = if matches!(self.step, Step::Nil) {
            None
        } else {
            Some(self)
        };
        Self { parent, step }
    }

    /// The field `name` of this one.
    #[must_use]
    pub fn child(&'a self, name: &'a str) -> Self {
        self.extend(Step::Name(name))
    }

    /// The element of this list at `index`.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        self.extend(Step::Index(index))
    }

    /// The entry of this map under `key`.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Self {
        self.extend(Step::Key(key))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(formatter)?;
        }
        match self.step {
            Step::Nil => formatter.write_str("<nil>"),
            Step::Name(name) if self.parent.is_some() => write!(formatter, ".{name}"),
            Step::Name(name) => formatter.write_str(name),
            Step::Index(index) => write!(formatter, "[{index}]"),
            Step::Key(key) => write!(formatter, "[{key}]"),
        }
    }
}
