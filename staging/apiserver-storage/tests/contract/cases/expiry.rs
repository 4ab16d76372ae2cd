//! Times to live. etcd's shortest lease is about two seconds here, so that the cases take some; none of them sleeps.

use std::time::{Duration, Instant};

use apiserver_storage::{Event, Precondition};
use bytes::Bytes;

use super::{Store, everything, get, key, next_batch, put};

const TTL: Duration = Duration::from_secs(2);

async fn put_for(store: &Store, name: &str, ttl: Duration) -> u64 {
    store
        .put(key(name), Bytes::from("x"), Precondition::None, Some(ttl))
        .await
        .expect("a put succeeds")
}

pub(crate) async fn an_expired_key_is_deleted(store: Store) {
    let revision = put_for(&store, "a", TTL).await;
    put(&store, "b", "stays").await;
    assert_eq!(get(&store, "a").await.mod_revision, revision);
    let mut watch = store.watch(everything(), Some(revision + 2)).await.expect("a watch");
    let batch = next_batch(&mut watch).await;
    match &batch.events[..] {
        [
            Event::Delete {
                key: expired,
                revision: at,
            },
        ] => assert_eq!((expired, *at), (&key("a"), batch.revision)),
        events => panic!("{events:?}"),
    }
    assert_eq!(store.get(&key("a"), None).await.expect("a get").item, None);
    let before = store
        .get(&key("a"), Some(batch.revision - 1))
        .await
        .expect("a get")
        .item;
    assert_eq!(before.map(|item| item.mod_revision), Some(revision));
    assert_eq!(&get(&store, "b").await.value[..], b"stays");
}

pub(crate) async fn a_key_does_not_expire_early(store: Store) {
    let start = Instant::now();
    let revision = put_for(&store, "a", Duration::from_millis(1500)).await;
    let mut watch = store.watch(everything(), Some(revision + 1)).await.expect("a watch");
    next_batch(&mut watch).await;
    assert!(
        start.elapsed() >= Duration::from_millis(1500),
        "expired after {:?}",
        start.elapsed()
    );
}

pub(crate) async fn a_put_without_ttl_takes_it_off(store: Store) {
    put_for(&store, "kept", TTL).await;
    put_for(&store, "gone", TTL).await;
    let kept = put(&store, "kept", "y").await;
    let mut watch = store.watch(everything(), Some(kept + 1)).await.expect("a watch");
    let batch = next_batch(&mut watch).await;
    assert_eq!(batch.events.iter().map(Event::key).collect::<Vec<_>>(), [&key("gone")]);
    assert_eq!(get(&store, "kept").await.mod_revision, kept);
}

pub(crate) async fn keys_with_one_ttl_expire_together(store: Store) {
    for number in 0..20 {
        put_for(&store, &format!("{number:02}"), TTL).await;
    }
    let mut watch = store.watch(everything(), Some(22)).await.expect("a watch");
    let mut gone = Vec::new();
    while gone.len() < 20 {
        let batch = next_batch(&mut watch).await;
        assert!(batch.events.iter().all(|event| matches!(event, Event::Delete { .. })));
        gone.extend(batch.events.iter().map(|event| event.key().clone()));
    }
    gone.sort();
    assert_eq!(
        gone,
        (0..20).map(|number| key(&format!("{number:02}"))).collect::<Vec<_>>()
    );
    assert_eq!(store.count(&everything(), None).await.expect("a count").count, 0);
}
