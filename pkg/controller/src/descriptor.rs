//! [`Descriptor`]: what the manager knows of a controller before it runs.

use component_base::feature_gates::Feature;
use futures::future::{BoxFuture, FutureExt as _};
use tokio_util::sync::CancellationToken;

use crate::ControllerContext;

/// Why a controller cannot be built; the process ends.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no client for it.
    #[error("failed to create Kubernetes client for {name:?}: {source}")]
    Client {
        /// The client's name.
        name: String,
        /// Why.
        source: client_go::Error,
    },
    /// Its configuration makes no sense, or a file of it cannot be read.
    #[error("{0}")]
    Configuration(String),
}

/// What a [`Constructor`] returns: a controller, or `None` if there is nothing for it to do as configured.
pub type Built = Result<Option<Controller>, BuildError>;

/// Builds a controller: registers its handlers with the shared informers, which do not run yet.
pub type Constructor = fn(ControllerContext) -> BoxFuture<'static, Built>;

/// One line of the table of controllers.
#[derive(Clone, Copy)]
pub struct Descriptor {
    /// The name on the command line, in logs and in health checks.
    pub name: &'static str,
    /// Names that it had in earlier releases.
    pub aliases: &'static [&'static str],
    /// Without these feature gates it does not run.
    pub feature_gates: &'static [Feature],
    /// `*` does not include it.
    pub disabled_by_default: bool,
    /// It is built before all others, whether it was asked for or not: they need the tokens it makes.
    pub first: bool,
    /// How it is built.
    pub constructor: Constructor,
}

impl Descriptor {
    /// A controller that runs unless it is switched off.
    #[must_use]
    pub const fn new(name: &'static str, constructor: Constructor) -> Self {
        Self {
            name,
            aliases: &[],
            feature_gates: &[],
            disabled_by_default: false,
            first: false,
            constructor,
        }
    }

    /// With the names that it had before.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Only with these feature gates.
    #[must_use]
    pub const fn feature_gates(mut self, gates: &'static [Feature]) -> Self {
        self.feature_gates = gates;
        self
    }

    /// Only if named.
    #[must_use]
    pub const fn disabled_by_default(mut self) -> Self {
        self.disabled_by_default = true;
        self
    }

    /// Before all others.
    #[must_use]
    pub const fn first(mut self) -> Self {
        self.first = true;
        self
    }
}

type Run = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;
type Health = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A controller that is ready to run.
pub struct Controller {
    run: Run,
    health: Option<Health>,
}

impl Controller {
    /// A controller; `run` works until the token is cancelled, and leaves no task behind.
    pub fn new<F>(run: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            run: Box::new(move |stop| run(stop).boxed()),
            health: None,
        }
    }

    /// With a health check of its own; without one it counts as healthy while the process answers.
    #[must_use]
    pub fn with_health(mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.health = Some(Box::new(check));
        self
    }

    /// Takes the health check out, to be served under the controller's name.
    pub fn take_health(&mut self) -> Option<Health> {
        self.health.take()
    }

    /// Works until `stop`.
    pub fn run(self, stop: CancellationToken) -> BoxFuture<'static, ()> {
        (self.run)(stop)
    }
}

/// What a constructor that waits for nothing returns.
pub fn ready(built: Built) -> BoxFuture<'static, Built> {
    std::future::ready(built).boxed()
}
