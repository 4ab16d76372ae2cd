//! Tests of what only the embedded store has: failures of its files, its directory, restoring, sweeping.

mod checkpoints;
mod log;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::Operation as FileOperation;
use super::schema::Position;
use super::*;
use crate::{Event, Precondition, WatchResponse};
use bytes::Bytes;
use futures::StreamExt;

/// A file whose operations fail while the switch is on.
fn faulty(operation: FileOperation, kind: io::ErrorKind) -> (FileState, Arc<AtomicBool>) {
    let failing = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&failing);
    let fault = move |attempted| {
        let fails = attempted == operation && switch.load(Ordering::Acquire);
        if fails { Err(io::Error::from(kind)) } else { Ok(()) }
    };
    (
        FileState {
            fault: Some(Arc::new(fault)),
            ..FileState::default()
        },
        failing,
    )
}

/// As the directory would be found if the process ended now: each file as it is, but for the lock. What is written while they
/// are read one after the other would make a picture of no moment: they are read until two readings are the same.
fn image(directory: &Path, copy: &Path) {
    let names = [DATABASE_FILE, LOG_FILES[0], LOG_FILES[1]];
    let read = |name| std::fs::read(directory.join(name)).expect("the store's files can be read");
    let mut found = names.map(read);
    loop {
        let again = names.map(read);
        if again == found {
            break;
        }
        found = again;
    }
    for (name, bytes) in names.into_iter().zip(found) {
        std::fs::write(copy.join(name), bytes).expect("the store's files can be copied");
    }
}

/// A directory in memory: what is tested here is what is written, not the disk.
fn memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").expect("a directory in memory")
}

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, EmbeddedOptions::default()).expect("the store opens")
}

async fn put(store: &Embedded, key: &str, value: &str) -> Result<Revision> {
    let (key, value) = (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()));
    store.put(key, value, Precondition::None, None).await
}

async fn value(store: &Embedded, key: &str) -> Option<String> {
    let item = store.get(key.as_bytes(), None).await.expect("a get succeeds").item;
    item.map(|item| String::from_utf8_lossy(&item.value).into_owned())
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_ends() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (state, failing) = faulty(FileOperation::LogWrite, io::ErrorKind::StorageFull);
    let store = Embedded::open_with(directory.path(), EmbeddedOptions::default(), state).expect("the store opens");
    let mut watch = store.watch(KeyRange::all(), Some(2)).await.expect("a watch");
    assert_eq!(put(&store, "a", "1").await.expect("there is room"), 2);

    failing.store(true, Ordering::Release);
    let error = put(&store, "a", "2").await.expect_err("the disk is full");
    assert!(matches!(error, Error::NoSpace(_)), "{error:?}");
    failing.store(false, Ordering::Release);

    let revision = put(&store, "b", "3").await.expect("there is room again");
    assert_eq!(revision, 3, "the failed write took no revision");
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
    for revision in [2, 3] {
        match watch.next().await {
            Some(Ok(WatchResponse::Events(batch))) => assert_eq!(batch.revision, revision),
            other => panic!("{other:?}"),
        }
    }
    store.close().await;
    assert_eq!(value(&open(directory.path()), "b").await.as_deref(), Some("3"));
}

#[tokio::test]
async fn a_failed_sync_ends_writing_but_not_what_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (state, failing) = faulty(FileOperation::LogSync, io::ErrorKind::Other);
    let store = Embedded::open_with(directory.path(), EmbeddedOptions::default(), state).expect("the store opens");
    put(&store, "a", "1").await.expect("the disk works");
    failing.store(true, Ordering::Release);
    let error = put(&store, "a", "2").await.expect_err("the disk does not sync");
    assert!(error.is_ambiguous(), "{error:?}");
    failing.store(false, Ordering::Release);
    let error = put(&store, "a", "3").await.expect_err("no more writes are taken");
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(store.health().await.is_err());
    store.close().await;
    let kept = value(&open(directory.path()), "a").await.expect("the key exists");
    assert!(kept == "1" || kept == "2", "{kept}");
}

#[tokio::test]
async fn a_directory_has_one_store() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("deep/data");
    let store = open(&path);
    let error = Embedded::open(&path, EmbeddedOptions::default()).expect_err("it is in use");
    assert_eq!(
        error.to_string(),
        format!("{} is in use by another process", path.join("LOCK").display())
    );
    drop(store);
    open(&path);
}

