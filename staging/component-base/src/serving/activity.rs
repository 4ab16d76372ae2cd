//! When a connection was last of use: the idle limit, and the limit on a request's head.
//!
//! The limits are Go's: from the first byte of a request its head must be complete within one period (a client that
//! dribbles it gets no further), and a connection without requests is closed after another. A timer a connection looks at
//! the times that this module notes; noting costs two stores a request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The times of one connection.
pub(super) struct Activity {
    begun: Instant,
    in_flight: AtomicUsize,
    /// Whether a request's head has begun and is not complete; HTTP/1.1 only.
    reading_head: AtomicBool,
    /// Milliseconds after `begun` at which the present state began.
    since: AtomicU64,
    head_limit: Duration,
    idle_limit: Duration,
}

/// What the timer finds.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing to do before this.
    LookAgain(Instant),
    /// Without requests for too long.
    Idle,
    /// A head has been dribbling for too long.
    SlowHead,
}

impl Activity {
    /// A connection that begins now. The first head of an HTTP/1.1 connection is awaited from the start.
    pub(super) fn new(http1: bool, head_limit: Duration, idle_limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            in_flight: AtomicUsize::new(0),
            reading_head: AtomicBool::new(http1),
            since: AtomicU64::new(0),
            head_limit,
            idle_limit,
        })
    }

    fn note(&self) {
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(elapsed, Ordering::Relaxed);
    }

    fn bytes_arrived(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && !self.reading_head.swap(true, Ordering::Relaxed) {
            self.note();
        }
    }

    /// A request's head is complete; the guard stands for the request.
    pub(super) fn request(self: &Arc<Self>) -> RequestGuard {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.reading_head.store(false, Ordering::Relaxed);
        RequestGuard {
            activity: Arc::clone(self),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let now = Instant::now();
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return Verdict::LookAgain(now + self.head_limit.min(self.idle_limit));
        }
        let (limit, late) = if self.reading_head.load(Ordering::Relaxed) {
            (self.head_limit, Verdict::SlowHead)
        } else {
            (self.idle_limit, Verdict::Idle)
        };
        let deadline = self.begun + Duration::from_millis(self.since.load(Ordering::Relaxed)) + limit;
        if deadline <= now {
            late
        } else {
            // The state may change before the deadline, and the other state's limit may be the shorter one.
            Verdict::LookAgain(deadline.min(now + self.head_limit.min(self.idle_limit)))
        }
    }
}

/// One request in flight, from its head to the end of its response.
pub(super) struct RequestGuard {
    activity: Arc<Activity>,
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.activity.note();
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that notes when bytes arrive.
pub(super) struct Observed<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_arrived();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(32);
    const IDLE: Duration = Duration::from_secs(90);

    async fn after(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_awaited_for_its_limit() {
        let activity = Activity::new(true, HEAD, IDLE);
        after(31).await;
        assert!(matches!(activity.verdict(), Verdict::LookAgain(_)));
        after(1).await;
        assert_eq!(activity.verdict(), Verdict::SlowHead);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_counts_from_its_first_byte() {
        let activity = Activity::new(true, HEAD, IDLE);
        drop(activity.request());
        after(60).await;
        activity.bytes_arrived();
        after(31).await;
        activity.bytes_arrived();
        assert!(matches!(activity.verdict(), Verdict::LookAgain(_)));
        after(1).await;
        assert_eq!(activity.verdict(), Verdict::SlowHead);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_counts_from_the_last_response() {
        let activity = Activity::new(false, HEAD, IDLE);
        let request = activity.request();
        after(1000).await;
        assert!(matches!(activity.verdict(), Verdict::LookAgain(_)));
        drop(request);
        after(89).await;
        assert!(matches!(activity.verdict(), Verdict::LookAgain(_)));
        after(1).await;
        assert_eq!(activity.verdict(), Verdict::Idle);
    }
}
