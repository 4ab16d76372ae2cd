//! [`Operations`]: work on volumes that takes its time, one at a time for each, with pauses after failures.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(122);

/// Where an operation stands.
enum Standing {
    Running,
    Failed { until: Instant, pause: Duration },
}

/// Work that goes on beside the queues.
#[derive(Default)]
pub(super) struct Operations {
    standings: Arc<Mutex<HashMap<String, Standing>>>,
    tasks: TaskTracker,
}

impl Operations {
    /// Begins an operation, unless one of this name runs or has failed a short time ago. `work` tells whether it failed.
    pub(super) fn run(&self, name: String, work: impl Future<Output = Result<(), ()>> + Send + 'static) {
        let pause = {
            let mut standings = self.standings.lock();
            let pause = match standings.get(&name) {
                None => FIRST_PAUSE,
                Some(Standing::Failed { until, pause }) if *until <= Instant::now() => (*pause * 2).min(LONGEST_PAUSE),
                Some(_) => return,
            };
            standings.insert(name.clone(), Standing::Running);
            pause
        };
        let standings = self.standings.clone();
        self.tasks.spawn(async move {
            let outcome = work.await;
            let mut standings = standings.lock();
            match outcome {
                Ok(()) => drop(standings.remove(&name)),
                Err(()) => {
                    let until = Instant::now() + pause;
                    standings.insert(name, Standing::Failed { until, pause });
                }
            }
        });
    }

    /// Waits for what runs.
    pub(super) async fn shut_down(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
