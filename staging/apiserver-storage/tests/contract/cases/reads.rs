//! Gets, ranges and counts, now and at a revision.

use apiserver_storage::{Error, KeyRange, Precondition, RangeOptions};
use bytes::Bytes;

use super::{Store, delete, everything, expected, get, key, pairs, put};

pub(crate) async fn an_empty_store_stands_at_revision_one(store: Store) {
    assert_eq!(store.current_revision().await.expect("a revision"), 1);
    let all = store
        .range(&KeyRange::all(), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(
        (all.items.len(), all.revision, all.more, all.remaining),
        (0, 1, false, 0)
    );
}

pub(crate) async fn a_missing_key_is_no_error(store: Store) {
    put(&store, "b", "1").await;
    for name in ["a", "b/", "c", ""] {
        let response = store.get(&key(name), None).await.expect("a get succeeds");
        assert_eq!((response.item, response.revision), (None, 2), "{name}");
    }
}

pub(crate) async fn a_get_returns_what_was_put(store: Store) {
    let revision = put(&store, "a", "hello").await;
    let response = store.get(&key("a"), None).await.expect("a get succeeds");
    let item = response.item.expect("the key exists");
    assert_eq!((&item.key[..], &item.value[..]), (&key("a")[..], &b"hello"[..]));
    assert_eq!(
        (item.create_revision, item.mod_revision, response.revision),
        (revision, revision, revision)
    );
}

pub(crate) async fn any_bytes_are_keys_and_values(store: Store) {
    let keys: [&[u8]; 5] = [b"\0", b"\0\0", b"\x01\xff", b"\xff", b"\xff\xff\x00"];
    for key in keys {
        let value: Bytes = [key, &[0, 255, 10]].concat().into();
        store
            .put(Bytes::copy_from_slice(key), value, Precondition::Absent, None)
            .await
            .expect("a put succeeds");
    }
    store
        .put(Bytes::from("empty"), Bytes::new(), Precondition::Absent, None)
        .await
        .expect("a put succeeds");
    let all = store
        .range(&KeyRange::all(), RangeOptions::latest())
        .await
        .expect("a range");
    let found: Vec<&[u8]> = all.items.iter().map(|item| &item.key[..]).collect();
    assert_eq!(found, [keys[0], keys[1], keys[2], b"empty", keys[3], keys[4]]);
    assert_eq!(&all.items[2].value[..], b"\x01\xff\0\xff\n");
    assert!(all.items[3].value.is_empty());
    let high = store
        .range(&KeyRange::prefix(&b"\xff"[..]), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(high.items.len(), 2);
}

pub(crate) async fn ranges_are_ordered_and_half_open(store: Store) {
    for name in ["c", "a", "b0", "b", "d"] {
        put(&store, name, name).await;
    }
    let range = KeyRange::new(key("a"), key("c"));
    let found = store.range(&range, RangeOptions::latest()).await.expect("a range");
    assert_eq!(pairs(&found.items), expected(&[("a", "a"), ("b", "b"), ("b0", "b0")]));
    let found = store
        .range(&KeyRange::prefix(key("b")), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(pairs(&found.items), expected(&[("b", "b"), ("b0", "b0")]));
    let found = store
        .range(&KeyRange::key(key("b")), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(pairs(&found.items), expected(&[("b", "b")]));
    let found = store
        .range(&everything().starting_at(key("b0")), RangeOptions::latest())
        .await
        .expect("a range");
    assert_eq!(pairs(&found.items), expected(&[("b0", "b0"), ("c", "c"), ("d", "d")]));
}

pub(crate) async fn a_limited_range_says_what_remains(store: Store) {
    for name in ["a", "b", "c"] {
        put(&store, name, "").await;
    }
    let cases = [
        (0, 0, true, 3),
        (1, 1, true, 2),
        (2, 2, true, 1),
        (3, 3, false, 0),
        (9, 3, false, 0),
    ];
    for (limit, items, more, remaining) in cases {
        let found = store
            .range(&everything(), RangeOptions::latest().limit(limit))
            .await
            .expect("a range");
        assert_eq!(
            (found.items.len(), found.more, found.remaining, found.revision),
            (items, more, remaining, 4)
        );
    }
}

pub(crate) async fn keys_only_leaves_values_out(store: Store) {
    let revision = put(&store, "a", "hello").await;
    let found = store
        .range(&everything(), RangeOptions::latest().keys_only())
        .await
        .expect("a range");
    assert_eq!(pairs(&found.items), expected(&[("a", "")]));
    assert_eq!(found.items[0].mod_revision, revision);
}

pub(crate) async fn old_revisions_stay_readable(store: Store) {
    let first = put(&store, "a", "1").await;
    let second = put(&store, "b", "1").await;
    let third = put(&store, "a", "2").await;
    let fourth = delete(&store, "a").await;
    let fifth = put(&store, "a", "3").await;
    let cases = [
        (1, vec![]),
        (first, vec![("a", "1")]),
        (second, vec![("a", "1"), ("b", "1")]),
        (third, vec![("a", "2"), ("b", "1")]),
        (fourth, vec![("b", "1")]),
        (fifth, vec![("a", "3"), ("b", "1")]),
    ];
    for (revision, state) in cases {
        let found = store
            .range(&everything(), RangeOptions::at(revision))
            .await
            .expect("a range");
        assert_eq!((pairs(&found.items), found.revision), (expected(&state), revision));
        let single = store.get(&key("a"), Some(revision)).await.expect("a get");
        let value = state
            .iter()
            .find(|(name, _)| *name == "a")
            .map(|(_, value)| value.as_bytes());
        assert_eq!(single.item.as_ref().map(|item| &item.value[..]), value, "at {revision}");
        assert_eq!(single.revision, revision);
    }
    let item = store
        .get(&key("a"), Some(third))
        .await
        .expect("a get")
        .item
        .expect("it exists then");
    assert_eq!((item.create_revision, item.mod_revision), (first, third));
}

pub(crate) async fn pages_at_one_revision_are_stable(store: Store) {
    for number in 0..10 {
        put(&store, &format!("{number}"), "old").await;
    }
    let first = store
        .range(&everything(), RangeOptions::latest().limit(4))
        .await
        .expect("a range");
    assert_eq!((first.items.len(), first.more, first.remaining), (4, true, 6));
    put(&store, "5", "new").await;
    delete(&store, "6").await;
    put(&store, "55", "new").await;
    let mut items = first.items;
    loop {
        let last = items.last().expect("a page has items").key.to_vec();
        let rest = everything().starting_at([&last[..], &[0]].concat());
        let page = store
            .range(&rest, RangeOptions::at(first.revision).limit(4))
            .await
            .expect("a range");
        assert_eq!(page.revision, first.revision);
        assert_eq!(page.remaining as usize, 10 - items.len() - page.items.len());
        items.extend(page.items);
        if !page.more {
            break;
        }
    }
    let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let want: Vec<(&str, &str)> = names.iter().map(|name| (&name[..], "old")).collect();
    assert_eq!(pairs(&items), expected(&want));
}

pub(crate) async fn counts_follow_revisions(store: Store) {
    put(&store, "a", "").await;
    let two = put(&store, "b", "").await;
    let one = delete(&store, "a").await;
    for (revision, count) in [(None, 1), (Some(one), 1), (Some(two), 2), (Some(1), 0)] {
        let response = store.count(&everything(), revision).await.expect("a count");
        assert_eq!((response.count, response.revision), (count, revision.unwrap_or(one)));
    }
}

pub(crate) async fn a_future_revision_is_refused(store: Store) {
    let current = put(&store, "a", "").await;
    let errors = [
        store
            .get(&key("a"), Some(current + 1))
            .await
            .map(drop)
            .expect_err("a get at a future revision"),
        store
            .range(&everything(), RangeOptions::at(current + 1))
            .await
            .map(drop)
            .expect_err("a range"),
        store
            .count(&everything(), Some(current + 1))
            .await
            .map(drop)
            .expect_err("a count"),
    ];
    for error in errors {
        assert!(
            matches!(
                error,
                Error::FutureRevision {
                    requested: 3,
                    current: 2
                }
            ),
            "{error:?}"
        );
    }
}

pub(crate) async fn an_empty_range_has_nothing(store: Store) {
    put(&store, "b", "").await;
    for range in [KeyRange::new(key("b"), key("b")), KeyRange::new(key("c"), key("a"))] {
        let found = store.range(&range, RangeOptions::latest()).await.expect("a range");
        assert_eq!((found.items.len(), found.revision, found.more), (0, 2, false));
        assert_eq!(store.count(&range, None).await.expect("a count").count, 0);
    }
    assert_eq!(get(&store, "b").await.mod_revision, 2);
}
