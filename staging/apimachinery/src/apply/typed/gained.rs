//! What the first manager of an object gains, as text at once.
//!
//! A new object is compared with the empty one, nobody loses anything, and the set of what there is would be built only to be
//! written down. The text is the one that [`super::compare`] and [`Set::to_json`] lead to; where that takes more than one look
//! (values that do not fit, lists on both sides, patterns) there is none, and they have to be asked.

use k8s_api::tree::{Form, View};

use super::TypedRef;
use super::compare::{is_bare, same};
use super::shape::{ListShape, MapShape, Shape};
use crate::apply::fieldset::{PathElement, Set, write_field_key, write_key, write_text_key};

/// The `FieldsV1` text of what differs in `new` or is only there: without the paths of `unowned`, and without those of
/// `reset` and what lies below them. `None` does not mean that anything is wrong.
pub(crate) fn gained_json(
    old: View<'_>,
    new: View<'_>,
    ty: TypedRef<'_>,
    unowned: &Set,
    reset: Option<&Set>,
) -> Option<String> {
    let mut text = Text {
        json: String::with_capacity(2048),
        scratch: String::new(),
    };
    text.json.push('{');
    let left_out = LeftOut {
        paths: Some(unowned),
        trees: reset,
    };
    text.walk(old, new, ty, left_out)?;
    text.json.push('}');
    Some(text.json)
}

/// What is not written, at some place of the object.
#[derive(Clone, Copy)]
struct LeftOut<'s> {
    /// Single paths.
    paths: Option<&'s Set>,
    /// Paths with what lies below them.
    trees: Option<&'s Set>,
}

impl<'s> LeftOut<'s> {
    /// What is left out below `element`, and whether the path to it is; `None` if all of it is.
    fn at(self, element: &PathElement) -> Option<(bool, Self)> {
        let step = |set: Option<&'s Set>| set.and_then(|set| set.lookup(element));
        let below = |(_, children): (bool, &'s Set)| Some(children).filter(|set| !set.is_empty());
        let (paths, trees) = (step(self.paths), step(self.trees));
        if trees.is_some_and(|(member, _)| member) {
            return None;
        }
        let inner = Self {
            paths: paths.and_then(below),
            trees: trees.and_then(below),
        };
        Some((paths.is_some_and(|(member, _)| member), inner))
    }

    fn is_empty(self) -> bool {
        self.paths.is_none() && self.trees.is_none()
    }
}

/// The text so far: that of the open objects, each a `{` and the members that it has.
struct Text {
    json: String,
    scratch: String,
}

impl Text {
    /// Writes what is below two values; returns whether the path to them is itself gained.
    fn walk(&mut self, old: View<'_>, new: View<'_>, ty: TypedRef<'_>, left_out: LeftOut<'_>) -> Option<bool> {
        let shape = ty.shape_of(Some(new.form()));
        if !ty.shape_of(Some(old.form())).same_kind(&shape) {
            return None;
        }
        match shape {
            Shape::Scalar(kind) => (kind.fits(old.form()) || kind.fits(new.form())).then(|| !same(old, new)),
            Shape::List(list) => {
                if list.is_atomic() || (is_bare(old, Form::List) && is_bare(new, Form::List)) {
                    return Some(!same(old, new));
                }
                if !is_bare(old, Form::List) {
                    return None;
                }
                self.list(new, &list, left_out).map(|()| false)
            }
            Shape::Map(map) => {
                if map.atomic || (is_bare(old, Form::Object) && is_bare(new, Form::Object)) {
                    return Some(!same(old, new));
                }
                self.maps(old, new, &map, left_out).map(|()| false)
            }
        }
    }

    fn maps(&mut self, old: View<'_>, new: View<'_>, shape: &MapShape<'_>, left_out: LeftOut<'_>) -> Option<()> {
        let mut fields = shape.fields();
        let mut old = old.members().peekable();
        for (name, value) in new.members() {
            while old.next_if(|(other, _)| *other < name).is_some() {}
            let before = old.next_if(|(other, _)| *other == name).map(|(_, value)| value);
            if before == Some(value) {
                continue;
            }
            let ty = fields.member(name)?;
            self.field(name, left_out, |text, inner| match before {
                Some(before) => text.walk(before, value, ty, inner),
                None => text.all(value, ty, inner).map(|()| true),
            })?;
        }
        Some(())
    }

