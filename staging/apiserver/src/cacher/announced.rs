//! What this server is writing: whichever of the writer and the cache is first to know the revision makes the object, for both.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{CachedObject, Cacher, DecodeError, Selected, StoredCodec};

/// A value that is about to be in the store.
struct Write {
    key: Arc<str>,
    value: Bytes,
    selected: Mutex<Option<Selected>>,
    object: OnceLock<Arc<CachedObject>>,
}

impl Write {
    /// Whether this is what the store has. On this machine it has the same bytes, and not only equal ones.
    fn is_of(&self, value: &[u8]) -> bool {
        std::ptr::eq(&raw const *self.value, value) || self.value == value
    }

    /// The object, if it is the one of this revision.
    fn object(&self, codec: &StoredCodec, revision: u64) -> Option<Arc<CachedObject>> {
        if self.object.get().is_none() {
            // One of the two gets it; the other finds the object, or decodes the value.
            let selected = self.selected.lock().take()?;
            let object = codec.join(&self.key, &self.value, selected, revision).ok()?;
            let _ = self.object.set(Arc::new(object));
        }
        let object = self.object.get()?;
        (object.resource_version == revision).then(|| object.clone())
    }
}

/// The writes under way, and those that the cache has not seen yet.
#[derive(Default)]
pub(super) struct Announcements(Mutex<HashMap<Arc<str>, Arc<Write>>>);

impl Announcements {
    /// The object that a value of the store is, if this server wrote it.
    pub(super) fn take(
        &self,
        codec: &StoredCodec,
        key: &str,
        value: &[u8],
        revision: u64,
    ) -> Option<Arc<CachedObject>> {
        let write = {
            let mut writes = self.0.lock();
            // Another one's value may come before ours does, or instead of it.
            if !writes.get(key)?.is_of(value) {
                return None;
            }
            writes.remove(key)?
        };
        write.object(codec, revision)
    }

    /// Forgets what a list at `revision` has shown already.
    pub(super) fn forget_until(&self, revision: u64) {
        let is_newer = |write: &Write| {
            let object = write.object.get();
            object.is_none_or(|object| object.resource_version > revision)
        };
        self.0.lock().retain(|_, write| is_newer(write));
    }

    fn forget(&self, write: &Arc<Write>) {
        let mut writes = self.0.lock();
        if writes.get(&write.key).is_some_and(|known| Arc::ptr_eq(known, write)) {
            writes.remove(&write.key);
        }
    }
}

/// A write of this server, from before it is sent to the store until its revision is known.
#[must_use]
pub struct Announced {
    cacher: Arc<Cacher>,
    write: Arc<Write>,
    /// The cache is still to see it.
    succeeded: bool,
}

impl Cacher {
    /// Announces that `value`, of which selectors see `selected`, is about to be written under a relative key.
    pub fn announce(self: &Arc<Self>, key: &str, value: Bytes, selected: Selected) -> Announced {
        let write = Arc::new(Write {
            key: key.into(),
            value,
            selected: Mutex::new(Some(selected)),
            object: OnceLock::new(),
        });
        self.announced.0.lock().insert(write.key.clone(), write.clone());
        Announced {
            cacher: self.clone(),
            write,
            succeeded: false,
        }
    }
}

