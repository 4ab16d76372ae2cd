//! `FieldsV1` JSON text, read without a dynamic value in between.
//!
//! Text is what objects hold of it (compact, and checked to be JSON when it came in), and most of it is only asked
//! whether a few paths are in it. What this reader does not know is [`Malformed`]; then the slow way finds the words for it.

use std::borrow::Cow;

use super::{PathElement, Set};

/// Deeper objects are left to the slow way.
const MAX_DEPTH: usize = 256;

/// The text is not what this reader expects.
#[derive(Debug)]
pub(super) struct Malformed;

pub(super) type Read<T> = Result<T, Malformed>;

/// A place in a text.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    depth: usize,
}

/// What somebody who looks through a text makes of an element that has paths below it.
pub(crate) enum Judgement<C> {
    /// What is below it does not matter.
    Passed,
    /// This is what was looked for.
    Found,
    /// What is below it is looked at, in this context.
    Opened(C),
}

/// What a level says of the path that leads to it.
#[derive(Clone, Copy, Default)]
struct Own {
    /// It has a `.`.
    dot: bool,
    /// It has no members at all.
    empty: bool,
}

impl Own {
    fn is_member(self) -> bool {
        self.dot || self.empty
    }
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Begins an object.
    pub(super) fn enter(&mut self) -> Read<()> {
        self.expect(b'{')?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Malformed);
        }
        Ok(())
    }

    /// Ends the object at whose closing brace this is.
    pub(super) fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    pub(super) fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    /// The place behind the string that begins here, and whether it has escapes.
    fn end_of_string(&self) -> Read<(usize, bool)> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(Malformed);
        }
        let mut at = self.at + 1;
        let mut escaped = false;
        loop {
            match bytes.get(at).ok_or(Malformed)? {
                b'"' => return Ok((at + 1, escaped)),
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
    }

    pub(super) fn string(&mut self) -> Read<Cow<'t, str>> {
        let (end, escaped) = self.end_of_string()?;
        let quoted = self.text.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        if escaped {
            serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| Malformed)
        } else {
            Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
        }
    }

    /// Passes over an object.
    pub(super) fn skip(&mut self) -> Read<()> {
        let start = self.depth;
        loop {
            match self.peek().ok_or(Malformed)? {
                b'{' => {
                    self.depth += 1;
                    self.at += 1;
                }
                b'}' if self.depth > start => {
                    self.depth -= 1;
                    self.at += 1;
                }
                b'"' => self.at = self.end_of_string()?.0,
                b':' | b',' if self.depth > start => self.at += 1,
                _ => return Err(Malformed),
            }
            if self.depth == start {
                return Ok(());
            }
        }
    }

    /// Reads an object; `visit` must read or skip the value of each member but `.`.
    fn level(&mut self, visit: &mut dyn FnMut(PathElement, &mut Self) -> Read<()>) -> Read<Own> {
        self.enter()?;
        let mut own = Own::default();
        if self.peek() == Some(b'}') {
            self.leave();
            own.empty = true;
            return Ok(own);
        }
        loop {
            let name = self.string()?;
            self.expect(b':')?;
            if name == "." {
                own.dot = true;
                self.skip()?;
            } else {
                match PathElement::parse(&name).map_err(|_| Malformed)? {
                    Some(element) => visit(element, self)?,
                    None => self.skip()?,
                }
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.leave();
                    return Ok(own);
                }
                _ => return Err(Malformed),
            }
        }
    }

    /// Asks `judge` about each element of an object that has paths below it: a field has a name.
    fn finds<C: Copy>(&mut self, context: C, judge: &mut dyn FnMut(C, Option<&str>) -> Judgement<C>) -> Read<bool> {
        self.enter()?;
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(false);
        }
        loop {
            let name = self.string()?;
            self.expect(b':')?;
            let below = self.rest();
            if below.starts_with("{}") || below.starts_with("{\".\":{}}") {
                self.skip()?;
            } else {
                let field = match name.split_at_checked(2).ok_or(Malformed)? {
                    ("f:", field) => Some(field),
                    ("k:" | "v:" | "i:", _) => None,
                    _ => return Err(Malformed),
                };
                match judge(context, field) {
                    Judgement::Passed => self.skip()?,
                    Judgement::Found => return Ok(true),
                    Judgement::Opened(context) => {
                        if self.finds(context, judge)? {
                            return Ok(true);
                        }
                    }
                }
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.leave();
                    return Ok(false);
                }
                _ => return Err(Malformed),
            }
        }
    }

    fn set(&mut self) -> Read<(Own, Set)> {
        let mut set = Set::new();
        let mut own = self.level(&mut |element, cursor| {
            let (own, children) = cursor.set()?;
            set.push(element, own.is_member(), children);
            Ok(())
        })?;
        // Members of unknown kinds do not count.
        own.empty = set.is_empty();
        Ok((own, set))
    }

    fn touches(&mut self, changes: &Set) -> Read<bool> {
        let mut touched = false;
        self.level(&mut |element, cursor| match changes.lookup(&element) {
            Some((false, below)) if !touched => {
                touched = cursor.touches(below)?;
                Ok(())
            }
            known => {
                touched |= known.is_some_and(|(member, _)| member);
                cursor.skip()
            }
        })?;
        Ok(touched)
    }

    fn contains(&mut self, paths: &Set) -> Read<(Own, bool)> {
        let mut found = 0;
        let own = self.level(&mut |element, cursor| {
            let Some((member, below)) = paths.lookup(&element) else {
                return cursor.skip();
            };
            let (own, all) = cursor.contains(below)?;
            found += usize::from(all && (own.is_member() || !member));
            Ok(())
        })?;
        Ok((own, found == paths.nodes().len()))
    }

    pub(super) fn whole<T>(text: &'t str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let mut cursor = Self::new(text);
        let result = read(&mut cursor)?;
        if cursor.at == text.len() {
            Ok(result)
        } else {
            Err(Malformed)
        }
    }
}

/// The set that the text stands for.
pub(super) fn read(text: &str) -> Read<Set> {
    Cursor::whole(text, |cursor| cursor.set().map(|(_, set)| set))
}

/// Whether a path of `changes` is in the text's set or lies on the way to one of its paths.
pub(super) fn touches(text: &str, changes: &Set) -> Read<bool> {
    Cursor::whole(text, |cursor| cursor.touches(changes))
}

/// Whether `judge` finds something in the text's set.
pub(super) fn finds<C: Copy>(
    text: &str,
    context: C,
    judge: &mut dyn FnMut(C, Option<&str>) -> Judgement<C>,
) -> Read<bool> {
    let mut cursor = Cursor::new(text);
    let found = cursor.finds(context, judge)?;
    if found || cursor.at == text.len() {
        Ok(found)
    } else {
        Err(Malformed)
    }
}

/// Whether every path of `paths` is in the text's set.
pub(super) fn contains(text: &str, paths: &Set) -> Read<bool> {
    Cursor::whole(text, |cursor| cursor.contains(paths).map(|(_, all)| all))
}