    /// Writes all that is below a value.
    fn all(&mut self, value: View<'_>, ty: TypedRef<'_>, left_out: LeftOut<'_>) -> Option<()> {
        match ty.shape_of(Some(value.form())) {
            Shape::List(list) if !list.is_atomic() => self.list(value, &list, left_out),
            Shape::Map(map) if !map.atomic => {
                let mut fields = map.fields();
                for (name, member) in value.members() {
                    let ty = fields.member(name)?;
                    self.field(name, left_out, |text, inner| text.all(member, ty, inner).map(|()| true))?;
                }
                Some(())
            }
            Shape::Scalar(_) | Shape::List(_) | Shape::Map(_) => Some(()),
        }
    }

    /// Writes the elements of a list that has none on the other side.
    fn list(&mut self, list: View<'_>, shape: &ListShape<'_>, left_out: LeftOut<'_>) -> Option<()> {
        // The most common lists by far, and no path of them is left out.
        if left_out.is_empty()
            && let Some((key, items)) = shape.text_keys(list)
        {
            return self.elements(
                items,
                |text, name| {
                    write_text_key(key, name, &mut text.scratch, &mut text.json);
                    Some((false, left_out))
                },
                shape.element,
            );
        }
        let items = list.elements().map(|item| Some((shape.element_of(item).ok()?, item)));
        let items = items.collect::<Option<Vec<_>>>()?;
        self.elements(
            items,
            |text, element| {
                let found = left_out.at(element)?;
                write_key(element, &mut text.scratch, &mut text.json);
                Some(found)
            },
            shape.element,
        )
    }

