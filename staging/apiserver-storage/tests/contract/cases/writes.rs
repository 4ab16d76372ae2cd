//! Puts, deletes and transactions, with and without preconditions.

use std::collections::HashSet;

use apiserver_storage::{Error, Operation, Precondition, RangeOptions, Transaction};
use bytes::Bytes;
use futures::future::join_all;

use super::{Store, conflicting, delete, everything, expected, get, key, pair, pairs, put};

fn put_operation(name: &str, value: &'static str, precondition: Precondition) -> Operation {
    Operation::Put {
        key: key(name),
        value: Bytes::from(value),
        precondition,
        ttl: None,
    }
}

pub(crate) async fn the_first_write_is_revision_two(store: Store) {
    assert_eq!(put(&store, "a", "").await, 2);
    assert_eq!(put(&store, "a", "").await, 3);
    assert_eq!(store.current_revision().await.expect("a revision"), 3);
}

pub(crate) async fn an_update_keeps_the_create_revision(store: Store) {
    let created = put(&store, "a", "1").await;
    let updated = put(&store, "a", "2").await;
    let item = get(&store, "a").await;
    assert_eq!(
        (item.create_revision, item.mod_revision, &item.value[..]),
        (created, updated, &b"2"[..])
    );
}

pub(crate) async fn a_recreated_key_is_new(store: Store) {
    put(&store, "a", "1").await;
    delete(&store, "a").await;
    let recreated = store
        .put(key("a"), Bytes::from("2"), Precondition::Absent, None)
        .await
        .expect("it is absent");
    let item = get(&store, "a").await;
    assert_eq!((item.create_revision, item.mod_revision), (recreated, recreated));
}

pub(crate) async fn creating_an_existing_key_conflicts(store: Store) {
    put(&store, "a", "1").await;
    let current = conflicting(store.put(key("a"), Bytes::from("2"), Precondition::Absent, None).await);
    assert_eq!(current.as_ref().map(pair), Some(("a".to_owned(), "1".to_owned())));
    assert_eq!(get(&store, "a").await, current.expect("it was just compared"));
    assert_eq!(store.current_revision().await.expect("a revision"), 2);
}

pub(crate) async fn a_stale_mod_revision_conflicts(store: Store) {
    let first = put(&store, "a", "1").await;
    let guard = Precondition::ModRevision(first);
    let second = store
        .put(key("a"), Bytes::from("2"), guard, None)
        .await
        .expect("the revision is current");
    let error = store
        .put(key("a"), Bytes::from("3"), guard, None)
        .await
        .expect_err("a conflict");
    let conflict = error.conflict().expect("a conflict");
    assert_eq!((&conflict.key, conflict.revision), (&key("a"), second));
    let current = conflict.current.as_ref().expect("the key exists");
    assert_eq!((current.mod_revision, &current.value[..]), (second, &b"2"[..]));
}

pub(crate) async fn a_mod_revision_of_a_missing_key_conflicts(store: Store) {
    let gone = put(&store, "gone", "1").await;
    delete(&store, "gone").await;
    for name in ["gone", "never"] {
        let guard = Precondition::ModRevision(gone);
        assert_eq!(
            conflicting(store.put(key(name), Bytes::new(), guard, None).await),
            None,
            "{name}"
        );
        assert_eq!(conflicting(store.delete(key(name), guard).await), None, "{name}");
    }
}

pub(crate) async fn a_delete_returns_what_it_deleted(store: Store) {
    let revision = put(&store, "a", "1").await;
    let response = store
        .delete(key("a"), Precondition::ModRevision(revision))
        .await
        .expect("it is current");
    let deleted = response.deleted.expect("it existed");
    assert_eq!(
        (response.revision, pair(&deleted)),
        (revision + 1, ("a".to_owned(), "1".to_owned()))
    );
    assert_eq!(deleted.mod_revision, revision);
    assert_eq!(store.get(&key("a"), None).await.expect("a get").item, None);
}

pub(crate) async fn deleting_a_missing_key_changes_nothing(store: Store) {
    put(&store, "a", "1").await;
    let response = store
        .delete(key("b"), Precondition::None)
        .await
        .expect("it may be absent");
    assert_eq!((response.revision, response.deleted), (2, None));
    delete(&store, "a").await;
    let response = store
        .delete(key("a"), Precondition::None)
        .await
        .expect("it may be absent");
    assert_eq!((response.revision, response.deleted), (3, None));
    assert_eq!(store.current_revision().await.expect("a revision"), 3);
}

pub(crate) async fn a_guarded_delete_conflicts(store: Store) {
    let first = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    let current = conflicting(store.delete(key("a"), Precondition::ModRevision(first)).await);
    assert_eq!(current.as_ref().map(pair), Some(("a".to_owned(), "2".to_owned())));
    assert_eq!(&get(&store, "a").await.value[..], b"2");
}

