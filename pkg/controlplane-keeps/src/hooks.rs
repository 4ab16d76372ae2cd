//! What runs after the server has begun to serve, and whether it has done its first work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use component_base::health::{HealthCheck, HealthEndpoints, HealthError};
use futures::future::{BoxFuture, FutureExt as _};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The pause before first work that failed is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// One hook's place in the health paths: `poststarthook/NAME`.
#[derive(Debug)]
struct Hook {
    name: String,
    done: AtomicBool,
}

impl HealthCheck for Hook {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>> {
        let result = if self.done.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(HealthError("not finished".to_owned()))
        };
        std::future::ready(result).boxed()
    }
}

/// The hooks of a server: known by name when the health paths are made, run later.
#[derive(Debug, Default)]
pub struct Hooks {
    hooks: Vec<Arc<Hook>>,
    tasks: TaskTracker,
}

impl Hooks {
    /// Announces hooks under upstream's names; each is a check of all three health paths.
    #[must_use]
    pub fn announce(names: &[&str], health: &mut HealthEndpoints, livez_grace_period: Duration) -> Self {
        let hooks: Vec<Arc<Hook>> = names
            .iter()
            .map(|name| {
                Arc::new(Hook {
                    name: format!("poststarthook/{name}"),
                    done: AtomicBool::new(false),
                })
            })
            .collect();
        for hook in &hooks {
            health.add_boot_sequence(hook.clone(), livez_grace_period);
        }
        Self {
            hooks,
            tasks: TaskTracker::new(),
        }
    }

    /// Tries the first work of a hook until it succeeds; then the hook counts as done and `then` goes on until `stop`.
    ///
    /// # Panics
    /// If the hook was not announced.
    pub fn run<W, F, E, T>(&self, name: &'static str, stop: &CancellationToken, work: W, then: T)
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display + Send,
        T: Future<Output = ()> + Send + 'static,
    {
        let path = format!("poststarthook/{name}");
        let hook = self.hooks.iter().find(|hook| hook.name == path).cloned();
        let hook = hook.expect("every hook that runs was announced");
        let stop = stop.clone();
        self.tasks.spawn(async move {
            let first = async {
                while let Err(error) = work().await {
                    tracing::warn!(hook = name, %error, "a post-start hook failed, trying again");
                    tokio::time::sleep(RETRY).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = first => {}
            }
            hook.done.store(true, Ordering::Release);
            tracing::debug!(hook = name, "post-start hook done");
            tokio::select! {
                () = stop.cancelled() => {}
                () = then => {}
            }
        });
    }

    /// Whether every hook has done its first work.
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.hooks.iter().all(|hook| hook.done.load(Ordering::Acquire))
    }

    /// Waits until every hook has done its first work.
    pub async fn wait_done(&self) {
        while !self.all_done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until all hooks have ended, after their `stop`.
    pub async fn join(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
