//! Charging: many writes at once, one compare-and-swap of each quota's status.
//!
//! A write hands its charges to its namespace's batch. The first of a batch starts a task that takes the
//! batch, charges each write in turn to copies of the quotas, and writes every changed quota once; while it
//! does, the next batch gathers. When another server's write came between, the quota is read anew and its
//! charges are judged again. A write is charged to all of its quotas or to none.
//!
//! The task belongs to the batch and not to a request: a client that goes away does not hold the others up.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    sync::Arc,
    time::Duration,
};

use apimachinery::status::StatusError;
use apiserver::admission::Lookup;
use async_trait::async_trait;
use k8s_api::core::v1::ResourceQuota;
use parking_lot::Mutex;
use quota::ResourceList;
use tokio::sync::oneshot;

use super::check::Charge;

/// How often a quota's status is tried to be written before its charges fail.
const ATTEMPTS: usize = 8;
/// How long a write waits for its charge.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes what is used.
#[async_trait]
pub trait QuotaAccess: Send + Sync + Debug + 'static {
    /// Replaces the status of a quota at its resource version.
    ///
    /// # Errors
    /// `Conflict` if it has changed since, `NotFound` if it is gone, or what the store says.
    async fn update_status(&self, quota: &ResourceQuota) -> Result<ResourceQuota, StatusError>;
}

/// Why a write is not charged.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// There is not so much left.
    Exceeded(String),
    /// What is used cannot be written.
    Failed(StatusError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exceeded(text) => formatter.write_str(text),
            Self::Failed(status) => fmt::Display::fmt(status, formatter),
        }
    }
}

/// What of a charge a quota bounds.
fn counted(quota: &ResourceQuota, charge: &Charge) -> ResourceList {
    quota::mask(&charge.delta, |name| quota.status.hard.contains_key(name))
}

/// What would be used after a charge, unless that is too much.
fn charged(quota: &ResourceQuota, charge: &Charge, unbounded: bool) -> Result<ResourceList, Refusal> {
    let requested = counted(quota, charge);
    let used = quota::add(&quota.status.used, &requested);
    if unbounded {
        return Ok(used);
    }
    let concerned = quota::mask(&used, |name| requested.contains_key(name));
    let exceeded = quota::exceeded(&concerned, &quota.status.hard);
    if exceeded.is_empty() {
        return Ok(used);
    }
    let part = |list: &ResourceList| quota::format(&quota::mask(list, |name| exceeded.contains(&name)));
    Err(Refusal::Exceeded(format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        quota.metadata.name,
        part(&requested),
        part(&quota.status.used),
        part(&quota.status.hard)
    )))
}

/// Judges charges without writing anything.
pub(super) fn rehearse(quotas: &[Arc<ResourceQuota>], charges: &[Charge], unbounded: bool) -> Result<(), Refusal> {
    for charge in charges {
        let quota = quotas.iter().find(|quota| quota.metadata.name == charge.quota);
        if let Some(quota) = quota {
            charged(quota, charge, unbounded)?;
        }
    }
    Ok(())
}

/// A write that waits for its charges.
struct Waiter {
    charges: Vec<Charge>,
    /// What is used is noted and not judged.
    unbounded: bool,
    done: oneshot::Sender<Result<(), Refusal>>,
}

/// Charges the writes of all namespaces.
pub(super) struct Accountant {
    quotas: Arc<dyn Lookup<ResourceQuota>>,
    access: Arc<dyn QuotaAccess>,
    /// The batch that gathers, for each namespace with a task.
    batches: Mutex<HashMap<String, Vec<Waiter>>>,
}

impl Debug for Accountant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batches = self.batches.lock().len();
        formatter
            .debug_struct("Accountant")
            .field("batches", &batches)
            .finish_non_exhaustive()
    }
}

impl Accountant {
    pub(super) fn new(quotas: Arc<dyn Lookup<ResourceQuota>>, access: Arc<dyn QuotaAccess>) -> Arc<Self> {
        Arc::new(Self {
            quotas,
            access,
            batches: Mutex::default(),
        })
    }

