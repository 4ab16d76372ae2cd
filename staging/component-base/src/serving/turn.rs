//! What a connection's task does when it is woken: only the parts that were woken, and streams that are answered at once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;
use hyper::rt::Executor;
use tokio_util::task::TaskTracker;

/// One of the things that a task waits for: it is polled when it was woken itself, and not whenever the task was.
pub struct Part {
    signal: Arc<Signal>,
    waker: Waker,
}

struct Signal {
    raised: AtomicBool,
    /// Wakes go by unheard: the part will be polled once more before the turn ends.
    muted: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.muted.load(Ordering::Acquire) && !self.raised.swap(true, Ordering::AcqRel) {
            self.task.wake();
        }
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Part").finish_non_exhaustive()
    }
}

impl Part {
    /// A part that has not been polled yet.
    #[must_use]
    pub fn new() -> Self {
        let signal = Arc::new(Signal {
            raised: AtomicBool::new(true),
            muted: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
        }
    }

    /// Wakes the part.
    pub fn raise(&self) {
        self.signal.wake_by_ref();
    }

    /// Polls the part if it was woken; pending otherwise.
    pub fn poll<T>(&self, context: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.signal.task.register(context.waker());
        if !self.signal.raised.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        poll(&mut Context::from_waker(&self.waker))
    }
}

/// Where the streams of an HTTP/2 connection run: each in a task of its own, among the server's, but for those that are
/// answered at once.
#[derive(Clone)]
pub(super) struct Streams {
    tasks: TaskTracker,
    connection: Arc<Signal>,
    /// Whether the next stream is to be tried within the connection's turn.
    at_once: Arc<AtomicBool>,
}

impl Streams {
    /// Streams of the connection that is this part of its task.
    pub(super) fn new(tasks: TaskTracker, connection: &Part) -> Self {
        Self {
            tasks,
            connection: Arc::clone(&connection.signal),
            at_once: Arc::default(),
        }
    }

    /// Announces that the stream which is executed next is probably complete when it was polled once.
    pub(super) fn expect_at_once(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        if !self.at_once.swap(false, Ordering::Relaxed) {
            self.tasks.spawn(future);
            return;
        }
        let mut future: Pin<Box<F>> = Box::pin(future);
        // The connection asks for further streams behind this call, and so finds what this one has written.
        self.connection.muted.store(true, Ordering::Release);
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.connection.muted.store(false, Ordering::Release);
        if polled.is_pending() {
            self.tasks.spawn(future);
        }
    }
}