impl Announced {
    /// The object as it was written at `revision`.
    ///
    /// # Errors
    /// If the value is no object of the resource.
    pub fn written(mut self, revision: u64) -> Result<Arc<CachedObject>, DecodeError> {
        let cacher = self.cacher.clone();
        cacher.note_written(revision);
        let codec = cacher.codec();
        let object = match self.write.object(codec, revision) {
            Some(object) => object,
            None => match cacher.get(&self.write.key) {
                Some(cached) if cached.resource_version == revision => cached,
                _ => Arc::new(codec.decode(&self.write.key, &self.write.value, revision)?),
            },
        };
        // A list may have gone past it, then no event tells of it.
        self.succeeded = *cacher.revision.borrow() < revision;
        Ok(object)
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if !self.succeeded {
            self.cacher.announced.forget(&self.write);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apiserver_storage::embedded::{Embedded, EmbeddedOptions};
    use bytes::Bytes;

    use super::{Announced, Cacher, Selected, StoredCodec};
    use crate::cacher::CacherConfig;

    const VALUE: &[u8] = br#"{"kind":"Thing","apiVersion":"v1","metadata":{"name":"a","labels":{"l":"1"}}}"#;

    fn cacher(directory: &tempfile::TempDir) -> Arc<Cacher> {
        let storage = Embedded::open(directory.path(), EmbeddedOptions::default()).expect("a store");
        let codec = StoredCodec::new("v1", "Thing", vec![], Box::new(|_| Err("foreign".to_owned())));
        let config = CacherConfig {
            prefix: "/registry/things/".to_owned(),
            resource: "things".to_owned(),
            codec: Arc::new(codec),
            indexed_fields: vec![],
        };
        Cacher::new(Arc::new(storage), config)
    }

    fn announce(cacher: &Arc<Cacher>, value: &'static [u8]) -> Announced {
        cacher.announce("n/a", Bytes::from_static(value), Selected::default())
    }

    fn seen(cacher: &Cacher, value: &[u8], revision: u64) -> Option<u64> {
        let object = cacher.announced.take(cacher.codec(), "n/a", value, revision)?;
        Some(object.resource_version)
    }

    #[test]
    fn both_sides_get_one_object_whoever_is_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let cacher = cacher(&directory);

        let announced = announce(&cacher, VALUE);
        let first = cacher
            .announced
            .take(cacher.codec(), "n/a", VALUE, 7)
            .expect("announced");
        let written = announced.written(7).expect("an object");
        assert!(Arc::ptr_eq(&first, &written));
        assert!(cacher.announced.0.lock().is_empty());

        let written = announce(&cacher, VALUE).written(8).expect("an object");
        let second = cacher
            .announced
            .take(cacher.codec(), "n/a", VALUE, 8)
            .expect("not seen yet");
        assert!(Arc::ptr_eq(&second, &written));
        assert!(
            second
                .json
                .starts_with(br#"{"kind":"Thing","apiVersion":"v1","metadata":{"resourceVersion":"8","#)
        );
        assert_eq!(seen(&cacher, VALUE, 8), None, "an event is seen once");
    }

    #[test]
    fn what_others_write_is_not_taken_for_ours() {
        const OTHER: &[u8] = br#"{"kind":"Thing","apiVersion":"v1","metadata":{"name":"a"}}"#;
        let directory = tempfile::tempdir().expect("a directory");
        let cacher = cacher(&directory);
        let announced = announce(&cacher, VALUE);
        assert_eq!(seen(&cacher, OTHER, 7), None);
        assert_eq!(seen(&cacher, VALUE, 8), Some(8), "ours comes behind it");
        drop(announced);

        let announced = announce(&cacher, VALUE);
        assert_eq!(seen(&cacher, VALUE, 9), Some(9), "the same text by another one");
        let ours = announced.written(10).expect("an object");
        assert_eq!(ours.resource_version, 10);
        assert_eq!(ours.label("l"), Some("1"), "it was decoded");
    }

    #[test]
    fn nothing_is_left_of_what_no_event_will_tell() {
        let directory = tempfile::tempdir().expect("a directory");
        let cacher = cacher(&directory);
        drop(announce(&cacher, VALUE));
        assert!(cacher.announced.0.lock().is_empty(), "the write failed");

        let _ = announce(&cacher, VALUE).written(7).expect("an object");
        let _ = cacher
            .announce("n/b", Bytes::from_static(VALUE), Selected::default())
            .written(9)
            .expect("an object");
        cacher.announced.forget_until(8);
        assert_eq!(cacher.announced.0.lock().len(), 1);
        cacher.revision.send_replace(9);
        let _ = announce(&cacher, VALUE).written(9).expect("an object");
        assert_eq!(cacher.announced.0.lock().len(), 1, "the list was past it");
    }
}
