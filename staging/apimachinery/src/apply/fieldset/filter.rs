//! Which changed fields count: what a strategy resets, or the few a subresource may set.

use super::{PathElement, Set, set::Below};

/// Decides which paths of a set are tracked.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Everything but these paths and what lies below them.
    Exclude(Set),
    /// Only what the pattern matches.
    Include(SetMatcher),
}

impl Filter {
    /// The part of `set` that is tracked.
    #[must_use]
    pub fn apply(&self, set: Set) -> Set {
        match self {
            Self::Exclude(excluded) => set.without(excluded, Below::Goes),
            Self::Include(matcher) => matcher.include(&set),
        }
    }
}

/// A pattern over paths.
#[derive(Clone, Debug)]
pub enum SetMatcher {
    /// Every path.
    Any,
    /// Paths whose first step matches one of the elements and whose rest matches its pattern.
    /// The first element that matches decides; wildcards come first.
    Members(Vec<(ElementMatcher, SetMatcher)>),
}

/// A pattern over one step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ElementMatcher {
    /// Any step.
    Any,
    /// This step.
    Element(PathElement),
}

impl From<PathElement> for ElementMatcher {
    fn from(element: PathElement) -> Self {
        Self::Element(element)
    }
}

impl From<&str> for ElementMatcher {
    fn from(name: &str) -> Self {
        Self::Element(PathElement::field(name))
    }
}

impl ElementMatcher {
    fn matches(&self, element: &PathElement) -> bool {
        match self {
            Self::Any => true,
            Self::Element(own) => own == element,
        }
    }
}

impl SetMatcher {
    /// Every path below this prefix.
    #[must_use]
    pub fn prefix(parts: &[ElementMatcher]) -> Self {
        parts
            .iter()
            .rev()
            .fold(Self::Any, |inner, part| Self::Members(vec![(part.clone(), inner)]))
    }

    /// What either pattern matches.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let (Self::Members(mut members), Self::Members(more)) = (self, other) else {
            return Self::Any;
        };
        for (element, pattern) in more {
            if let Some((_, own)) = members.iter_mut().find(|(e, _)| *e == element) {
                let taken = std::mem::replace(own, Self::Any);
                *own = taken.merge(pattern);
            } else {
                members.push((element, pattern));
            }
        }
        members.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Members(members)
    }

    fn include(&self, set: &Set) -> Set {
        let Self::Members(members) = self else {
            return set.clone();
        };
        set.rebuild(|node| match members.iter().find(|(e, _)| e.matches(&node.element)) {
            Some((_, pattern)) => (node.member, pattern.include(&node.children)),
            None => (false, Set::new()),
        })
    }
}