    /// Charges a write to its quotas.
    pub(super) async fn charge(
        self: &Arc<Self>,
        namespace: &str,
        charges: Vec<Charge>,
        unbounded: bool,
    ) -> Result<(), Refusal> {
        let (done, answer) = oneshot::channel();
        let waiter = Waiter {
            charges,
            unbounded,
            done,
        };
        let starts = {
            let mut batches = self.batches.lock();
            match batches.get_mut(namespace) {
                Some(batch) => {
                    batch.push(waiter);
                    false
                }
                None => {
                    batches.insert(namespace.to_owned(), vec![waiter]);
                    true
                }
            }
        };
        if starts {
            tokio::spawn(self.clone().run(namespace.to_owned()));
        }
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(result)) => result,
            _ => Err(Refusal::Failed(StatusError::internal_error(
                "resource quota evaluation timed out",
            ))),
        }
    }

    /// Takes batches until none is left.
    async fn run(self: Arc<Self>, namespace: String) {
        loop {
            let waiters = {
                let mut batches = self.batches.lock();
                match batches.get_mut(&namespace) {
                    Some(batch) if !batch.is_empty() => std::mem::take(batch),
                    _ => {
                        batches.remove(&namespace);
                        return;
                    }
                }
            };
            // The cache holds what the last batch wrote before this one is judged.
            if self.quotas.lags() {
                self.quotas.catch_up().await;
            }
            let mut batch = Batch::new(&self, &namespace, waiters);
            batch.settle().await;
            batch.answer();
        }
    }
}

/// One write of a batch.
struct Entry {
    waiter: Waiter,
    /// Which of its charges stand in a copy of their quota.
    charged: Vec<bool>,
    result: Option<Result<(), Refusal>>,
}

/// The writes that are charged together.
struct Batch<'a> {
    accountant: &'a Accountant,
    namespace: &'a str,
    entries: Vec<Entry>,
    /// The quotas as they are stored; `None` for those that are gone.
    stored: BTreeMap<String, Option<Arc<ResourceQuota>>>,
    /// What is to be used of them afterwards.
    used: BTreeMap<String, ResourceList>,
}

impl<'a> Batch<'a> {
    fn new(accountant: &'a Accountant, namespace: &'a str, waiters: Vec<Waiter>) -> Self {
        let entries = waiters.into_iter().map(|waiter| Entry {
            charged: vec![false; waiter.charges.len()],
            waiter,
            result: None,
        });
        Self {
            accountant,
            namespace,
            entries: entries.collect(),
            stored: BTreeMap::new(),
            used: BTreeMap::new(),
        }
    }

    /// Charges and writes, again and again where another write came between.
    async fn settle(&mut self) {
        for _ in 0..ATTEMPTS {
            for index in 0..self.entries.len() {
                self.charge(index);
            }
            match self.write().await {
                Ok(true) => return,
                Ok(false) => {}
                Err((quota, status)) => {
                    self.fail(&quota, &status);
                    // What the failed writes were charged elsewhere is given back by the next round.
                }
            }
        }
        let conflict = "the quota has been changed by others too often; please try again";
        let resource = apimachinery::status::GroupResource::new("", "resourcequotas");
        let changed: Vec<String> = self.used.keys().cloned().collect();
        for quota in changed {
            let status = StatusError::conflict(resource, &quota, conflict);
            self.fail(&quota, &status);
        }
    }

    /// The quota as it is to be written.
    fn copy(&mut self, name: &str) -> Option<ResourceQuota> {
        let (accountant, namespace) = (self.accountant, self.namespace);
        let stored = self
            .stored
            .entry(name.to_owned())
            .or_insert_with(|| accountant.quotas.get(namespace, name));
        let mut quota = ResourceQuota::clone(stored.as_ref()?);
        if let Some(used) = self.used.get(name) {
            quota.status.used.clone_from(used);
        }
        Some(quota)
    }

