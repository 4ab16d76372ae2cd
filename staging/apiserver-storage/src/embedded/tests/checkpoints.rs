//! Checkpoints: ended at every step, failing, repeated; and databases of the former format.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use redb::{ReadableDatabase, ReadableTable};

use super::*;
use crate::embedded::schema::{
    EXPIRY, FORMAT_WITHOUT_LOG, INDEX, LOG, META, META_BASE_REVISION, META_FORMAT, META_LOG_GENERATION,
    META_LOG_SEQUENCE,
};

fn small(checkpoint_size: usize) -> EmbeddedOptions {
    EmbeddedOptions {
        checkpoint_size,
        ..EmbeddedOptions::default()
    }
}

async fn checkpoint(store: &Embedded) {
    while store.hub.snapshot().base.revision < store.hub.snapshot().revision {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_checkpoint_may_end_at_any_step() {
    const WRITES: usize = 60;
    let directory = memory();
    let images = Arc::new(Mutex::new(Vec::new()));
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let fault = {
        let (images, acknowledged) = (Arc::clone(&images), Arc::clone(&acknowledged));
        let directory = directory.path().to_owned();
        move |operation: FileOperation| {
            let there = LOG_FILES.iter().all(|name| directory.join(name).exists());
            if matches!(operation, FileOperation::Write | FileOperation::Sync) && there {
                let written = acknowledged.load(Ordering::Acquire);
                let copy = memory();
                image(&directory, copy.path());
                images.lock().push((written, copy));
            }
            Ok(())
        }
    };
    let state = FileState {
        fault: Some(Arc::new(fault)),
        ..FileState::default()
    };
    let store = Embedded::open_with(directory.path(), small(16 << 10), state).expect("the store opens");
    let content = |number: usize| format!("{number} {}", "x".repeat(number * 37 % 3000));
    for number in 0..WRITES {
        let key = format!("{}", number % 7);
        put(&store, &key, &content(number)).await.expect("a put");
        acknowledged.store(number + 1, Ordering::Release);
        if number % 20 == 19 {
            store.compact(number as u64 - 5).await.expect("a compaction");
        }
    }
    store.close().await;

    let images = std::mem::take(&mut *images.lock());
    assert!(images.len() > 50, "{} steps", images.len());
    for (step, (acknowledged, copy)) in images.iter().enumerate() {
        let store = open(copy.path());
        let revision = store.current_revision().await.expect("a revision");
        let found = usize::try_from(revision - 1).expect("small");
        assert!(
            (*acknowledged..=WRITES).contains(&found),
            "step {step}: revision {revision} after {acknowledged} writes"
        );
        // Every write that can still be read is what was written, at its revision.
        let compacted = store.compact_revision().max(2);
        for revision in compacted..=revision {
            let number = usize::try_from(revision - 2).expect("small");
            let key = format!("{}", number % 7);
            let item = store
                .get(key.as_bytes(), Some(revision))
                .await
                .expect("it is readable")
                .item
                .expect("it exists");
            assert_eq!(
                (item.mod_revision, &item.value[..]),
                (revision, content(number).as_bytes()),
                "step {step}"
            );
        }
        let mut watch = store.watch(KeyRange::all(), Some(compacted)).await.expect("a watch");
        for revision in compacted..=revision {
            match watch.next().await {
                Some(Ok(WatchResponse::Events(batch))) => assert_eq!(batch.revision, revision, "step {step}"),
                other => panic!("step {step}: {other:?}"),
            }
        }
        assert_eq!(put(&store, "new", "x").await.expect("a put"), revision + 1);
        store.close().await;
    }
}

type Tables = (BTreeMap<u128, Vec<u8>>, BTreeMap<Vec<u8>, Vec<u8>>, Vec<(u64, u128)>);

fn tables(database: &redb::Database) -> Tables {
    let transaction = database.begin_read().expect("a transaction");
    let log = transaction.open_table(LOG).expect("a log");
    let log = log.iter().expect("records").map(|entry| {
        let (position, record) = entry.expect("a record");
        (position.value(), record.value().to_vec())
    });
    let index = transaction.open_table(INDEX).expect("an index");
    let index = index.iter().expect("keys").map(|entry| {
        let (key, entry) = entry.expect("a key");
        (key.value().to_vec(), entry.value().to_vec())
    });
    let expiry = transaction.open_table(EXPIRY).expect("an order");
    let expiry = expiry
        .iter()
        .expect("times")
        .map(|entry| entry.expect("a time").0.value());
    (log.collect(), index.collect(), expiry.collect())
}

#[tokio::test]
async fn a_layer_brought_in_twice_is_as_once() {
    let directory = memory();
    let store = open(directory.path());
    let ttl = Some(std::time::Duration::from_secs(1000));
    for number in 0..20 {
        let key = Bytes::from(format!("{}", number % 6));
        let ttl = ttl.filter(|_| number % 4 != 0);
        store
            .put(key, Bytes::from("x"), Precondition::None, ttl)
            .await
            .expect("a put");
    }
    store
        .delete(Bytes::from("3"), Precondition::None)
        .await
        .expect("a delete");
    let snapshot = store.hub.snapshot();
    let frozen = Frozen {
        layer: snapshot.active.clone(),
        compact_revision: 0,
        next_generation: 2,
        next_sequence: 21,
    };
    let copy = memory();
    let source = Source {
        path: copy.path().join(DATABASE_FILE),
        cache_size: 1 << 20,
        state: FileState::default(),
    };
    let database = source.open().expect("a database");
    let mut found = Vec::new();
    for _ in 0..2 {
        let base = Base::of(&database).expect("a state");
        checkpoint::commit(&database, &base, Some(&frozen)).expect("a checkpoint");
        found.push(tables(&database));
    }
    let (log, index, expiry) = &found[0];
    assert_eq!((log.len(), index.len(), expiry.len()), (21, 6, 4));
    assert_eq!(found[0], found[1]);
}

#[tokio::test]
async fn a_full_disk_stops_checkpoints_first_and_writes_later() {
    let directory = memory();
    let (state, failing) = faulty(FileOperation::Write, io::ErrorKind::StorageFull);
    let store = Embedded::open_with(directory.path(), small(8 << 10), state).expect("the store opens");
    put(&store, "a", "1").await.expect("there is room");
    failing.store(true, Ordering::Release);
    let mut written = Vec::new();
    let error = loop {
        let key = format!("{:04}", written.len());
        match put(&store, &key, &"x".repeat(1000)).await {
            Ok(_) => written.push(key),
            Err(error) => break error,
        }
        assert!(written.len() < 1000, "what is held in memory is bounded");
    };
    assert!(matches!(error, Error::NoSpace(_) | Error::Unavailable(_)), "{error:?}");
    assert!(written.len() > 15, "the log took {} writes", written.len());
    assert!(store.health().await.is_err());

    // A start with the disk as full as it is finds everything in the log.
    let copy = memory();
    image(directory.path(), copy.path());
    let found = open(copy.path()).count(&KeyRange::all(), None).await.expect("a count");
    assert_eq!(found.count, written.len() as u64 + 1);

    failing.store(false, Ordering::Release);
    while put(&store, "b", "2").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    checkpoint(&store).await;
    let found = store.count(&KeyRange::all(), None).await.expect("a count");
    assert_eq!(found.count, written.len() as u64 + 2);
    store.close().await;
    let found = open(directory.path())
        .count(&KeyRange::all(), None)
        .await
        .expect("a count");
    assert_eq!(found.count, written.len() as u64 + 2);
}

#[tokio::test]
async fn a_failed_sync_of_the_database_ends_writing() {
    let directory = memory();
    let (state, failing) = faulty(FileOperation::Sync, io::ErrorKind::Other);
    let store = Embedded::open_with(directory.path(), small(1), state).expect("the store opens");
    failing.store(true, Ordering::Release);
    put(&store, "a", "1").await.expect("the log works");
    let error = loop {
        match put(&store, "b", "2").await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, Error::Unavailable(message) if message.contains("check the disk and restart")),
        "{error:?}"
    );
    store.close().await;
    let store = open(directory.path());
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_database_that_could_not_be_read_is_opened_again() {
    // More keys than a page holds: what the root does not tell is read from the file.
    const KEYS: u64 = 400;
    let directory = memory();
    let (state, failing) = faulty(FileOperation::Read, io::ErrorKind::Other);
    let options = EmbeddedOptions {
        cache_size: 0,
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open_with(directory.path(), options, state).expect("the store opens");
    for number in 0..KEYS {
        put(&store, &format!("{number:0100}"), "1").await.expect("a put");
    }
    store.compact(KEYS + 1).await.expect("a compaction");
    checkpoint(&store).await;
    failing.store(true, Ordering::Release);
    let key = format!("{:0100}", 7);
    let error = put(&store, &key, "2").await.expect_err("the database cannot be read");
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let error = store.get(key.as_bytes(), None).await.expect_err("nor by others");
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    failing.store(false, Ordering::Release);
    while put(&store, &key, "3").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    store.close().await;
    let store = open(directory.path());
    assert_eq!(value(&store, &key).await.as_deref(), Some("3"));
    let found = store.count(&KeyRange::all(), None).await.expect("a count");
    assert_eq!((found.count, found.revision), (KEYS, KEYS + 2));
}

#[tokio::test]
async fn a_closed_store_has_everything_in_its_database() {
    let directory = memory();
    let store = open(directory.path());
    for number in 0..10 {
        put(&store, &format!("{number}"), "x").await.expect("a put");
    }
    store.close().await;
    for name in LOG_FILES {
        let metadata = std::fs::metadata(directory.path().join(name)).expect("a log");
        assert_eq!(metadata.len(), 0, "{name}");
    }
    let store = open(directory.path());
    assert_eq!(store.hub.snapshot().base.revision, 11);
    assert_eq!(store.count(&KeyRange::all(), None).await.expect("a count").count, 10);
}

#[tokio::test]
async fn what_is_read_spans_database_and_layers() {
    let directory = memory();
    let held = Arc::new(AtomicBool::new(false));
    let fault = {
        let held = Arc::clone(&held);
        move |operation| {
            while operation == FileOperation::Write && held.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            Ok(())
        }
    };
    let state = FileState {
        fault: Some(Arc::new(fault)),
        ..FileState::default()
    };
    // Four changes make a checkpoint due.
    let store = Embedded::open_with(directory.path(), small(1000), state).expect("the store opens");
    for key in ["a", "b", "c", "d"] {
        put(&store, key, "database").await.expect("a put");
    }
    checkpoint(&store).await;
    held.store(true, Ordering::Release);
    for key in ["b", "c", "e"] {
        put(&store, key, "frozen").await.expect("a put");
    }
    store
        .delete(Bytes::from("d"), Precondition::None)
        .await
        .expect("a delete");
    put(&store, "c", "active").await.expect("a put");
    {
        let snapshot = store.hub.snapshot();
        let frozen = snapshot.frozen.as_ref().expect("its checkpoint is held up");
        assert_eq!((snapshot.base.revision, frozen.layer.revision()), (5, Some(9)));
    }
    let at = async |revision| {
        let options = RangeOptions {
            revision,
            ..RangeOptions::latest()
        };
        let found = store.range(&KeyRange::all(), options).await.expect("a range");
        let items = found.items.iter();
        items
            .map(|item| format!("{}={}", item.key.escape_ascii(), item.value.escape_ascii()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(at(None).await, "a=database b=frozen c=active e=frozen");
    assert_eq!(at(Some(9)).await, "a=database b=frozen c=frozen e=frozen");
    assert_eq!(at(Some(7)).await, "a=database b=frozen c=frozen d=database");
    assert_eq!(at(Some(5)).await, "a=database b=database c=database d=database");
    let mut watch = store.watch(KeyRange::all(), Some(2)).await.expect("a watch");
    for revision in 2..=10 {
        match watch.next().await {
            Some(Ok(WatchResponse::Events(batch))) => {
                assert_eq!(batch.revision, revision);
                let deletions = [9];
                let is_deletion = matches!(&batch.events[..], [Event::Delete { .. }]);
                assert_eq!(is_deletion, deletions.contains(&revision), "at {revision}");
            }
            other => panic!("{other:?}"),
        }
    }
    let file = directory.path().join("snapshot");
    store.snapshot(&file).await.expect("a snapshot");
    let target = memory();
    let target = target.path().join("restored");
    assert_eq!(
        restore(&file, &target, RestoreOptions::default()).expect("it is restored"),
        10
    );
    let restored = open(&target);
    assert_eq!(value(&restored, "c").await.as_deref(), Some("active"));
    let old = restored.get(b"d", Some(8)).await.expect("history comes along").item;
    assert_eq!(old.map(|item| item.mod_revision), Some(5));
    held.store(false, Ordering::Release);
    store.close().await;
}

#[tokio::test]
async fn expiry_goes_on_through_checkpoints_and_kills() {
    let directory = memory();
    let store = Embedded::open(directory.path(), small(1)).expect("the store opens");
    let ttl = |seconds| Some(std::time::Duration::from_secs(seconds));
    for number in 0..10 {
        let key = Bytes::from(format!("{number}"));
        store
            .put(key, Bytes::from("x"), Precondition::None, ttl(1))
            .await
            .expect("a put");
    }
    for key in ["0", "1"] {
        put(&store, key, "for ever").await.expect("a put");
    }
    let copy = memory();
    image(directory.path(), copy.path());
    for path in [copy.path(), directory.path()] {
        let reopened = (path == copy.path()).then(|| open(path));
        let store = reopened.as_ref().unwrap_or(&store);
        let mut watch = store.watch(KeyRange::all(), Some(14)).await.expect("a watch");
        for _ in 0..8 {
            match watch.next().await {
                Some(Ok(WatchResponse::Events(batch))) => {
                    assert!(matches!(&batch.events[..], [Event::Delete { .. }]));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(store.count(&KeyRange::all(), None).await.expect("a count").count, 2);
    }
}

#[tokio::test]
async fn a_database_of_the_former_format_is_taken_over() {
    let directory = memory();
    let store = open(directory.path());
    for value in ["1", "2"] {
        put(&store, "a", value).await.expect("a put");
    }
    store.close().await;
    let path = directory.path().join(DATABASE_FILE);
    let database = redb::Database::open(&path).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    {
        let mut meta = transaction.open_table(META).expect("a table");
        let names: Vec<String> = meta
            .iter()
            .expect("numbers")
            .map(|entry| entry.expect("a number").0.value().to_owned())
            .collect();
        for name in names.iter().filter(|name| name.starts_with("log_")) {
            meta.remove(&name[..]).expect("removed");
        }
        meta.insert(META_FORMAT, FORMAT_WITHOUT_LOG).expect("inserted");
    }
    transaction.commit().expect("a commit");
    drop(database);
    for name in LOG_FILES {
        std::fs::remove_file(directory.path().join(name)).expect("the former format has no log");
    }

    let store = open(directory.path());
    assert_eq!(value(&store, "a").await.as_deref(), Some("2"));
    assert_eq!(put(&store, "a", "3").await.expect("a put"), 4);
    let copy = memory();
    image(directory.path(), copy.path());
    assert_eq!(value(&open(copy.path()), "a").await.as_deref(), Some("3"));
    store.close().await;

    // A later format is refused.
    let database = redb::Database::open(&path).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    {
        let mut meta = transaction.open_table(META).expect("a table");
        for name in [META_LOG_GENERATION, META_LOG_SEQUENCE, META_BASE_REVISION] {
            assert!(meta.get(name).expect("a number").is_some(), "{name}");
        }
        meta.insert(META_FORMAT, 3).expect("inserted");
    }
    transaction.commit().expect("a commit");
    drop(database);
    let error = Embedded::open(directory.path(), EmbeddedOptions::default()).expect_err("it is of the future");
    assert!(
        matches!(&error, Error::Corrupt(message) if message.ends_with("has format 3, this version reads format 2")),
        "{error:?}"
    );
}
