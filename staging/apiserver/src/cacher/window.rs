//! The recent events of a resource, so that watches resume without asking the store.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::{CachedObject, EncodingId, StoredCodec};

/// Events younger than this are kept, within the bounds below.
const FRESH: Duration = Duration::from_secs(75);
/// Fewest events kept.
const LOWER_BOUND: usize = 100;
/// Most events kept.
const UPPER_BOUND: usize = 102_400;

/// Bytes of superseded states kept; of what goes beyond, only the fewest events.
const SUPERSEDED_BYTES: usize = 32 << 20;

/// Of how many of the newest events the frames are kept: watchers have most likely been told of older ones.
const FRAMED: usize = 100;

/// What happened to an object, as one watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// It came into view.
    Added,
    /// It changed.
    Modified,
    /// It went, or went out of view.
    Deleted,
    /// Nothing happened up to this revision.
    Bookmark,
    /// The watch cannot go on.
    Error,
}

impl EventType {
    /// The `type` on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

/// One change of one object, shared by all watchers.
#[derive(Debug)]
pub struct Event {
    /// The revision of the change.
    pub revision: u64,
    /// The state after the change; `None` for a deletion.
    pub object: Option<Arc<CachedObject>>,
    /// The state before the change; `None` for a creation.
    pub previous: Option<Arc<CachedObject>>,
    /// `previous` with the change's resource version: what a deletion shows.
    gone: OnceLock<Arc<CachedObject>>,
    received: Instant,
    frames: Mutex<SmallVec<[Frame; 1]>>,
}

/// A frame that watchers share.
#[derive(Debug)]
struct Frame {
    kind: EventType,
    /// `None` for the stored JSON.
    encoding: Option<EncodingId>,
    bytes: Bytes,
}

impl Event {
    /// A change that was seen now.
    #[must_use]
    pub fn new(revision: u64, object: Option<Arc<CachedObject>>, previous: Option<Arc<CachedObject>>) -> Self {
        Self {
            revision,
            object,
            previous,
            gone: OnceLock::new(),
            received: Instant::now(),
            frames: Mutex::default(),
        }
    }

    /// Bytes of the state that this event took out of use.
    fn superseded(&self) -> usize {
        self.previous.as_ref().map_or(0, |previous| previous.json.len())
    }

    /// The key of the object.
    #[must_use]
    pub fn key(&self) -> Option<&Arc<str>> {
        self.object
            .as_ref()
            .or(self.previous.as_ref())
            .map(|object| &object.key)
    }

    /// The JSON frame of this event as `kind`, shared by all watchers.
    ///
    /// # Panics
    /// If the event has no object for that type; [`super::Predicate::event_type`] never yields such a type.
    #[must_use]
    pub fn json_frame(&self, kind: EventType) -> Bytes {
        let built = self.kept_or(kind, None, || {
            Ok::<_, Infallible>(match (kind, &self.previous) {
                // Without an object of its own, that nobody else may ask for.
                (EventType::Deleted, Some(previous)) if self.gone.get().is_none() => {
                    json_frame(kind, &StoredCodec::json_of_revision(previous, self.revision))
                }
                _ => json_frame(kind, &self.object_for(kind).json),
            })
        });
        let Ok(bytes) = built;
        bytes
    }

    /// A frame in another encoding, shared by all watchers that ask for it.
    ///
    /// # Errors
    /// That of `encode`.
    pub fn frame<E>(
        &self,
        kind: EventType,
        id: EncodingId,
        encode: impl FnOnce(&CachedObject) -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        self.kept_or(kind, Some(id), || encode(self.object_for(kind)))
    }

    /// A frame as it is kept, or as `build` makes it.
    fn kept_or<E>(
        &self,
        kind: EventType,
        encoding: Option<EncodingId>,
        build: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let is_it = |frame: &&Frame| frame.kind == kind && frame.encoding == encoding;
        if let Some(frame) = self.frames.lock().iter().find(is_it) {
            return Ok(frame.bytes.clone());
        }
        // Built outside the lock: two may do the work, none waits for the other.
        let bytes = build()?;
        let mut frames = self.frames.lock();
        if !frames.iter().any(|frame| is_it(&frame)) {
            frames.push(Frame {
                kind,
                encoding,
                bytes: bytes.clone(),
            });
        }
        Ok(bytes)
    }

    /// Lets go of the frames: whoever still asks for one makes it anew.
    fn forget_frames(&self) {
        *self.frames.lock() = SmallVec::new();
    }

