//! Periodic compaction: the driver of [`Storage::compaction_round`] on every backend.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{CompactionRound, Storage};

/// The default of `--etcd-compaction-interval`.
pub const DEFAULT_COMPACTION_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Compacts the store once an interval to where it stood an interval before, until `stop` is cancelled. An interval of zero disables it.
///
/// A round that fails is logged and repeated after the next interval.
pub async fn run_compaction(storage: Arc<dyn Storage>, interval: Duration, stop: CancellationToken) {
    if interval.is_zero() {
        return;
    }
    let mut round = CompactionRound::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = stop.cancelled() => return,
        }
        match storage.compaction_round(round).await {
            Ok(next) => {
                tracing::debug!(revision = next.revision, compacted = next.compacted, "compaction round");
                round = next;
            }
            Err(error) => tracing::error!(%error, "compaction failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Precondition;
    use crate::embedded::{Embedded, EmbeddedOptions};

    #[tokio::test(start_paused = true)]
    async fn each_interval_compacts_to_the_last_one() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Embedded::open(directory.path(), EmbeddedOptions::default()).expect("a fresh store opens");
        let store: Arc<dyn Storage> = Arc::new(store);
        let stop = CancellationToken::new();
        let driver = tokio::spawn(run_compaction(
            Arc::clone(&store),
            DEFAULT_COMPACTION_INTERVAL,
            stop.clone(),
        ));
        let mut last = 0;
        while store.compact_revision() < 3 {
            last = store
                .put(Bytes::from("a"), Bytes::new(), Precondition::None, None)
                .await
                .expect("a put");
            tokio::time::sleep(DEFAULT_COMPACTION_INTERVAL).await;
        }
        assert!(store.compact_revision() < last, "the last interval is kept");
        stop.cancel();
        driver.await.expect("the driver ends when told to");
    }

    #[tokio::test]
    async fn an_interval_of_zero_disables() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Embedded::open(directory.path(), EmbeddedOptions::default()).expect("a fresh store opens");
        run_compaction(Arc::new(store), Duration::ZERO, CancellationToken::new()).await;
    }
}
