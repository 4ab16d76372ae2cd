//! `rbac.authorization.k8s.io`: roles and their bindings.

pub mod cluster_role;
pub mod cluster_role_binding;
pub mod policy_based;
pub mod role;
pub mod role_binding;

#[cfg(test)]
mod tests;

use apiserver::registry::{Column, Row};
use k8s_api::{
    meta::v1::ObjectMeta,
    rbac::v1::{RoleRef, Subject},
};

use crate::printing::{AGE, NAME, age, column, wide};

const BINDING_COLUMNS: &[Column] = &[
    NAME,
    column("Role", "string"),
    AGE,
    wide("Users", "string"),
    wide("Groups", "string"),
    wide("ServiceAccounts", "string"),
];

/// The cells of a binding of either kind.
fn binding_row(metadata: &ObjectMeta, role: &RoleRef, subjects: &[Subject], now: jiff::Timestamp) -> Row {
    let of_kind = |kind: &str, show: fn(&Subject) -> String| {
        let names: Vec<_> = subjects
            .iter()
            .filter(|subject| subject.kind == kind)
            .map(show)
            .collect();
        names.join(", ")
    };
    let name = |subject: &Subject| subject.name.clone();
    vec![
        metadata.name.as_str().into(),
        format!("{}/{}", role.kind, role.name).into(),
        age(metadata.creation_timestamp, now).into(),
        of_kind("User", name).into(),
        of_kind("Group", name).into(),
        of_kind("ServiceAccount", |subject| {
            format!("{}/{}", subject.namespace, subject.name)
        })
        .into(),
    ]
}
