//! The subjects of role bindings (upstream: `rbacv1.Subject`).

use serde_json::{Value, json};

use crate::{Result, refuse};

/// The group of users, groups and roles.
const GROUP: &str = "rbac.authorization.k8s.io";

/// A user.
#[must_use]
pub fn user(name: &str) -> Value {
    json!({"kind": "User", "apiGroup": GROUP, "name": name})
}

/// A group of users.
#[must_use]
pub fn group(name: &str) -> Value {
    json!({"kind": "Group", "apiGroup": GROUP, "name": name})
}

/// A service account.
#[must_use]
pub fn service_account(namespace: &str, name: &str) -> Value {
    json!({"kind": "ServiceAccount", "namespace": namespace, "name": name})
}

/// Namespace and name of `NAMESPACE:NAME`; the namespace may be empty.
///
/// # Errors
/// There is no name, or no colon.
pub fn split_service_account(text: &str) -> Result<(&str, &str)> {
    match text.split(':').collect::<Vec<_>>()[..] {
        [namespace, name] if !name.is_empty() => Ok((namespace, name)),
        _ => Err(refuse!("serviceaccount must be <namespace>:<name>")),
    }
}

/// What refers to a role or a cluster role.
#[must_use]
pub fn role_ref(kind: &str, name: &str) -> Value {
    json!({"apiGroup": GROUP, "kind": kind, "name": name})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_namespaces() {
        for (text, expected) in [
            ("n:a", Ok(("n", "a"))),
            (":a", Ok(("", "a"))),
            ("n:", Err("serviceaccount must be <namespace>:<name>")),
            ("a", Err("serviceaccount must be <namespace>:<name>")),
            ("a:b:c", Err("serviceaccount must be <namespace>:<name>")),
        ] {
            let found = split_service_account(text).map_err(|error| error.0);
            assert_eq!(found, expected.map_err(str::to_owned));
        }
    }
}
