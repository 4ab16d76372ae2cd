//! The checks that components share.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{HealthCheck, HealthError};

/// `ping`: the process answers.
pub struct PingCheck;

impl HealthCheck for PingCheck {
    fn name(&self) -> &str {
        "ping"
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        ready(Ok(())).boxed()
    }
}

/// `log`: the log can be written to. A line is written within the call that logs it, so a log that blocks blocks the
/// worker threads, and with them every answer: if this check answers, logging works.
pub struct LogCheck;

impl HealthCheck for LogCheck {
    fn name(&self) -> &str {
        "log"
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        ready(Ok(())).boxed()
    }
}

/// `shutdown`: fails once the process is asked to end, so that load balancers look elsewhere.
pub struct ShutdownCheck {
    shutting_down: CancellationToken,
}

impl ShutdownCheck {
    /// Fails once the token is cancelled.
    #[must_use]
    pub fn new(shutting_down: CancellationToken) -> Self {
        Self { shutting_down }
    }
}

impl HealthCheck for ShutdownCheck {
    fn name(&self) -> &str {
        "shutdown"
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        let outcome = if self.shutting_down.is_cancelled() {
            Err(HealthError("process is shutting down".to_owned()))
        } else {
            Ok(())
        };
        ready(outcome).boxed()
    }
}

/// A check made of a name and a function; [`CheckFn::asynchronous`] for one that waits.
pub struct CheckFn<F> {
    name: String,
    function: F,
}

impl<F: Fn() -> BoxFuture<'static, Result<(), HealthError>> + Send + Sync> CheckFn<F> {
    /// A check that waits for something.
    pub fn asynchronous(name: impl Into<String>, function: F) -> Self {
        Self {
            name: name.into(),
            function,
        }
    }
}

/// A check that answers at once.
impl CheckFn<()> {
    /// Wraps a function that looks at something in memory.
    pub fn immediate(
        name: impl Into<String>,
        function: impl Fn() -> Result<(), HealthError> + Send + Sync,
    ) -> CheckFn<impl Fn() -> BoxFuture<'static, Result<(), HealthError>> + Send + Sync> {
        CheckFn {
            name: name.into(),
            function: move || ready(function()).boxed(),
        }
    }
}

impl<F: Fn() -> BoxFuture<'static, Result<(), HealthError>> + Send + Sync> HealthCheck for CheckFn<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        (self.function)()
    }
}

/// A check that can be excluded under the name of its group as well.
pub struct GroupedCheck {
    group: String,
    inner: Arc<dyn HealthCheck>,
}

impl GroupedCheck {
    /// Puts the check into the group.
    pub fn new(group: impl Into<String>, inner: Arc<dyn HealthCheck>) -> Self {
        Self {
            group: group.into(),
            inner,
        }
    }
}

impl HealthCheck for GroupedCheck {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn group(&self) -> Option<&str> {
        Some(&self.group)
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        self.inner.check()
    }
}

/// A check that passes until a grace period is over.
pub struct DelayedCheck {
    inner: Arc<dyn HealthCheck>,
    from: Instant,
}

impl DelayedCheck {
    /// The period starts now.
    #[must_use]
    pub fn new(inner: Arc<dyn HealthCheck>, grace_period: Duration) -> Self {
        Self {
            inner,
            from: Instant::now() + grace_period,
        }
    }
}

impl HealthCheck for DelayedCheck {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn group(&self) -> Option<&str> {
        self.inner.group()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        if Instant::now() > self.from {
            self.inner.check()
        } else {
            ready(Ok(())).boxed()
        }
    }
}
