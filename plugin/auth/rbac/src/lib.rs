//! Role-based access control (upstream: `plugin/pkg/auth/authorizer/rbac`, `pkg/registry/rbac`).
//!
//! [`RbacStore`] is fed with roles and bindings as they change and keeps them by subject, so that a decision
//! looks at the bindings of one user and never at all of them. Aggregated roles are data: a controller writes
//! their rules.

pub mod bootstrap;
mod escalation;
mod reconcile;
mod rules;
mod store;

#[cfg(test)]
mod tests;

pub use escalation::{
    EscalationError, binding_authorized, confirm_no_escalation, escalation_allowed, role_escalation_authorized,
};
pub use reconcile::{
    BindingObject, BootstrapClient, BootstrapError, Reconciled, RoleObject, ensure, reconcile_binding, reconcile_role,
};
pub use rules::{breakdown, compact, compact_string, covers, rule_allows, rules_allow};
pub use store::{RbacStore, RoleError};