    /// Writes elements in the order of their names. `write_name` writes one and tells what is left out there; `None` if
    /// all of it is.
    fn elements<'l, N: Ord>(
        &mut self,
        mut items: Vec<(N, View<'_>)>,
        write_name: impl Fn(&mut Self, &N) -> Option<(bool, LeftOut<'l>)>,
        ty: TypedRef<'_>,
    ) -> Option<()> {
        items.sort_by(|(l, _), (r, _)| l.cmp(r));
        let mut rest = items.into_iter().peekable();
        while let Some((name, item)) = rest.next() {
            let mut repeated = false;
            while rest.next_if(|(next, _)| *next == name).is_some() {
                repeated = true;
            }
            let start = self.json.len();
            self.comma();
            let Some((unowned, inner)) = write_name(self, &name) else {
                self.json.truncate(start);
                continue;
            };
            self.below(start, unowned, |text| {
                if !repeated {
                    text.all(item, ty, inner)?;
                }
                Some(true)
            })?;
        }
        Some(())
    }

    /// Writes a member of an object and what `fill` writes below it, which returns whether the member itself is gained.
    fn field(
        &mut self,
        name: &str,
        left_out: LeftOut<'_>,
        fill: impl FnOnce(&mut Self, LeftOut<'_>) -> Option<bool>,
    ) -> Option<()> {
        let (unowned, inner) = match left_out.is_empty() {
            true => (false, left_out),
            false => match left_out.at(&PathElement::field(name)) {
                Some(found) => found,
                None => return Some(()),
            },
        };
        let start = self.json.len();
        self.comma();
        write_field_key(name, &mut self.scratch, &mut self.json);
        self.below(start, unowned, |text| fill(text, inner))
    }

    /// Writes what is below the key that begins at `start`, and takes the key back if there is nothing to it.
    fn below(&mut self, start: usize, unowned: bool, fill: impl FnOnce(&mut Self) -> Option<bool>) -> Option<()> {
        const OWN: &str = "\".\":{}";
        self.json.push('{');
        let inside = self.json.len();
        // Whether it is needed is only known behind what follows it.
        self.json.push_str(OWN);
        let filled = self.json.len();
        let own = fill(self)? && !unowned;
        match (own, self.json.len() > filled) {
            (true, true) => self.json.push('}'),
            (true, false) => {
                self.json.truncate(inside);
                self.json.push('}');
            }
            (false, true) => {
                // The comma behind it goes as well.
                self.json.replace_range(inside..=filled, "");
                self.json.push('}');
            }
            (false, false) => self.json.truncate(start),
        }
        Some(())
    }

    fn comma(&mut self) {
        if !self.json.ends_with('{') {
            self.json.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_api::tree::Tree;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::gained_json;
    use crate::apply::fieldset::{Below, PathElement, Set};
    use crate::apply::test_schema::widget;
    use crate::apply::typed::tests::any_spec;
    use crate::apply::typed::{TypedRef, compare, zero_value};

    fn paths(paths: &[&[&str]]) -> Set {
        Set::from_paths(
            paths
                .iter()
                .map(|path| path.iter().map(|&name| PathElement::field(name)).collect::<Vec<_>>()),
        )
    }

    fn unowned() -> Set {
        paths(&[&["kind"], &["metadata"], &["metadata", "name"], &["metadata", "labels"]])
    }

    /// The text at once, and the one of the sets.
    fn both(new: &Value, reset: &Set) -> (Option<String>, Option<String>) {
        let ty = TypedRef::Schema(widget());
        let (old, new) = (Tree::from(&zero_value(widget())), Tree::from(new));
        let at_once = gained_json(old.root(), new.root(), ty, &unowned(), Some(reset));
        let compared = compare(old.root(), new.root(), ty).ok().map(|comparison| {
            let set = comparison.modified.union(&comparison.added);
            set.without(reset, Below::Goes)
                .without(&unowned(), Below::Stays)
                .to_json()
        });
        (at_once, compared)
    }

    #[test]
    fn the_text_is_that_of_the_sets() {
        let reset = paths(&[&["status"], &["spec", "strategy", "rollingUpdate"]]);
        let table = [
            (
                json!({"kind": "Widget", "metadata": {"name": "a"}, "status": {"phase": "x"}}),
                "{}",
            ),
            (
                json!({"metadata": {"labels": {"b": "1", "a\"": "2"}, "finalizers": ["y", "x", "y"]}}),
                r#"{"f:metadata":{"f:finalizers":{".":{},"v:\"x\"":{},"v:\"y\"":{}},"f:labels":{"f:a\"":{},"f:b":{}}}}"#,
            ),
            (json!({"metadata": {"labels": {}}}), "{}"),
            (
                json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "strategy": {"rollingUpdate": {"maxSurge": 1}}}}),
                r#"{"f:spec":{"f:selector":{}}}"#,
            ),
            (
                json!({"spec": {"containers": [{"name": "b", "ports": [{"containerPort": 443}, {"containerPort": 80}]},
                    {"name": "a", "image": "1"}, {"name": "a", "image": "2"}]}, "data": {"k": "v"}}),
                concat!(
                    r#"{"f:data":{".":{},"f:k":{}},"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{},"k:{\"name\":\"b\"}":{".":{},"#,
                    r#""f:name":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}},"#,
                    r#""k:{\"containerPort\":443,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}"#
                ),
            ),
            (
                json!({"spec": {"config": {"a": {"b": [1]}, "e": {}}, "matrix": [["x"]], "volumes": []}}),
                r#"{"f:spec":{"f:config":{".":{},"f:a":{".":{},"f:b":{}},"f:e":{}},"f:matrix":{},"f:volumes":{}}}"#,
            ),
        ];
        for (new, expected) in table {
            let (at_once, compared) = both(&new, &reset);
            assert_eq!(at_once.as_deref(), Some(expected), "{new}");
            assert_eq!(at_once, compared, "{new}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_comparison() {
        for new in [
            json!({"datum": 1}),
            json!({"spec": {"containers": [{"image": "x"}]}}),
            json!({"spec": {"unknown": {"a": 1}}}),
            json!({"metadata": {"finalizers": [null]}}),
        ] {
            let (at_once, compared) = both(&new, &Set::new());
            assert_eq!(at_once, None, "{new}");
            assert_eq!(compared, None, "{new}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_object(spec in any_spec(), labels in prop::collection::btree_map("[ab<\"é]", "x", 0..3)) {
            let new = json!({"metadata": {"name": "n", "labels": labels}, "spec": spec, "status": {"ready": 1}});
            for reset in [Set::new(), paths(&[&["status"]]), paths(&[&["spec", "containers"]])] {
                let (at_once, compared) = both(&new, &reset);
                prop_assert!(at_once.is_some());
                prop_assert_eq!(at_once, compared);
            }
        }
    }
}
