//! Pods between their assumption and their binding, which can still be taken out of the scheduler's own hands.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use scheduler_framework::{Code, Status};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A pod that plugins asked to wait.
pub struct WaitingPod {
    /// Who asked, and until when.
    pending: Mutex<BTreeMap<&'static str, Instant>>,
    decision: watch::Sender<Option<Status>>,
}

impl WaitingPod {
    fn new(plugins: BTreeMap<&'static str, Duration>) -> Self {
        let now = Instant::now();
        Self {
            pending: Mutex::new(plugins.into_iter().map(|(plugin, wait)| (plugin, now + wait)).collect()),
            decision: watch::Sender::new(None),
        }
    }

    fn decide(&self, status: Status) -> bool {
        self.decision.send_if_modified(|decision| {
            let first = decision.is_none();
            if first {
                *decision = Some(status);
            }
            first
        })
    }

    /// A plugin waits no longer; once none does, the pod goes on.
    pub fn allow(&self, plugin: &str) {
        let mut pending = self.pending.lock();
        pending.remove(plugin);
        if pending.is_empty() {
            self.decide(Status::SUCCESS);
        }
    }

    /// The pod is rejected; false if it had been decided already.
    pub fn reject(&self, plugin: &'static str, message: impl Into<String>) -> bool {
        self.decide(Status::new(Code::Unschedulable, [message.into()]).with_plugin(plugin))
    }

    async fn decided(&self) -> Status {
        let mut decision = self.decision.subscribe();
        let first = self
            .pending
            .lock()
            .iter()
            .map(|(plugin, until)| (*until, *plugin))
            .min();
        let far = Instant::now() + Duration::from_secs(u64::from(u32::MAX));
        let (until, plugin) = first.unwrap_or((far, ""));
        let began = Instant::now();
        tokio::select! {
            outcome = decision.wait_for(Option::is_some) => {
                outcome.ok().and_then(|status| status.clone()).unwrap_or_default()
            }
            () = sleep_until(until) => {
                let waited = component_base::GoDuration::from(until.saturating_duration_since(began));
                self.reject(plugin, format!("rejected due to timeout after waiting {waited} at plugin {plugin}"));
                self.decision.borrow().clone().unwrap_or_default()
            }
        }
    }
}

/// How far a pod's binding is.
struct PreBinding {
    cancel: CancellationToken,
    /// Why it was cancelled.
    reason: Option<String>,
    /// Whether it is too late to cancel it.
    passed: bool,
}

/// The pods on their way to their binding.
#[derive(Default)]
pub struct BindingPods {
    waiting: Mutex<HashMap<String, Arc<WaitingPod>>>,
    pre_binding: Mutex<HashMap<String, PreBinding>>,
}

impl BindingPods {
    /// A pod waits for these plugins, each for so long at most.
    pub fn wait(&self, uid: &str, plugins: BTreeMap<&'static str, Duration>) {
        let pod = Arc::new(WaitingPod::new(plugins));
        self.waiting.lock().insert(uid.to_owned(), pod);
    }

    /// A pod that waits.
    #[must_use]
    pub fn waiting(&self, uid: &str) -> Option<Arc<WaitingPod>> {
        self.waiting.lock().get(uid).cloned()
    }

    /// Waits until it is decided about a pod; `None` if it need not wait.
    pub async fn decided(&self, uid: &str) -> Option<(Status, Duration)> {
        let pod = self.waiting(uid)?;
        let began = Instant::now();
        let status = pod.decided().await;
        self.waiting.lock().remove(uid);
        Some((status, began.elapsed()))
    }

    /// A pod enters PreBind; the token is cancelled if it is taken out.
    #[must_use]
    pub fn enter_pre_bind(&self, uid: &str) -> CancellationToken {
        let cancel = CancellationToken::new();
        let entry = PreBinding {
            cancel: cancel.clone(),
            reason: None,
            passed: false,
        };
        self.pre_binding.lock().insert(uid.to_owned(), entry);
        cancel
    }

    /// A pod leaves PreBind, and can be taken out no longer.
    ///
    /// # Errors
    /// It was taken out before; why.
    pub fn pass_pre_bind(&self, uid: &str) -> Result<(), String> {
        match self.pre_binding.lock().get_mut(uid) {
            Some(entry) => {
                entry.passed = true;
                entry.reason.clone().map_or(Ok(()), Err)
            }
            None => Ok(()),
        }
    }

    /// A pod's binding has come to an end.
    pub fn leave(&self, uid: &str) {
        self.pre_binding.lock().remove(uid);
    }

    /// Takes a pod out of PreBind. `None` if it is not there, false if it is too late.
    #[must_use]
    pub fn cancel_pre_bind(&self, uid: &str, reason: &str) -> Option<bool> {
        let mut pods = self.pre_binding.lock();
        let entry = pods.get_mut(uid)?;
        if entry.passed {
            return Some(false);
        }
        entry.reason.get_or_insert_with(|| reason.to_owned());
        entry.cancel.cancel();
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugins(waits: &[(&'static str, u64)]) -> BTreeMap<&'static str, Duration> {
        waits
            .iter()
            .map(|(plugin, seconds)| (*plugin, Duration::from_secs(*seconds)))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_every_plugin() {
        let pods = BindingPods::default();
        pods.wait("p", plugins(&[("a", 10), ("b", 20)]));
        let waiting = pods.waiting("p").unwrap();
        waiting.allow("a");
        waiting.allow("b");
        assert_eq!(pods.decided("p").await.unwrap().0, Status::SUCCESS);
        assert!(pods.waiting("p").is_none());
        assert!(pods.decided("p").await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_runs_out_of_time_rejects() {
        let pods = BindingPods::default();
        pods.wait("p", plugins(&[("a", 20), ("b", 10)]));
        let (status, waited) = pods.decided("p").await.unwrap();
        assert_eq!(waited, Duration::from_secs(10));
        assert_eq!(status.plugin(), "b");
        assert_eq!(
            status.message(),
            "rejected due to timeout after waiting 10s at plugin b"
        );
    }

    #[tokio::test]
    async fn the_first_decision_counts() {
        let pods = BindingPods::default();
        pods.wait("p", plugins(&[("a", 10)]));
        let waiting = pods.waiting("p").unwrap();
        assert!(waiting.reject("x", "no"));
        assert!(!waiting.reject("y", "no"));
        waiting.allow("a");
        let (status, _) = pods.decided("p").await.unwrap();
        assert_eq!((status.plugin(), status.message().as_str()), ("x", "no"));
    }

    #[test]
    fn pre_bind_can_be_left_early_only_before_it_has_passed() {
        let pods = BindingPods::default();
        assert_eq!(pods.cancel_pre_bind("p", "r"), None);
        let token = pods.enter_pre_bind("p");
        assert_eq!(pods.cancel_pre_bind("p", "preempted"), Some(true));
        assert!(token.is_cancelled());
        assert_eq!(pods.pass_pre_bind("p"), Err("preempted".to_owned()));
        pods.leave("p");
        let _token = pods.enter_pre_bind("p");
        assert_eq!(pods.pass_pre_bind("p"), Ok(()));
        assert_eq!(pods.cancel_pre_bind("p", "r"), Some(false));
    }
}