#[tokio::test]
async fn files_are_private() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("data");
    let _store = open(&path);
    let mode = |path: &Path| std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for name in [DATABASE_FILE, LOCK_FILE].iter().chain(&LOG_FILES) {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join(DATABASE_FILE), vec![b'x'; 10_000]).expect("a file");
    let error = Embedded::open(directory.path(), EmbeddedOptions::default()).expect_err("it is no store");
    assert!(matches!(error, Error::Corrupt(_) | Error::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_snapshot_is_restored() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(&directory.path().join("data"));
    for value in ["1", "2", "3"] {
        put(&store, "a", value).await.expect("a put");
    }
    store.compact(3).await.expect("a compaction");
    let ttl = Some(std::time::Duration::from_secs(1));
    store
        .put(Bytes::from("short"), Bytes::new(), Precondition::None, ttl)
        .await
        .expect("a put");
    let file = directory.path().join("snapshot");
    assert_eq!(store.snapshot(&file).await.expect("a snapshot"), Some(5));
    put(&store, "a", "later").await.expect("a put");

    let target = directory.path().join("restored");
    assert_eq!(
        restore(&file, &target, RestoreOptions::default()).expect("it is restored"),
        5
    );
    let restored = open(&target);
    assert_eq!(value(&restored, "a").await.as_deref(), Some("3"));
    let old = restored
        .get(b"a", Some(3))
        .await
        .expect("history comes along")
        .item
        .expect("it existed");
    assert_eq!(&old.value[..], b"2");
    let error = restored.get(b"a", Some(2)).await.expect_err("it was compacted");
    assert!(
        matches!(
            error,
            Error::Compacted {
                requested: 2,
                compact_revision: 3
            }
        ),
        "{error:?}"
    );
    let mut watch = restored.watch(KeyRange::key("short"), Some(6)).await.expect("a watch");
    match watch.next().await {
        Some(Ok(WatchResponse::Events(batch))) => assert!(matches!(batch.events[0], Event::Delete { .. })),
        other => panic!("{other:?}"),
    }

    let error = restore(&file, &target, RestoreOptions::default()).expect_err("the directory is in use");
    assert!(matches!(error, Error::NotEmpty { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bumped_restore_makes_clients_list_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(&directory.path().join("data"));
    put(&store, "a", "1").await.expect("a put");
    let file = directory.path().join("snapshot");
    store.snapshot(&file).await.expect("a snapshot");
    let target = directory.path().join("restored");
    let options = RestoreOptions { bump_revision: 1000 };
    assert_eq!(restore(&file, &target, options).expect("it is restored"), 1002);
    let restored = open(&target);
    assert_eq!(put(&restored, "b", "2").await.expect("a put"), 1003);
    let error = restored
        .watch(KeyRange::all(), Some(3))
        .await
        .map(drop)
        .expect_err("clients must list again");
    assert!(
        matches!(
            error,
            Error::Compacted {
                requested: 3,
                compact_revision: 1002
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        restored
            .get(b"a", Some(1002))
            .await
            .expect("a get")
            .item
            .expect("it exists")
            .mod_revision,
        2
    );
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(&directory.path().join("data"));
    for number in 0..50 {
        put(&store, &format!("{number}"), &"x".repeat(5000))
            .await
            .expect("a put");
    }
    let file = directory.path().join("snapshot");
    store.snapshot(&file).await.expect("a snapshot");
    let bytes = std::fs::read(&file).expect("it can be read");
    let at = bytes
        .windows(100)
        .position(|window| window == [b'x'; 100])
        .expect("the values are in it");
    let mut changed = bytes.clone();
    changed[at + 50] = b'y';
    let damages: [&[u8]; 4] = [&changed, &bytes[..bytes.len() / 2], b"no snapshot", b""];
    for (number, damage) in damages.into_iter().enumerate() {
        std::fs::write(&file, damage).expect("it can be written");
        let target = directory.path().join("restored");
        let error = restore(&file, &target, RestoreOptions::default()).expect_err("it is damaged");
        assert!(matches!(error, Error::Corrupt(_)), "{number}: {error:?}");
        assert_eq!(
            std::fs::read_dir(&target).expect("it exists").count(),
            0,
            "nothing is left behind"
        );
    }
}

#[tokio::test]
async fn compaction_gives_space_back() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(directory.path());
    for number in 0..1500 {
        put(&store, &format!("{}", number % 5), "x").await.expect("a put");
    }
    for key in ["3", "4"] {
        store
            .delete(Bytes::from(key), Precondition::None)
            .await
            .expect("a delete");
    }
    let last = put(&store, "5", "x").await.expect("a put");
    store.compact(last).await.expect("a compaction");
    // The sweep runs in pieces, each a commit of its own.
    while store.hub.snapshot().base.swept_revision < last {
        tokio::task::yield_now().await;
    }
    let snapshot = store.hub.snapshot();
    let (mut records, mut keys) = (0, 0);
    let counted = snapshot.records(Position::NONE, |_, _| {
        records += 1;
        Ok(true)
    });
    counted.expect("the log can be read");
    let counted = snapshot.scan(&KeyRange::all(), |_, _| {
        keys += 1;
        Ok(())
    });
    counted.expect("the index can be read");
    assert_eq!(
        (records, keys),
        (4, 4),
        "one record and one entry for each key that exists"
    );
    assert_eq!(value(&store, "3").await, None);
    store.close().await;
    let store = open(directory.path());
    assert_eq!(store.current_revision().await.expect("a revision"), last);
    assert_eq!(value(&store, "0").await.as_deref(), Some("x"));
}

#[tokio::test]
async fn the_revision_survives_when_everything_is_deleted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(directory.path());
    put(&store, "a", "1").await.expect("a put");
    let deleted = store
        .delete(Bytes::from("a"), Precondition::None)
        .await
        .expect("a delete")
        .revision;
    store.compact(deleted).await.expect("a compaction");
    store.close().await;
    let store = open(directory.path());
    assert_eq!(store.current_revision().await.expect("a revision"), deleted);
    assert_eq!(put(&store, "a", "2").await.expect("a put"), deleted + 1);
}

#[tokio::test]
async fn dropped_watches_are_forgotten() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = open(directory.path());
    let watches: Vec<_> = (0..10)
        .map(|_| store.hub.watch(KeyRange::all(), None).expect("a watch"))
        .collect();
    assert_eq!(store.hub.watches(), 10);
    drop(watches);
    assert_eq!(store.hub.watches(), 0);
}
