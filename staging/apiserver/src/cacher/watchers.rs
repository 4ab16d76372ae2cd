//! Who is watching, grouped by what they can possibly see, so that an event costs those that it concerns.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::mpsc;

use super::{CachedObject, Event, Predicate};

/// Events that a watcher may lag behind before it is ended.
pub(crate) const QUEUE: usize = 1_000;

/// What a watcher's queue carries.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// Something happened to an object that may concern the watcher.
    Event(Arc<Event>),
    /// Everything up to the revision has been queued.
    Progress(u64),
}

/// The narrowest exact requirement of a watcher's predicate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// Sees every object.
    All,
    /// Sees one namespace.
    Namespace(Box<str>),
    /// Sees one object, by relative key.
    Object(Box<str>),
    /// Sees the objects whose indexed field has this value.
    Field(usize, Box<str>),
}

impl Group {
    fn of(predicate: &Predicate) -> Self {
        if let Some((field, value)) = predicate.exact_indexed_field() {
            return Self::Field(field, value.into());
        }
        let namespace = predicate.namespace();
        match predicate.exact_name() {
            Some(name) if !predicate.namespaced() => return Self::Object(name.into()),
            Some(name) if !namespace.is_empty() => return Self::Object(format!("{namespace}/{name}").into()),
            _ => {}
        }
        if namespace.is_empty() {
            Self::All
        } else {
            Self::Namespace(namespace.into())
        }
    }
}

#[derive(Debug)]
struct Watcher {
    queue: mpsc::Sender<Item>,
    bookmarks: bool,
    overflowed: Arc<AtomicBool>,
}

impl Watcher {
    /// Queues an item; `false` if the watch has ended, or ends because it is too slow.
    fn send(&self, item: &Item) -> bool {
        match self.queue.try_send(item.clone()) {
            Ok(()) => true,
            // A bookmark that finds the queue full is of no use to its watcher.
            Err(mpsc::error::TrySendError::Full(Item::Progress(_))) => true,
            Err(mpsc::error::TrySendError::Full(Item::Event(_))) => {
                self.overflowed.store(true, Ordering::Release);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

/// What it was to tell watchers of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many they concerned.
    pub(crate) watchers: usize,
    /// How many events these got, all in all.
    pub(crate) deliveries: usize,
}

/// The running watches of one resource.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    groups: HashMap<Group, HashMap<u64, Watcher>>,
    next: u64,
}

/// The receiving end of a registered watch.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) queue: mpsc::Receiver<Item>,
    /// Set when the queue overflowed: what is still in it is complete, nothing follows.
    pub(crate) overflowed: Arc<AtomicBool>,
}

impl Watchers {
    /// Adds a watcher; it sees what is pushed from now on.
    pub(crate) fn register(&mut self, predicate: &Predicate, bookmarks: bool) -> Registration {
        let (sender, queue) = mpsc::channel(QUEUE);
        let overflowed = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            queue: sender,
            bookmarks,
            overflowed: overflowed.clone(),
        };
        self.next += 1;
        self.groups
            .entry(Group::of(predicate))
            .or_default()
            .insert(self.next, watcher);
        Registration { queue, overflowed }
    }

    /// Hands events, in their order, to everyone they may concern: a watcher gets all of its own before the next one is
    /// woken, so that they travel together.
    pub(crate) fn push(&mut self, events: &[Arc<Event>], indexed_fields: &[usize]) -> Told {
        let mut concerned: Vec<(Group, Vec<Item>)> = Vec::new();
        for event in events {
            for group in groups_of(event, indexed_fields) {
                if !self.groups.contains_key(&group) {
                    continue;
                }
                let item = Item::Event(event.clone());
                match concerned.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, items)) => items.push(item),
                    None => concerned.push((group, vec![item])),
                }
            }
        }
        let mut told = Told::default();
        for (group, items) in concerned {
            let watchers = self.groups.get(&group).map_or(0, HashMap::len);
            told.watchers += watchers;
            told.deliveries += watchers * items.len();
            self.send(&group, &items, |_| true);
        }
        told
    }

    /// Tells everyone who wants bookmarks how far the cache is.
    pub(crate) fn progress(&mut self, revision: u64) {
        let groups: Vec<Group> = self.groups.keys().cloned().collect();
        for group in groups {
            self.send(&group, &[Item::Progress(revision)], |watcher| watcher.bookmarks);
        }
    }

    fn send(&mut self, group: &Group, items: &[Item], wanted: impl Fn(&Watcher) -> bool) {
        let Some(watchers) = self.groups.get_mut(group) else {
            return;
        };
        watchers.retain(|_, watcher| match wanted(watcher) {
            true => items.iter().all(|item| watcher.send(item)),
            false => !watcher.queue.is_closed(),
        });
        if watchers.is_empty() {
            self.groups.remove(group);
        }
    }

    /// Ends every watch.
    pub(crate) fn clear(&mut self) {
        self.groups.clear();
    }

    /// Number of running watches, ended ones that no event has met yet included.
    pub(crate) fn len(&self) -> usize {
        self.groups.values().map(HashMap::len).sum()
    }
}

/// The groups whose watchers may see the event, each once.
fn groups_of(event: &Event, indexed_fields: &[usize]) -> Vec<Group> {
    let mut groups = vec![Group::All];
    let mut add = |group: Group| {
        if !groups.contains(&group) {
            groups.push(group);
        }
    };
    let states = event.object.iter().chain(&event.previous);
    for object in states.map(Arc::as_ref) {
        let object: &CachedObject = object;
        if !object.namespace().is_empty() {
            add(Group::Namespace(object.namespace().into()));
        }
        add(Group::Object(object.key.as_ref().into()));
        for &field in indexed_fields {
            if let Some(value) = object.fields.get(field) {
                add(Group::Field(field, value.clone()));
            }
        }
    }
    groups
}
