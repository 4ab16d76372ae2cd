//! The tasks behind upgraded connections: who owns them and how they end.
//!
//! An upgraded connection outlives the HTTP exchange that began it, so its tasks belong to a
//! [`Connections`], which a server keeps and shuts down.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a closed connection is still read, so that the peer gets everything sent to it: closing
/// a socket with unread data discards what the peer has not yet received.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Owner of the tasks of upgraded connections. Clones are the same owner.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Connections {
    /// An owner without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tasks run.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Ends all connections and waits until their tasks have ended.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.idle().await;
    }

    /// Waits until no task runs, without ending any.
    pub async fn idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Cancelled when the connections must end.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task that ends by itself when [`Connections::stopping`] says so.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // The tracker, not the handle, is what waits for the task.
        drop(self.tasks.spawn(task));
    }

    /// Runs a task that is dropped when the connections must end.
    pub(crate) fn spawn_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stopping();
        self.spawn(async move {
            // The task's value is nothing, so being cut off loses nothing either.
            let _ = stop.run_until_cancelled_owned(task).await;
        });
    }
}

/// Reads and forgets until the peer ends, an error, or the limit.
pub(crate) async fn discard_until_eof<R: AsyncRead + Unpin + ?Sized>(reader: &mut R, limit: Duration) {
    let mut scratch = vec![0; 8 * 1024];
    let drain = async { while matches!(reader.read(&mut scratch).await, Ok(1..)) {} };
    // Running into the limit is as good an end as any: the connection is closed either way.
    let _ = tokio::time::timeout(limit, drain).await;
}
