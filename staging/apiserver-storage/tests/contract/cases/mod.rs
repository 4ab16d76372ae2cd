//! The cases, by what they are about.

pub(crate) mod administration;
pub(crate) mod compaction;
pub(crate) mod expiry;
pub(crate) mod reads;
pub(crate) mod watches;
pub(crate) mod writes;

use std::sync::Arc;
use std::time::Duration;

use apiserver_storage::{Error, EventBatch, KeyRange, KeyValue, Precondition, Revision, Storage, Watch, WatchResponse};
use bytes::Bytes;
use futures::StreamExt;

/// A store to test.
pub(crate) type Store = Arc<dyn Storage>;

/// How long a case waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A key below the tests' prefix.
pub(crate) fn key(name: &str) -> Bytes {
    Bytes::from(format!("/registry/test/{name}"))
}

/// All keys of a test.
pub(crate) fn everything() -> KeyRange {
    KeyRange::prefix("/registry/test/")
}

/// Puts unconditionally.
pub(crate) async fn put(store: &Store, name: &str, value: &str) -> Revision {
    store
        .put(key(name), Bytes::from(value.to_owned()), Precondition::None, None)
        .await
        .expect("a put succeeds")
}

/// Deletes unconditionally.
pub(crate) async fn delete(store: &Store, name: &str) -> Revision {
    store
        .delete(key(name), Precondition::None)
        .await
        .expect("a delete succeeds")
        .revision
}

/// Gets what must be there.
pub(crate) async fn get(store: &Store, name: &str) -> KeyValue {
    store
        .get(&key(name), None)
        .await
        .expect("a get succeeds")
        .item
        .expect("the key exists")
}

/// The conflict that a write must have met: the revision of what stands in its way, `None` if the key is absent.
pub(crate) fn conflicting<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<KeyValue> {
    let error = result.expect_err("a conflict");
    error
        .conflict()
        .unwrap_or_else(|| panic!("a conflict, not {error:?}"))
        .current
        .clone()
}

/// An item's last part of the key and its value.
pub(crate) fn pair(item: &KeyValue) -> (String, String) {
    let key = String::from_utf8_lossy(&item.key);
    (
        key.trim_start_matches("/registry/test/").to_owned(),
        String::from_utf8_lossy(&item.value).into_owned(),
    )
}

/// [`pair`] of several.
pub(crate) fn pairs(items: &[KeyValue]) -> Vec<(String, String)> {
    items.iter().map(pair).collect()
}

/// Owned pairs, to compare with.
pub(crate) fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// The next response of a watch, whatever it is.
pub(crate) async fn next(watch: &mut Watch) -> Option<Result<WatchResponse, Error>> {
    tokio::time::timeout(PATIENCE, watch.next())
        .await
        .expect("the watch yields something")
}

/// The next batch of events; progress is skipped.
pub(crate) async fn next_batch(watch: &mut Watch) -> EventBatch {
    loop {
        match next(watch)
            .await
            .expect("the watch goes on")
            .expect("the watch has no error")
        {
            WatchResponse::Events(batch) => return batch,
            WatchResponse::Progress { .. } => {}
        }
    }
}
