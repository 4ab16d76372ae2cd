//! The second round of mutating admission.
//!
//! A plugin that has changed an object may ask that those before it see the object once more; then the whole mutating
//! chain runs again, once (upstream: `k8s.io/apiserver/pkg/admission/reinvocation.go`).

use std::{
    any::Any,
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use k8s_api::meta::v1::ManagedFieldsEntry;
use parking_lot::Mutex;

/// Whether the chain is to run again, whether it does, and what plugins keep from the first round for the second.
#[derive(Debug, Default)]
pub struct Reinvocation {
    wanted: AtomicBool,
    second: AtomicBool,
    kept: Mutex<HashMap<&'static str, Box<dyn Any + Send>>>,
    managers: Mutex<Option<Vec<ManagedFieldsEntry>>>,
}

impl Reinvocation {
    /// Asks for a second round.
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether this is the second round.
    #[must_use]
    pub fn is_second(&self) -> bool {
        self.second.load(Ordering::Relaxed)
    }

    /// Begins the second round, if one was asked for.
    pub(super) fn begin_second(&self) -> bool {
        let begins = self.wanted.load(Ordering::Relaxed);
        self.second.store(begins, Ordering::Relaxed);
        begins
    }

    /// Says what `managedFields` were before a plugin changed them. The first of all counts: the chain goes back to it if
    /// what the plugins leave is invalid.
    pub fn keep_managers(&self, before: &[ManagedFieldsEntry]) {
        self.managers.lock().get_or_insert_with(|| before.to_vec());
    }

    /// What has been kept.
    pub(super) fn take_managers(&self) -> Option<Vec<ManagedFieldsEntry>> {
        self.managers.lock().take()
    }

    /// Works on what a plugin keeps for the request; made when it is first asked for.
    ///
    /// # Panics
    /// When a plugin keeps two types.
    pub fn kept<T: Any + Send + Default, R>(&self, plugin: &'static str, work: impl FnOnce(&mut T) -> R) -> R {
        let mut kept = self.kept.lock();
        let value = kept.entry(plugin).or_insert_with(|| Box::<T>::default());
        work(value.downcast_mut().expect("a plugin keeps one type"))
    }
}