    /// Charges one write to all of its quotas where it is not charged yet, or to none.
    fn charge(&mut self, index: usize) {
        if self.entries[index].result.is_some() {
            return;
        }
        let (charges, unbounded) = (
            self.entries[index].waiter.charges.clone(),
            self.entries[index].waiter.unbounded,
        );
        let mut changes: Vec<(String, ResourceList)> = Vec::new();
        let mut refusal = None;
        for (number, charge) in charges.iter().enumerate() {
            if self.entries[index].charged[number] {
                continue;
            }
            // A quota that is gone bounds nothing.
            let Some(quota) = self.copy(&charge.quota) else {
                continue;
            };
            match charged(&quota, charge, unbounded) {
                Ok(used) => changes.push((charge.quota.clone(), used)),
                Err(refused) => {
                    refusal = Some(refused);
                    break;
                }
            }
        }
        match refusal {
            None => {
                self.used.extend(changes);
                self.entries[index].charged.fill(true);
            }
            Some(refusal) => {
                self.give_back(index);
                self.entries[index].result = Some(Err(refusal));
            }
        }
    }

    /// Takes back what a write was charged in an earlier round.
    fn give_back(&mut self, index: usize) {
        let charges = self.entries[index].waiter.charges.clone();
        for (number, charge) in charges.iter().enumerate() {
            if !std::mem::take(&mut self.entries[index].charged[number]) {
                continue;
            }
            if let Some(quota) = self.copy(&charge.quota) {
                let used = quota::subtract(&quota.status.used, &counted(&quota, charge));
                self.used.insert(charge.quota.clone(), used);
            }
        }
    }

    /// Writes every quota of which more or less is used. Whether all are written; those that are not are read anew, and
    /// their charges are open again.
    async fn write(&mut self) -> Result<bool, (String, StatusError)> {
        let names: Vec<String> = self.used.keys().cloned().collect();
        let mut all = true;
        for name in names {
            let Some(quota) = self.copy(&name) else { continue };
            let stored = self.stored.get(&name).and_then(Option::as_ref);
            let unchanged = stored.is_some_and(|stored| quota::equals(&stored.status.used, &quota.status.used));
            if unchanged {
                self.used.remove(&name);
                continue;
            }
            match self.accountant.access.update_status(&quota).await {
                Ok(written) => {
                    self.used.remove(&name);
                    self.stored.insert(name, Some(Arc::new(written)));
                }
                Err(status) if status.is_conflict() || status.is_not_found() => {
                    all = false;
                    let latest = self.accountant.quotas.live(self.namespace, &name).await;
                    let latest = latest.map_err(|status| (name.clone(), status))?;
                    self.used.remove(&name);
                    self.reopen(&name);
                    self.stored.insert(name, latest);
                }
                Err(status) => return Err((name, status)),
            }
        }
        Ok(all)
    }

    /// The charges to a quota that was not written are to be judged again.
    fn reopen(&mut self, name: &str) {
        for entry in self.entries.iter_mut().filter(|entry| entry.result.is_none()) {
            for (charge, charged) in entry.waiter.charges.iter().zip(&mut entry.charged) {
                *charged &= charge.quota != name;
            }
        }
    }

    /// The writes that a quota counts fail: it cannot be written.
    fn fail(&mut self, name: &str, status: &StatusError) {
        self.used.remove(name);
        self.reopen(name);
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            let concerned = entry.waiter.charges.iter().any(|charge| charge.quota == name);
            if concerned && entry.result.is_none() {
                self.give_back(index);
                self.entries[index].result = Some(Err(Refusal::Failed(status.clone())));
            }
        }
    }

    /// Tells every write how it stands. One whose request is gone stays charged until the controller counts anew.
    fn answer(self) {
        for entry in self.entries {
            let _ = entry.waiter.done.send(entry.result.unwrap_or(Ok(())));
        }
    }
}
