//! Changes of a set in its text form: what stays is copied as it stands, unread.
//!
//! A write touches a few of the hundreds of paths that its managers own. Where the text is not what [`Set::to_json`] writes
//! ([`Malformed`]), the set has to be read, changed and written.

use super::text::{Cursor, Malformed, Read};
use super::{PathElement, Set, serialize::write_key};

/// Says that the path to an object is a member, where the object has others.
const OWN: &str = "\".\":{}";

/// The text of the changed set.
struct Copied {
    json: String,
    scratch: String,
}

impl Copied {
    fn new(text: &str) -> Self {
        Self {
            // Most changes add a path or two.
            json: String::with_capacity(text.len() + 128),
            scratch: String::new(),
        }
    }

    fn comma(&mut self) {
        if !self.json.ends_with('{') {
            self.json.push(',');
        }
    }

    /// Appends what a set has in one place.
    fn node(&mut self, element: &PathElement, member: bool, children: &Set) {
        self.comma();
        write_key(element, &mut self.scratch, &mut self.json);
        children.write_json(member, &mut self.scratch, &mut self.json);
    }
}

impl<'t> Cursor<'t> {
    /// Begins an object; returns whether it says that the path to it is a member.
    fn begin(&mut self, top: bool) -> Read<bool> {
        self.enter()?;
        if self.peek() == Some(b'}') {
            return Ok(!top);
        }
        let own = self.rest().starts_with(OWN);
        if own {
            if top {
                return Err(Malformed);
            }
            self.at += OWN.len();
            if self.peek() == Some(b',') {
                self.at += 1;
            } else if self.peek() != Some(b'}') {
                return Err(Malformed);
            }
        }
        Ok(own)
    }

    /// The next element and its name as it stands, with the colon behind it; `None` at the end of the object.
    fn next_element(&mut self) -> Read<Option<(PathElement, &'t str)>> {
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(None);
        }
        let start = self.at;
        let name = self.string()?;
        self.expect(b':')?;
        let element = PathElement::parse(&name).ok().flatten().ok_or(Malformed)?;
        Ok(Some((element, &self.text[start..self.at])))
    }

    /// Goes on behind an element.
    fn end_element(&mut self) -> Read<()> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                // Nothing but another element follows.
                if self.peek() == Some(b'"') {
                    Ok(())
                } else {
                    Err(Malformed)
                }
            }
            Some(b'}') => Ok(()),
            _ => Err(Malformed),
        }
    }

    fn copy_value(&mut self, out: &mut Copied) -> Read<()> {
        let start = self.at;
        self.skip()?;
        out.json.push_str(&self.text[start..self.at]);
        Ok(())
    }

    /// Copies an object with the paths of `more`; `member` tells whether the path to it is one of them.
    fn unite(&mut self, more: &Set, member: bool, top: bool, out: &mut Copied) -> Read<()> {
        let own = self.begin(top)? || member;
        out.json.push('{');
        if own && !(more.is_empty() && self.peek() == Some(b'}')) {
            out.json.push_str(OWN);
        }
        let mut more = more.nodes().iter().peekable();
        let mut last: Option<PathElement> = None;
        while let Some((element, name)) = self.next_element()? {
            if last.is_some_and(|last| last >= element) {
                return Err(Malformed);
            }
            while let Some(node) = more.next_if(|node| node.element < element) {
                out.node(&node.element, node.member, &node.children);
            }
            out.comma();
            out.json.push_str(name);
            match more.next_if(|node| node.element == element) {
                Some(node) => self.unite(&node.children, node.member, false, out)?,
                None => self.copy_value(out)?,
            }
            self.end_element()?;
            last = Some(element);
        }
        for node in more {
            out.node(&node.element, node.member, &node.children);
        }
        out.json.push('}');
        Ok(())
    }

    /// Copies an object without the paths of `less`; `member` tells whether the path to it is one of them. Returns whether
    /// anything is left.
    fn take_away(&mut self, less: &Set, member: bool, top: bool, out: &mut Copied) -> Read<bool> {
        let own = self.begin(top)? && !member;
        out.json.push('{');
        let inside = out.json.len();
        if own {
            out.json.push_str(OWN);
        }
        let filled = out.json.len();
        while let Some((element, name)) = self.next_element()? {
            let start = out.json.len();
            out.comma();
            out.json.push_str(name);
            match less.lookup(&element) {
                None => self.copy_value(out)?,
                Some((member, below)) => {
                    if !self.take_away(below, member, false, out)? {
                        out.json.truncate(start);
                    }
                }
            }
            self.end_element()?;
        }
        let has_members = out.json.len() > filled;
        if !has_members {
            out.json.truncate(inside);
        }
        out.json.push('}');
        Ok(own || has_members)
    }

    /// The paths below an object that are in `other` too, and whether the path to it is in the text's set.
    fn shared(&mut self, other: &Set, top: bool) -> Read<(bool, Set)> {
        let own = self.begin(top)?;
        let mut shared = Set::new();
        while let Some((element, _)) = self.next_element()? {
            match other.lookup(&element) {
                None => self.skip()?,
                Some((member, below)) => {
                    let (own, children) = self.shared(below, false)?;
                    shared.push(element, own && member, children);
                }
            }
            self.end_element()?;
        }
        Ok((own, shared))
    }
}

