//! Watches: completeness, order, progress.

use apiserver_storage::{Error, Event, KeyRange, Operation, Precondition, Transaction, WatchResponse};
use bytes::Bytes;
use futures::future::join_all;

use super::{Store, delete, everything, key, next, next_batch, pair, put};

/// An event in short: what happened, and the value.
fn short(event: &Event) -> String {
    let value = |item: &apiserver_storage::KeyValue| pair(item).1;
    let name = String::from_utf8_lossy(event.key());
    let name = name.trim_start_matches("/registry/test/");
    match event {
        Event::Put { item, .. } if item.create_revision == item.mod_revision => {
            format!("+{name}={}", value(item))
        }
        Event::Put { item, .. } => format!("~{name}={}", value(item)),
        Event::Delete { .. } => format!("-{name}"),
    }
}

pub(crate) async fn a_watch_delivers_history_and_then_events(store: Store) {
    put(&store, "before", "").await;
    let from = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    let mut watch = store.watch(everything(), Some(from)).await.expect("a watch");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let batch = next_batch(&mut watch).await;
        assert!(batch.events.iter().all(|event| event.revision() == batch.revision));
        seen.extend(batch.events.iter().map(short));
    }
    put(&store, "a", "3").await;
    put(&store, "a", "4").await;
    let last = delete(&store, "a").await;
    for _ in 0..3 {
        let batch = next_batch(&mut watch).await;
        seen.extend(batch.events.iter().map(short));
        if batch.revision == last {
            break;
        }
    }
    assert_eq!(seen, ["+a=1", "~a=2", "-a", "+a=3", "~a=4", "-a"]);
}

pub(crate) async fn a_watch_without_revision_starts_now(store: Store) {
    put(&store, "a", "1").await;
    let mut watch = store.watch(everything(), None).await.expect("a watch");
    let revision = put(&store, "a", "2").await;
    let batch = next_batch(&mut watch).await;
    assert_eq!((batch.revision, short(&batch.events[0])), (revision, "~a=2".to_owned()));
}

pub(crate) async fn a_watch_sees_its_range_only(store: Store) {
    let mut prefix = store
        .watch(KeyRange::prefix(key("b/")), Some(2))
        .await
        .expect("a watch");
    let mut single = store.watch(KeyRange::key(key("b")), Some(2)).await.expect("a watch");
    let mut all = store.watch(KeyRange::all(), Some(2)).await.expect("a watch");
    for name in ["a", "b", "b/1", "b0", "b/2", "c"] {
        put(&store, name, "").await;
    }
    assert_eq!(short(&next_batch(&mut prefix).await.events[0]), "+b/1=");
    assert_eq!(short(&next_batch(&mut prefix).await.events[0]), "+b/2=");
    assert_eq!(short(&next_batch(&mut single).await.events[0]), "+b=");
    for revision in 2..8 {
        assert_eq!(next_batch(&mut all).await.revision, revision);
    }
}

pub(crate) async fn a_transaction_is_one_batch(store: Store) {
    put(&store, "a", "1").await;
    let mut live = store.watch(everything(), None).await.expect("a watch");
    let operations = vec![
        Operation::Put {
            key: key("b"),
            value: Bytes::from("2"),
            precondition: Precondition::None,
            ttl: None,
        },
        Operation::Delete {
            key: key("a"),
            precondition: Precondition::None,
        },
        Operation::Put {
            key: Bytes::from("/other"),
            value: Bytes::new(),
            precondition: Precondition::None,
            ttl: None,
        },
    ];
    let revision = store
        .transaction(Transaction { operations })
        .await
        .expect("it succeeds")
        .revision;
    let mut history = store.watch(everything(), Some(revision)).await.expect("a watch");
    for watch in [&mut live, &mut history] {
        let batch = next_batch(watch).await;
        let events: Vec<_> = batch.events.iter().map(short).collect();
        assert_eq!(
            (batch.revision, events),
            (revision, vec!["+b=2".to_owned(), "-a".to_owned()])
        );
    }
}

pub(crate) async fn a_watch_from_the_future_waits(store: Store) {
    let mut watch = store.watch(everything(), Some(4)).await.expect("a watch");
    for value in ["2", "3", "4", "5"] {
        put(&store, "a", value).await;
    }
    for revision in [4, 5] {
        let batch = next_batch(&mut watch).await;
        assert_eq!(
            (batch.revision, pair_of(&batch.events[0])),
            (revision, revision.to_string())
        );
    }
}

fn pair_of(event: &Event) -> String {
    match event {
        Event::Put { item, .. } => pair(item).1,
        Event::Delete { .. } => String::new(),
    }
}

pub(crate) async fn a_slow_watch_misses_nothing(store: Store) {
    const WRITES: u64 = 3000;
    let mut watch = store.watch(everything(), Some(2)).await.expect("a watch");
    let writes = (0..WRITES).map(|number| {
        let store = store.clone();
        async move { put(&store, &format!("{}", number % 7), "x").await }
    });
    join_all(writes).await;
    for revision in 2..WRITES + 2 {
        let batch = next_batch(&mut watch).await;
        assert_eq!((batch.revision, batch.events.len()), (revision, 1));
    }
    let live = put(&store, "live", "x").await;
    assert_eq!(next_batch(&mut watch).await.revision, live);
}

pub(crate) async fn many_watches_see_the_same(store: Store) {
    let mut watches = Vec::new();
    for number in 0..20 {
        let from = if number % 2 == 0 { None } else { Some(2) };
        watches.push(store.watch(everything(), from).await.expect("a watch"));
    }
    for number in 0..20 {
        put(&store, "a", &number.to_string()).await;
    }
    drop(watches.split_off(10));
    for watch in &mut watches {
        for revision in 2..22 {
            assert_eq!(next_batch(watch).await.revision, revision);
        }
    }
}

pub(crate) async fn progress_comes_when_asked_for(store: Store) {
    let mut watch = store.watch(everything(), None).await.expect("a watch");
    let requester = watch.progress_requester();
    let other = store
        .put(Bytes::from("/other"), Bytes::new(), Precondition::None, None)
        .await
        .expect("a put");
    requester.request();
    match next(&mut watch)
        .await
        .expect("the watch goes on")
        .expect("it has no error")
    {
        WatchResponse::Progress { revision } => assert_eq!(revision, other),
        response @ WatchResponse::Events(_) => panic!("{response:?}"),
    }
    drop(watch);
    requester.request();
}

pub(crate) async fn progress_follows_events(store: Store) {
    let mut watch = store.watch(everything(), Some(2)).await.expect("a watch");
    let requester = watch.progress_requester();
    let mut last = 1;
    for number in 0..50 {
        last = put(&store, "a", &number.to_string()).await;
        requester.request();
    }
    let mut events = 1;
    let reliable = store.capabilities().reliable_progress;
    loop {
        match next(&mut watch)
            .await
            .expect("the watch goes on")
            .expect("it has no error")
        {
            WatchResponse::Events(batch) => {
                assert_eq!(batch.revision, events + 1);
                events = batch.revision;
            }
            WatchResponse::Progress { revision } => {
                assert!(
                    !reliable || revision == events,
                    "progress {revision} after events up to {events}"
                );
            }
        }
        if events == last {
            break;
        }
    }
}

pub(crate) async fn closing_ends_watches(store: Store) {
    put(&store, "a", "").await;
    let mut watch = store.watch(everything(), None).await.expect("a watch");
    store.close().await;
    match next(&mut watch).await {
        Some(Err(Error::Closed)) => {}
        other => panic!("{other:?}"),
    }
    assert!(next(&mut watch).await.is_none());
}
