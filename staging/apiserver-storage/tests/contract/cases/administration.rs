//! Snapshots, status, health, closing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use apiserver_storage::{Error, Precondition, RangeOptions};
use bytes::Bytes;

use super::{Store, everything, key, put};

pub(crate) async fn a_snapshot_is_a_private_file(store: Store) {
    put(&store, "a", "1").await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("snapshot");
    std::fs::write(&file, "an older one").expect("the file can be written");
    store.snapshot(&file).await.expect("a snapshot");
    let metadata = std::fs::metadata(&file).expect("the snapshot is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(metadata.len() > 1000, "{} bytes", metadata.len());
    let entries = std::fs::read_dir(directory.path()).expect("the directory is there");
    assert_eq!(entries.count(), 1, "nothing partial is left behind");
}

pub(crate) async fn a_snapshot_into_no_directory_fails(store: Store) {
    let error = store
        .snapshot(Path::new("/nonexistent/snapshot"))
        .await
        .expect_err("there is no such directory");
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    put(&store, "a", "the store goes on").await;
}

pub(crate) async fn the_status_tells_sizes_and_revision(store: Store) {
    put(&store, "a", "1").await;
    let revision = put(&store, "a", "2").await;
    store.compact(revision).await.expect("a compaction");
    let status = store.status().await.expect("a status");
    assert_eq!((status.revision, status.compact_revision), (revision, revision));
    assert!(
        status.size > 0 && status.size_in_use.is_none_or(|used| used <= status.size),
        "{status:?}"
    );
    assert!(
        status.backend.starts_with("embedded") || status.backend.starts_with("etcd 3."),
        "{status:?}"
    );
}

pub(crate) async fn a_working_store_is_healthy(store: Store) {
    store.health().await.expect("it is healthy");
    assert_eq!(
        store.current_revision().await.expect("a revision"),
        1,
        "a health check changes nothing"
    );
}

pub(crate) async fn a_closed_store_refuses(store: Store) {
    put(&store, "a", "").await;
    store.close().await;
    store.close().await;
    let errors = [
        store.get(&key("a"), None).await.map(drop).expect_err("a get"),
        store
            .range(&everything(), RangeOptions::latest())
            .await
            .map(drop)
            .expect_err("a range"),
        store
            .put(key("a"), Bytes::new(), Precondition::None, None)
            .await
            .map(drop)
            .expect_err("a put"),
        store.watch(everything(), None).await.map(drop).expect_err("a watch"),
        store.compact(2).await.expect_err("a compaction"),
        store.current_revision().await.map(drop).expect_err("a revision"),
        store.health().await.expect_err("a health check"),
    ];
    for error in errors {
        assert!(matches!(error, Error::Closed), "{error:?}");
    }
}