impl Set {
    /// The text of the set that has the paths of this one and of `text`'s; `None` if that takes a closer look.
    pub(crate) fn united_with(&self, text: &str) -> Option<String> {
        let mut out = Copied::new(text);
        Cursor::whole(text, |cursor| cursor.unite(self, false, true, &mut out)).ok()?;
        Some(out.json)
    }

    /// The text of the set that has the paths of `text`'s but not those of this one; `None` if that takes a closer look.
    pub(crate) fn taken_from(&self, text: &str) -> Option<String> {
        let mut out = Copied::new(text);
        Cursor::whole(text, |cursor| cursor.take_away(self, false, true, &mut out)).ok()?;
        Some(out.json)
    }

    /// The paths of this set that are in `text`'s as well; `None` if that takes a closer look.
    pub(crate) fn shared_with(&self, text: &str) -> Option<Self> {
        Cursor::whole(text, |cursor| cursor.shared(self, true))
            .ok()
            .map(|(_, shared)| shared)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::any_set;
    use crate::apply::fieldset::{Below, PathElement, Set};

    fn set(text: &str) -> Set {
        Set::from_json(text).expect("a set")
    }

    #[test]
    fn a_path_comes_and_goes() {
        const OWNED: &str =
            r#"{"f:a":{".":{},"f:b":{}},"f:c":{"f:d":{}},"f:l":{"k:{\"p\":80}":{".":{},"f:p":{}},"k:{\"p\":443}":{}}}"#;
        for (path, with) in [
            (r#"{"f:a":{"f:a":{}}}"#, OWNED.replace(r#""f:b""#, r#""f:a":{},"f:b""#)),
            (
                r#"{"f:a":{"f:b":{"f:x":{}}}}"#,
                OWNED.replace(r#""f:b":{}"#, r#""f:b":{".":{},"f:x":{}}"#),
            ),
            (r#"{"f:c":{}}"#, OWNED.replace(r#""f:c":{"#, r#""f:c":{".":{},"#)),
            (r#"{"f:z":{"f:z":{}}}"#, OWNED.replace("}}}", r#"}},"f:z":{"f:z":{}}}"#)),
            (
                r#"{"f:l":{"k:{\"p\":90}":{}}}"#,
                OWNED.replace(r#""k:{\"p\":443}""#, r#""k:{\"p\":90}":{},"k:{\"p\":443}""#),
            ),
        ] {
            let path = set(path);
            assert_eq!(path.united_with(OWNED).as_deref(), Some(with.as_str()));
            assert_eq!(path.taken_from(&with).as_deref(), Some(OWNED));
            assert_eq!(path.shared_with(&with), Some(path.clone()));
            assert_eq!(path.shared_with(OWNED), Some(Set::new()));
        }
        assert_eq!(set(OWNED).taken_from(OWNED).as_deref(), Some("{}"));
        assert_eq!(Set::new().united_with("{}").as_deref(), Some("{}"));
        assert_eq!(set(OWNED).united_with("{}").as_deref(), Some(OWNED));
    }

    #[test]
    fn what_is_not_as_written_here_wants_a_closer_look() {
        let path = Set::from_paths([[PathElement::field("b")]]);
        for text in [
            "null",
            "{ }",
            r#"{"f:b":{},"f:a":{}}"#,
            r#"{"f:a":{},"f:a":{}}"#,
            r#"{"f:b":{"f:c":{},".":{}}}"#,
            r#"{"x:what":{}}"#,
            r#"{"f:a":{},}"#,
            r#"{"f:a":{}"#,
            r#"{"f:a":{}} "#,
            r#"{"f:a":1}"#,
            r#"{".":{}"f:a":{}}"#,
        ] {
            assert_eq!(path.united_with(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_is_that_of_the_changed_set(owned in any_set(), change in any_set()) {
            let text = owned.to_json();
            prop_assert_eq!(change.united_with(&text), Some(owned.union(&change).to_json()));
            prop_assert_eq!(change.taken_from(&text), Some(owned.clone().without(&change, Below::Stays).to_json()));
            prop_assert_eq!(change.shared_with(&text), Some(owned.intersection(&change)));
        }
    }
}
