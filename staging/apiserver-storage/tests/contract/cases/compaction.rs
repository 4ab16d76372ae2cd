//! Compaction: what it forgets, what it keeps, how servers take turns.

use apiserver_storage::{CompactionRound, Error, RangeOptions};

use super::{Store, delete, everything, expected, key, next, next_batch, pairs, put};

fn compacted(error: &Error) -> (u64, u64) {
    match error {
        Error::Compacted {
            requested,
            compact_revision,
        } => (*requested, *compact_revision),
        error => panic!("compacted, not {error:?}"),
    }
}

pub(crate) async fn compaction_forgets_the_past(store: Store) {
    for value in ["1", "2", "3"] {
        put(&store, "a", value).await;
    }
    store.compact(3).await.expect("a compaction");
    assert_eq!(store.compact_revision(), 3);
    let errors = [
        store.get(&key("a"), Some(2)).await.map(drop).expect_err("a get"),
        store
            .range(&everything(), RangeOptions::at(2))
            .await
            .map(drop)
            .expect_err("a range"),
        store
            .count(&everything(), Some(2))
            .await
            .map(drop)
            .expect_err("a count"),
    ];
    for error in &errors {
        assert_eq!(compacted(error), (2, 3));
        assert!(error.is_compacted());
    }
}

pub(crate) async fn compaction_keeps_what_is_visible(store: Store) {
    put(&store, "stays", "1").await;
    put(&store, "changes", "1").await;
    put(&store, "goes", "1").await;
    put(&store, "changes", "2").await;
    delete(&store, "goes").await;
    let at = put(&store, "comes", "1").await;
    put(&store, "changes", "3").await;
    put(&store, "goes", "2").await;
    let last = delete(&store, "stays").await;
    store.compact(at).await.expect("a compaction");
    let then = expected(&[("changes", "2"), ("comes", "1"), ("stays", "1")]);
    let now = expected(&[("changes", "3"), ("comes", "1"), ("goes", "2")]);
    for (revision, state) in [(at, &then), (last, &now)] {
        let found = store
            .range(&everything(), RangeOptions::at(revision))
            .await
            .expect("a range");
        assert_eq!(&pairs(&found.items), state, "at {revision}");
    }
    store.compact(last).await.expect("a second compaction");
    let found = store
        .range(&everything(), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!((&pairs(&found.items), found.revision), (&now, last));
}

pub(crate) async fn a_watch_from_a_compacted_revision_is_refused(store: Store) {
    for value in ["1", "2", "3", "4"] {
        put(&store, "a", value).await;
    }
    store.compact(4).await.expect("a compaction");
    let error = match store.watch(everything(), Some(2)).await {
        Err(error) => error,
        Ok(mut watch) => next(&mut watch).await.expect("a first item").expect_err("an error"),
    };
    assert_eq!(compacted(&error), (2, 4));
    let mut watch = store.watch(everything(), Some(5)).await.expect("a watch");
    assert_eq!(next_batch(&mut watch).await.revision, 5);
}

pub(crate) async fn a_watch_survives_compaction(store: Store) {
    let mut watch = store.watch(everything(), Some(2)).await.expect("a watch");
    put(&store, "a", "1").await;
    assert_eq!(next_batch(&mut watch).await.revision, 2);
    put(&store, "a", "2").await;
    assert_eq!(next_batch(&mut watch).await.revision, 3);
    store.compact(3).await.expect("a compaction");
    put(&store, "a", "3").await;
    let batch = next_batch(&mut watch).await;
    assert_eq!(batch.revision, 4);
    let before = store.get(&key("a"), Some(3)).await.expect("a get").item;
    let before = before.expect("the state before is still visible at the compaction revision");
    assert_eq!(&before.value[..], b"2");
}

pub(crate) async fn senseless_compactions_are_refused(store: Store) {
    put(&store, "a", "").await;
    put(&store, "a", "").await;
    let error = store.compact(9).await.expect_err("a future revision");
    assert!(
        matches!(
            error,
            Error::FutureRevision {
                requested: 9,
                current: 3
            }
        ),
        "{error:?}"
    );
    store
        .compact(3)
        .await
        .expect("the current revision can be compacted to");
    for revision in [2, 3] {
        let error = store.compact(revision).await.expect_err("it is compacted already");
        assert_eq!(compacted(&error), (revision, 3));
    }
}

pub(crate) async fn rounds_compact_to_the_last_round(store: Store) {
    put(&store, "a", "1").await;
    let first = store
        .compaction_round(CompactionRound::default())
        .await
        .expect("a round");
    assert_eq!(first.compacted, None, "the first round only looks");
    assert!(first.revision >= 2);
    put(&store, "a", "2").await;
    put(&store, "a", "3").await;
    let second = store.compaction_round(first).await.expect("a round");
    assert_eq!(
        (second.compacted, second.logical_time),
        (Some(first.revision), first.logical_time + 1)
    );
    assert_eq!(store.compact_revision(), first.revision);
    assert!(second.revision > first.revision);
    let error = store.get(&key("a"), Some(1)).await.expect_err("it is compacted");
    assert_eq!(compacted(&error), (1, first.revision));
}

pub(crate) async fn rounds_of_two_servers_take_turns(store: Store) {
    put(&store, "a", "1").await;
    let one = store
        .compaction_round(CompactionRound::default())
        .await
        .expect("a round");
    let two = store
        .compaction_round(CompactionRound::default())
        .await
        .expect("a round");
    assert_eq!(
        (one.logical_time, two.logical_time),
        (1, 1),
        "the second one learns the time from the first"
    );
    put(&store, "a", "2").await;
    let one = store.compaction_round(one).await.expect("a round");
    let compacted_to = one.compacted.expect("it is the first one's turn");
    put(&store, "a", "3").await;
    let two = store.compaction_round(two).await.expect("a round");
    assert!(two.compacted.is_some_and(|revision| revision >= compacted_to));
}
