//! Scopes: which of the objects of a namespace a quota is about.

use std::borrow::Cow;

use k8s_api::core::v1::{ResourceQuota, ScopedResourceSelectorRequirement};

/// A selector that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Of an unknown operator.
    #[error("{0:?} is not a valid scope selector operator")]
    Operator(String),
    /// `In` or `NotIn` of nothing.
    #[error("for 'in', 'notin' operators, values set can't be empty")]
    NoValues,
}

/// The selectors of a quota: its plain scopes, then those of its scope selector.
#[must_use]
pub fn scope_selectors(quota: &ResourceQuota) -> Cow<'_, [ScopedResourceSelectorRequirement]> {
    let selector = quota.spec.scope_selector.as_ref();
    let expressions = selector.map_or(&[][..], |selector| &selector.match_expressions);
    if quota.spec.scopes.is_empty() {
        return Cow::Borrowed(expressions);
    }
    let plain = quota.spec.scopes.iter().map(|scope| ScopedResourceSelectorRequirement {
        scope_name: scope.clone(),
        operator: "Exists".to_owned(),
        values: Vec::new(),
    });
    Cow::Owned(plain.chain(expressions.iter().cloned()).collect())
}

/// Whether a value (`None`: there is none) is what the selector asks for.
pub(crate) fn value_matches(
    selector: &ScopedResourceSelectorRequirement,
    value: Option<&str>,
) -> Result<bool, ScopeError> {
    let listed = || {
        if selector.values.is_empty() {
            return Err(ScopeError::NoValues);
        }
        Ok(value.is_some_and(|value| selector.values.iter().any(|wanted| wanted == value)))
    };
    match selector.operator.as_str() {
        "In" => listed(),
        "NotIn" => listed().map(|listed| !listed),
        "Exists" => Ok(value.is_some()),
        "DoesNotExist" => Ok(value.is_none()),
        other => Err(ScopeError::Operator(other.to_owned())),
    }
}
