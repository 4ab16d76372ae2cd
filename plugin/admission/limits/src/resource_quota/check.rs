//! Which quotas count a write, and how much more it uses of them.

use std::{collections::BTreeSet, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, plain_error},
    registry::AnyObject,
};
use k8s_api::core::v1::{ResourceQuota, ScopedResourceSelectorRequirement};
use quota::{Evaluator, Operation, ResourceList, ScopeError, Write, scope_selectors};

use super::config::LimitedResource;

/// How much more a write uses of one quota.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) quota: String,
    pub(super) delta: ResourceList,
}

/// A write to be judged.
pub(super) struct Question<'a> {
    pub(super) attributes: &'a Attributes<'a>,
    pub(super) object: &'a dyn AnyObject,
    pub(super) write: &'a Write<'a>,
    pub(super) evaluator: &'a dyn Evaluator,
    pub(super) limited: &'a [LimitedResource],
}

/// What the quotas of a namespace say of a write.
#[derive(Default)]
struct Found<'q> {
    counting: Vec<&'q ResourceQuota>,
    bounded: BTreeSet<&'q str>,
    scopes: BTreeSet<String>,
}

impl Question<'_> {
    fn refuse(&self, reason: impl std::fmt::Display) -> StatusError {
        self.attributes.forbidden(Some(self.object), reason)
    }

    /// What is to be charged; nothing, if the write uses no more than before or no quota counts it.
    pub(super) fn charges(&self, quotas: &[Arc<ResourceQuota>]) -> Result<Vec<Charge>, StatusError> {
        let found = self.find(quotas)?;
        let used = self.usage(self.write.new);
        let negative = quota::negative_names(&used);
        if !negative.is_empty() {
            let names = quota::format_names(negative);
            return Err(self.refuse(format!("quota usage is negative for resource(s): {names}")));
        }
        let delta = self.delta(&used)?;
        let mut charges = Vec::new();
        for counting in &found.counting {
            // An object that was not counted before is counted in full.
            let before = self.write.old.filter(|_| self.write.operation == Operation::Update);
            let was_counted = match before {
                Some(old) => self.evaluator.matches(counting, old).map_err(scope_status)?,
                None => true,
            };
            let more = if was_counted { delta.clone() } else { used.clone() };
            let more = quota::without_zeros(more);
            if !more.is_empty() {
                charges.push(Charge {
                    quota: counting.metadata.name.clone(),
                    delta: more,
                });
            }
        }
        let uses_more = if found.counting.is_empty() {
            !quota::without_zeros(delta).is_empty()
        } else {
            !charges.is_empty()
        };
        if uses_more {
            self.check_limited(&found, &used)?;
        }
        Ok(charges)
    }

    fn usage(&self, item: quota::Item<'_>) -> ResourceList {
        let now = self.attributes.request.received;
        self.evaluator.usage(self.attributes.namespace, item, now)
    }

    /// How much more is used than before.
    fn delta(&self, used: &ResourceList) -> Result<ResourceList, StatusError> {
        if self.write.operation == Operation::Create {
            return Ok(used.clone());
        }
        let (Some(old), Some(before)) = (self.write.old, self.attributes.old) else {
            let reason = "unable to get previous usage since prior version of object was not found";
            return Err(self.refuse(reason));
        };
        // An update that creates is charged like a creation.
        if before.metadata().resource_version.is_empty() {
            return Ok(used.clone());
        }
        Ok(quota::subtract_to_zero(used, &self.usage(old)))
    }

    /// The quotas that count the object, and what they bound.
    fn find<'q>(&self, quotas: &'q [Arc<ResourceQuota>]) -> Result<Found<'q>, StatusError> {
        let item = self.write.new;
        let mut found = Found::default();
        for quota in quotas {
            let name = &quota.metadata.name;
            let selectors = scope_selectors(quota);
            let matching = self.evaluator.matching_scopes(selectors.iter(), item);
            let matching = matching
                .map_err(|error| plain_error(format!("error matching scopes of quota {name}, err: {error}")))?;
            found
                .scopes
                .extend(matching.iter().map(|selector| selector.scope_name.clone()));
            if !self.evaluator.matches(quota, item).map_err(scope_status)? {
                continue;
            }
            let names = quota.status.hard.keys().map(String::as_str);
            let names: Vec<&str> = names.filter(|name| self.evaluator.counts(name)).collect();
            self.evaluator
                .constraints(&names, item)
                .map_err(|fault| self.refuse(format!("failed quota: {name}: {fault}")))?;
            // The controller has not counted yet what is there.
            if names.iter().any(|name| !quota.status.used.contains_key(name)) {
                let names = quota::format_names(names);
                return Err(self.refuse(format!("status unknown for quota: {name}, resources: {names}")));
            }
            found.bounded.extend(names);
            found.counting.push(quota);
        }
        Ok(found)
    }

    /// What is limited must be bounded by some quota.
    fn check_limited(&self, found: &Found<'_>, used: &ResourceList) -> Result<(), StatusError> {
        let resource = self.attributes.resource;
        let own = self
            .limited
            .iter()
            .filter(|limited| limited.api_group == resource.group && limited.resource == resource.name);
        let mut unbounded: BTreeSet<&str> = BTreeSet::new();
        for limited in own {
            let names = used.iter().filter(|(_, quantity)| quantity.signum() > 0);
            let names = names
                .map(|(name, _)| name.as_str())
                .filter(|name| limited.match_contains.iter().any(|part| name.contains(part.as_str())));
            unbounded.extend(names.filter(|name| !found.bounded.contains(name)));
        }
        if !unbounded.is_empty() {
            let names = quota::format_names(unbounded);
            return Err(self.refuse(format!("insufficient quota to consume: {names}")));
        }
        let scopes = self.limited.iter().flat_map(|limited| &limited.match_scopes);
        let limited = self
            .evaluator
            .matching_scopes(scopes, self.write.new)
            .map_err(scope_status)?;
        let uncovered: Vec<String> = limited
            .into_iter()
            .filter(|selector| !found.scopes.contains(&selector.scope_name))
            .map(show)
            .collect();
        if uncovered.is_empty() {
            return Ok(());
        }
        let uncovered = uncovered.join(" ");
        Err(plain_error(format!(
            "insufficient quota to match these scopes: [{uncovered}]"
        )))
    }
}

/// A selector as Go prints the struct.
fn show(selector: &ScopedResourceSelectorRequirement) -> String {
    let values = selector.values.join(" ");
    format!("{{{} {} [{values}]}}", selector.scope_name, selector.operator)
}

fn scope_status(error: ScopeError) -> StatusError {
    plain_error(format!("failed to parse and convert selector: {error}"))
}
