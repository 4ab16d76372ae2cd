//! What every evaluator answers.

use std::fmt::Debug;

use k8s_api::{
    core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, ScopedResourceSelectorRequirement, Service},
    resource::v1::ResourceClaim,
};

use crate::{
    list::ResourceList,
    scopes::{ScopeError, scope_selectors},
};

/// An object that is counted.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A pod.
    Pod(&'a Pod),
    /// A claim for a volume.
    PersistentVolumeClaim(&'a PersistentVolumeClaim),
    /// A service.
    Service(&'a Service),
    /// A claim for devices. The namespace is passed beside it, for the object may not have one yet.
    ResourceClaim(&'a ResourceClaim),
    /// Anything else: it is there.
    Other,
}

/// What a write does, as far as it may change what is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// A change of an object.
    Update,
}

/// A write of an object that may be charged.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// What is done.
    pub operation: Operation,
    /// The subresource; empty for none.
    pub subresource: &'a str,
    /// The object afterwards.
    pub new: Item<'a>,
    /// The object before an update.
    pub old: Option<Item<'a>>,
}

/// Counts the objects of one resource.
pub trait Evaluator: Send + Sync + Debug + 'static {
    /// API group and plural name of the resource.
    fn group_resource(&self) -> (&str, &str);

    /// Whether the write may use more than before.
    fn handles(&self, write: &Write<'_>) -> bool;

    /// Whether objects of this resource use what a quota bounds under this name.
    fn counts(&self, name: &str) -> bool;

    /// Whether quotas with scopes apply to objects of this resource at all.
    fn has_scopes(&self) -> bool {
        false
    }

    /// Whether an object is in a scope.
    ///
    /// # Errors
    /// If the selector makes no sense.
    fn matches_scope(
        &self,
        _selector: &ScopedResourceSelectorRequirement,
        _item: Item<'_>,
    ) -> Result<bool, ScopeError> {
        Ok(false)
    }

    /// What an object must say of itself where a quota bounds `required`.
    ///
    /// # Errors
    /// What it does not say, as the client is told.
    fn constraints(&self, _required: &[&str], _item: Item<'_>) -> Result<(), String> {
        Ok(())
    }

    /// What an object in `namespace` uses at `now`.
    fn usage(&self, namespace: &str, item: Item<'_>, now: jiff::Timestamp) -> ResourceList;
}

impl dyn Evaluator {
    /// Whether a quota counts an object: it bounds something that the object uses, and the object is in all its scopes.
    ///
    /// # Errors
    /// If a selector makes no sense.
    pub fn matches(&self, quota: &ResourceQuota, item: Item<'_>) -> Result<bool, ScopeError> {
        if !quota.status.hard.keys().any(|name| self.counts(name)) {
            return Ok(false);
        }
        for selector in scope_selectors(quota).iter() {
            if !self.matches_scope(selector, item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Those selectors whose scope the object is in.
    ///
    /// # Errors
    /// If a selector makes no sense.
    pub fn matching_scopes<'s>(
        &self,
        selectors: impl IntoIterator<Item = &'s ScopedResourceSelectorRequirement>,
        item: Item<'_>,
    ) -> Result<Vec<&'s ScopedResourceSelectorRequirement>, ScopeError> {
        let mut matching = Vec::new();
        if self.has_scopes() {
            for selector in selectors {
                if self.matches_scope(selector, item)? {
                    matching.push(selector);
                }
            }
        }
        Ok(matching)
    }
}
