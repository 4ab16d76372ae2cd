//! The set of paths as a sorted trie.

use std::cmp::Ordering;

use super::{Path, PathElement, display_path};

/// What becomes of the paths below one that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// They stay.
    Stays,
    /// They go with it.
    Goes,
}

/// A set of field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    nodes: Vec<Node>,
}

/// A step of at least one path. Invariant: it is a member or it has children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) element: PathElement,
    /// Whether the path that ends here belongs to the set.
    pub(crate) member: bool,
    pub(crate) children: Set,
}

impl Set {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of these paths.
    pub fn from_paths<P: AsRef<[PathElement]>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(path.as_ref());
        }
        set
    }

    /// Whether no path belongs to the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of paths.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes
            .iter()
            .map(|n| usize::from(n.member) + n.children.len())
            .sum()
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn position(&self, element: &PathElement) -> Result<usize, usize> {
        self.nodes.binary_search_by(|n| n.element.cmp(element))
    }

    /// Adds a path; the empty path is never a member.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let index = match self.position(first) {
            Ok(index) => index,
            Err(index) => {
                let node = Node {
                    element: first.clone(),
                    member: false,
                    children: Self::default(),
                };
                self.nodes.insert(index, node);
                index
            }
        };
        if rest.is_empty() {
            self.nodes[index].member = true;
        } else {
            self.nodes[index].children.insert(rest);
        }
    }

    /// Makes room for so many more nodes at the top.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.nodes.reserve_exact(more);
    }

    /// Adds a node with its subtree; cheap when nodes come in order. A node that is neither a
    /// member nor has children is dropped, one that exists is united with.
    pub(crate) fn push(&mut self, element: PathElement, member: bool, children: Self) {
        if !member && children.is_empty() {
            return;
        }
        if self.nodes.last().is_none_or(|last| last.element < element) {
            self.nodes.push(Node {
                element,
                member,
                children,
            });
            return;
        }
        match self.position(&element) {
            Ok(index) => {
                let node = &mut self.nodes[index];
                node.member |= member;
                node.children = if node.children.is_empty() {
                    children
                } else {
                    node.children.union(&children)
                };
            }
            Err(index) => self.nodes.insert(
                index,
                Node {
                    element,
                    member,
                    children,
                },
            ),
        }
    }

    /// Whether the path is a member.
    #[must_use]
    pub fn has(&self, path: &[PathElement]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return false;
        };
        self.position(first).is_ok_and(|i| {
            let node = &self.nodes[i];
            if rest.is_empty() {
                node.member
            } else {
                node.children.has(rest)
            }
        })
    }

    /// Whether `element` itself is a member, and the paths below it.
    pub(crate) fn lookup(&self, element: &PathElement) -> Option<(bool, &Self)> {
        self.position(element)
            .ok()
            .map(|i| (self.nodes[i].member, &self.nodes[i].children))
    }

    /// The paths below `element`, without it; empty if there are none.
    #[must_use]
    pub fn with_prefix(&self, element: &PathElement) -> Self {
        self.lookup(element)
            .map(|(_, children)| children.clone())
            .unwrap_or_default()
    }

    /// Removes one path, not what lies below it.
    pub fn remove(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let Ok(index) = self.position(first) else { return };
        let node = &mut self.nodes[index];
        if rest.is_empty() {
            node.member = false;
        } else {
            node.children.remove(rest);
        }
        if !node.member && node.children.is_empty() {
            self.nodes.remove(index);
        }
    }

    /// Walks both sorted node lists; the callback sees the left node, the right one, or both.
    fn zip<'a>(&'a self, other: &'a Self, mut visit: impl FnMut(Option<&'a Node>, Option<&'a Node>)) {
        let (mut i, mut j) = (0, 0);
        while i < self.nodes.len() || j < other.nodes.len() {
            let order = match (self.nodes.get(i), other.nodes.get(j)) {
                (Some(l), Some(r)) => l.element.cmp(&r.element),
                (Some(_), None) => Ordering::Less,
                _ => Ordering::Greater,
            };
            let left = order.is_le().then(|| &self.nodes[i]);
            let right = order.is_ge().then(|| &other.nodes[j]);
            i += usize::from(left.is_some());
            j += usize::from(right.is_some());
            visit(left, right);
        }
    }

    /// Paths of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        let mut nodes = Vec::with_capacity(self.nodes.len().max(other.nodes.len()));
        self.zip(other, |left, right| match (left, right) {
            (Some(l), Some(r)) => nodes.push(Node {
                element: l.element.clone(),
                member: l.member || r.member,
                children: l.children.union(&r.children),
            }),
            (Some(node), None) | (None, Some(node)) => nodes.push(node.clone()),
            (None, None) => {}
        });
        Self { nodes }
    }

    /// Paths of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::default();
        self.zip(other, |left, right| {
            if let (Some(l), Some(r)) = (left, right) {
                let (member, children) = (l.member && r.member, l.children.intersection(&r.children));
                if member || !children.is_empty() {
                    out.nodes.push(Node {
                        element: l.element.clone(),
                        member,
                        children,
                    });
                }
            }
        });
        out
    }

    /// Paths of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.subtract(other, false)
    }

    /// Paths of this set that are neither in `other` nor below one of its paths.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        self.subtract(other, true)
    }

    fn subtract(&self, other: &Self, recursive: bool) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let mut out = Self::default();
        self.zip(other, |left, right| match (left, right) {
            (Some(node), None) => out.nodes.push(node.clone()),
            (Some(l), Some(r)) => {
                if recursive && r.member {
                    return;
                }
                let (member, children) = (l.member && !r.member, l.children.subtract(&r.children, recursive));
                if member || !children.is_empty() {
                    out.nodes.push(Node {
                        element: l.element.clone(),
                        member,
                        children,
                    });
                }
            }
            _ => {}
        });
        out
    }

    /// This set without the paths of `other`; what stays is not copied.
    #[must_use]
    pub(crate) fn without(mut self, other: &Self, below: Below) -> Self {
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.retain_mut(|node| {
            while theirs.next_if(|their| their.element < node.element).is_some() {}
            let Some(their) = theirs.next_if(|their| their.element == node.element) else {
                return true;
            };
            if their.member && below == Below::Goes {
                return false;
            }
            node.member &= !their.member;
            node.children = std::mem::take(&mut node.children).without(&their.children, below);
            node.member || !node.children.is_empty()
        });
        self
    }

    /// Whether every path of `other` is in this set.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.nodes.iter().all(|node| {
            self.lookup(&node.element)
                .is_some_and(|(member, children)| (member || !node.member) && children.contains_all(&node.children))
        })
    }

    /// Whether a path of `changes` is in the set or lies on the way to one of its paths.
    pub(crate) fn touches(&self, changes: &Self) -> bool {
        changes.nodes.iter().any(|node| {
            self.lookup(&node.element)
                .is_some_and(|(_, children)| node.member || children.touches(&node.children))
        })
    }

    /// The members below which there is no other member.
    #[must_use]
    pub fn leaves(&self) -> Self {
        let leaf = |node: &Node| Node {
            element: node.element.clone(),
            member: node.member && node.children.is_empty(),
            children: node.children.leaves(),
        };
        Self {
            nodes: self.nodes.iter().map(leaf).collect(),
        }
    }

    /// Rebuilds the set, children first: `keep` sees each element and may change its membership
    /// and its children.
    pub(crate) fn rebuild(&self, mut keep: impl FnMut(&Node) -> (bool, Self)) -> Self {
        let mut out = Self {
            nodes: Vec::with_capacity(self.nodes.len()),
        };
        for node in &self.nodes {
            let (member, children) = keep(node);
            if member || !children.is_empty() {
                out.nodes.push(Node {
                    element: node.element.clone(),
                    member,
                    children,
                });
            }
        }
        out
    }

    /// Calls `visit` for every path: at each level the members first, then what lies below them.
    pub fn for_each(&self, mut visit: impl FnMut(&[PathElement])) {
        self.walk(&mut Vec::new(), &mut visit);
    }

    fn walk(&self, prefix: &mut Path, visit: &mut impl FnMut(&[PathElement])) {
        for node in self.nodes.iter().filter(|n| n.member) {
            prefix.push(node.element.clone());
            visit(prefix);
            prefix.pop();
        }
        for node in self.nodes.iter().filter(|n| !n.children.is_empty()) {
            prefix.push(node.element.clone());
            node.children.walk(prefix, visit);
            prefix.pop();
        }
    }

    /// All paths, in the order of [`Set::for_each`].
    #[must_use]
    pub fn paths(&self) -> Vec<Path> {
        let mut out = Vec::new();
        self.for_each(|path| out.push(path.to_vec()));
        out
    }
}

impl std::fmt::Display for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<_> = self.paths().iter().map(|p| display_path(p)).collect();
        f.write_str(&lines.join("\n"))
    }
}