pub(crate) async fn a_transaction_happens_at_one_revision(store: Store) {
    let old = put(&store, "old", "1").await;
    let operations = vec![
        put_operation("a", "1", Precondition::Absent),
        Operation::Delete {
            key: key("old"),
            precondition: Precondition::ModRevision(old),
        },
        Operation::Delete {
            key: key("never"),
            precondition: Precondition::None,
        },
        put_operation("b", "2", Precondition::None),
    ];
    let response = store
        .transaction(Transaction { operations })
        .await
        .expect("all preconditions hold");
    assert_eq!(response.revision, old + 1);
    let deleted: Vec<_> = response.deleted.iter().map(|item| item.as_ref().map(pair)).collect();
    assert_eq!(deleted, [None, Some(("old".to_owned(), "1".to_owned())), None, None]);
    let found = store
        .range(&everything(), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(pairs(&found.items), expected(&[("a", "1"), ("b", "2")]));
    assert!(found.items.iter().all(|item| item.mod_revision == response.revision));
}

pub(crate) async fn a_refused_transaction_changes_nothing(store: Store) {
    let revision = put(&store, "b", "1").await;
    let operations = vec![
        put_operation("a", "1", Precondition::Absent),
        put_operation("b", "2", Precondition::Absent),
        put_operation("c", "1", Precondition::ModRevision(revision)),
    ];
    let error = store
        .transaction(Transaction { operations })
        .await
        .expect_err("b exists");
    let conflict = error.conflict().expect("a conflict");
    assert_eq!(conflict.key, key("b"));
    assert_eq!(
        conflict.current.as_ref().map(pair),
        Some(("b".to_owned(), "1".to_owned()))
    );
    let found = store
        .range(&everything(), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(
        (pairs(&found.items), found.revision),
        (expected(&[("b", "1")]), revision)
    );
}

pub(crate) async fn senseless_transactions_are_refused(store: Store) {
    let operations = vec![
        put_operation("a", "1", Precondition::None),
        put_operation("a", "2", Precondition::None),
    ];
    let error = store
        .transaction(Transaction { operations })
        .await
        .expect_err("a key twice");
    assert_eq!(
        error.to_string(),
        "invalid storage request: duplicate key in transaction"
    );
    let error = store
        .put(Bytes::new(), Bytes::new(), Precondition::None, None)
        .await
        .expect_err("no key");
    assert_eq!(error.to_string(), "invalid storage request: key is empty");
    let response = store
        .transaction(Transaction::default())
        .await
        .expect("nothing can be done");
    assert_eq!((response.revision, response.deleted.len()), (1, 0));
}

pub(crate) async fn a_large_value_fits_and_a_larger_one_is_refused(store: Store) {
    let large = Bytes::from(vec![b'x'; 1_500_000]);
    let revision = store
        .put(key("a"), large.clone(), Precondition::Absent, None)
        .await
        .expect("1.5 MB fit");
    for size in [1_600_000, 3_000_000] {
        let larger = Bytes::from(vec![b'y'; size]);
        let error = store
            .put(key("a"), larger, Precondition::None, None)
            .await
            .expect_err("too large");
        assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    }
    let item = get(&store, "a").await;
    assert_eq!((item.mod_revision, item.value), (revision, large));
}

pub(crate) async fn concurrent_updates_lose_nothing(store: Store) {
    const TASKS: usize = 8;
    const INCREMENTS: usize = 10;
    put(&store, "counter", "0").await;
    let tasks = (0..TASKS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..INCREMENTS {
                let mut current = get(&store, "counter").await;
                loop {
                    let value: usize = pair(&current).1.parse().expect("a number");
                    let guard = Precondition::ModRevision(current.mod_revision);
                    let value = Bytes::from((value + 1).to_string());
                    match store.put(key("counter"), value, guard, None).await {
                        Ok(_) => break,
                        Err(Error::Conflict(conflict)) => current = conflict.current.expect("it is never deleted"),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("the task succeeds");
    }
    assert_eq!(pair(&get(&store, "counter").await).1, (TASKS * INCREMENTS).to_string());
    let writes = u64::try_from(TASKS * INCREMENTS).expect("small");
    assert_eq!(store.current_revision().await.expect("a revision"), 2 + writes);
}

pub(crate) async fn concurrent_writers_get_distinct_revisions(store: Store) {
    let writes = (0..100).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let revision = put(&store, &format!("{number:03}"), "").await;
            let seen = store.current_revision().await.expect("a revision");
            assert!(seen >= revision, "an acknowledged write is visible");
            revision
        })
    });
    let revisions: HashSet<u64> = join_all(writes)
        .await
        .into_iter()
        .map(|task| task.expect("it succeeds"))
        .collect();
    assert_eq!(revisions, (2..102).collect());
}