    /// The object that a watcher is shown with this type.
    ///
    /// # Panics
    /// See [`Event::json_frame`].
    #[must_use]
    pub fn object_for(&self, kind: EventType) -> &Arc<CachedObject> {
        const HAS_STATE: &str = "an event type is derived from the states that the event has";
        if kind != EventType::Deleted {
            return self.object.as_ref().expect(HAS_STATE);
        }
        let previous = self.previous.as_ref().expect(HAS_STATE);
        self.gone
            .get_or_init(|| StoredCodec::with_revision(previous, self.revision))
    }
}

/// `{"type":…,"object":…}` and a line feed.
#[must_use]
pub fn json_frame(kind: EventType, object: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(object.len() + 32);
    frame.extend_from_slice(b"{\"type\":\"");
    frame.extend_from_slice(kind.as_str().as_bytes());
    frame.extend_from_slice(b"\",\"object\":");
    frame.extend_from_slice(object);
    frame.extend_from_slice(b"}\n");
    frame.into()
}

/// The recent events in order, and the revision behind which they are complete.
#[derive(Debug)]
pub(crate) struct Window {
    events: VecDeque<Arc<Event>>,
    /// Every event after this revision is in `events`.
    complete_after: u64,
    /// Bytes that nothing but `events` holds in memory.
    superseded: usize,
}

impl Window {
    /// A window that begins behind `revision`.
    pub(crate) fn new(revision: u64) -> Self {
        Self {
            events: VecDeque::new(),
            complete_after: revision,
            superseded: 0,
        }
    }

    pub(crate) fn push(&mut self, event: Arc<Event>) {
        self.superseded += event.superseded();
        self.events.push_back(event);
        if let Some(old) = self.events.len().checked_sub(FRAMED + 1) {
            self.events[old].forget_frames();
        }
        self.trim();
    }

    /// Number of events.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Lets go of events that are too old or too many.
    pub(crate) fn trim(&mut self) {
        while self.events.len() > LOWER_BOUND {
            let old = &self.events[0];
            let few = self.events.len() <= UPPER_BOUND && self.superseded <= SUPERSEDED_BYTES;
            if few && old.received.elapsed() < FRESH {
                return;
            }
            self.complete_after = old.revision;
            self.superseded -= old.superseded();
            self.events.pop_front();
        }
    }

    /// The events after `revision`; `Err` with the oldest revision to resume from if some are gone.
    pub(crate) fn since(&self, revision: u64) -> Result<impl Iterator<Item = &Arc<Event>>, u64> {
        if revision < self.complete_after {
            return Err(self.complete_after);
        }
        let first = self.events.partition_point(|event| event.revision <= revision);
        Ok(self.events.range(first..))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{CachedObject, Event, EventType, FRAMED, LOWER_BOUND, SUPERSEDED_BYTES, UPPER_BOUND, Window};

    #[test]
    fn keeps_fresh_events_up_to_the_upper_bound() {
        let mut window = Window::new(10);
        for revision in 0..(UPPER_BOUND as u64 + 5) {
            window.push(Arc::new(Event::new(11 + revision, None, None)));
        }
        assert_eq!(window.events.len(), UPPER_BOUND);
        assert_eq!(window.since(14).err(), Some(15));
        assert_eq!(
            window.since(15).expect("complete").next().expect("an event").revision,
            16
        );
        let newest = 10 + UPPER_BOUND as u64 + 5;
        assert_eq!(window.since(newest).expect("complete").count(), 0);
        const { assert!(LOWER_BOUND < UPPER_BOUND) };
    }

    #[test]
    fn large_superseded_states_are_kept_up_to_a_bound() {
        let state = || {
            let json = vec![b' '; SUPERSEDED_BYTES / 200].into();
            Arc::new(CachedObject::new("n".into(), 1, json, Box::default(), Box::default()))
        };
        let mut window = Window::new(0);
        for revision in 1..=300 {
            window.push(Arc::new(Event::new(revision, Some(state()), Some(state()))));
        }
        assert_eq!(window.events.len(), 200);
        assert_eq!(window.since(99).err(), Some(100));
        for revision in 301..=600 {
            window.push(Arc::new(Event::new(revision, Some(state()), None)));
        }
        assert_eq!(window.events.len(), 500, "new states are held by the snapshot as well");
    }

    #[test]
    fn frames_are_shared_while_they_are_new() {
        let object = |revision| {
            let json = format!(r#"{{"metadata":{{"resourceVersion":"{revision}","name":"n"}}}}"#);
            Arc::new(CachedObject::new(
                "n".into(),
                revision,
                json.into(),
                Box::default(),
                Box::default(),
            ))
        };
        let event = Arc::new(Event::new(8, None, Some(object(7))));
        let frame = event.json_frame(EventType::Deleted);
        let expected = r#"{"type":"DELETED","object":{"metadata":{"resourceVersion":"8","name":"n"}}}"#;
        assert_eq!(frame, format!("{expected}\n"));
        assert!(event.gone.get().is_none(), "the frame needs no object");
        assert_eq!(event.object_for(EventType::Deleted).resource_version, 8);
        assert_eq!(event.json_frame(EventType::Deleted).as_ptr(), frame.as_ptr());

        let mut window = Window::new(7);
        window.push(event.clone());
        for revision in 9..9 + FRAMED as u64 {
            assert_eq!(event.frames.lock().len(), 1);
            window.push(Arc::new(Event::new(revision, Some(object(revision)), None)));
        }
        assert!(event.frames.lock().is_empty());
        assert_eq!(event.json_frame(EventType::Deleted), frame, "it is made anew");
    }

    #[test]
    fn knows_where_it_begins() {
        let window = Window::new(10);
        assert_eq!(window.since(9).err(), Some(10));
        assert_eq!(window.since(10).expect("complete").count(), 0);
    }
}
