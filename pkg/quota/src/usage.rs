//! What all objects of a namespace use together, as the controller records it.

use k8s_api::{core::v1::ResourceQuota, primitives::Quantity};

use crate::{
    evaluator::{Evaluator, Item},
    list::{ResourceList, add},
    scopes::{ScopeError, scope_selectors},
};

/// The objects of one resource in a quota's namespace.
#[derive(Debug)]
pub struct Counted<'a> {
    /// Counts them.
    pub evaluator: &'a dyn Evaluator,
    /// All of them.
    pub items: Vec<Item<'a>>,
}

/// The names of a quota that some evaluator counts, in order.
#[must_use]
pub fn matched_names<'q>(quota: &'q ResourceQuota, evaluators: &[&dyn Evaluator]) -> Vec<&'q str> {
    let names = quota.spec.hard.keys().map(String::as_str);
    names
        .filter(|name| evaluators.iter().any(|evaluator| evaluator.counts(name)))
        .collect()
}

/// What the objects in the quota's scopes use of what it bounds.
///
/// # Errors
/// If a scope selector makes no sense.
pub fn usage(quota: &ResourceQuota, counted: &[Counted<'_>], now: jiff::Timestamp) -> Result<ResourceList, ScopeError> {
    let mut used = ResourceList::default();
    let selectors = scope_selectors(quota);
    for Counted { evaluator, items } in counted {
        let names: Vec<&str> = matched_names(quota, &[*evaluator]);
        if names.is_empty() {
            continue;
        }
        for name in &names {
            used.get_or_insert_with(*name, Quantity::default);
        }
        'items: for item in items {
            for selector in selectors.iter() {
                if !evaluator.matches_scope(selector, *item)? {
                    continue 'items;
                }
            }
            used = add(&used, &evaluator.usage(&quota.metadata.namespace, *item, now));
        }
    }
    used.retain(|name, _| quota.spec.hard.contains_key(name));
    Ok(used)
}
