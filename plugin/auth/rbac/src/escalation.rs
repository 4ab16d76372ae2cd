//! Nobody grants what he does not have (upstream: `pkg/registry/rbac`).

use apiserver_auth::{
    authorization::{Attributes, Authorizer},
    user::{UserInfo, names},
};
use k8s_api::{
    primitives::quote,
    rbac::v1::{PolicyRule, RoleRef},
};

use crate::{
    rules::{compact, compact_string, covers, go_list},
    store::RbacStore,
};

/// What a user would grant and does not have. The text stands in the answer:
/// `StatusError::forbidden(resource, name, error)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EscalationError(String);

/// Whether the user may grant anything without further questions.
#[must_use]
pub fn escalation_allowed(user: &UserInfo) -> bool {
    user.in_group(names::PRIVILEGED_GROUP)
}

/// Checks that the user has, in `namespace` (empty for cluster-wide roles and bindings), everything that `rules` allow.
///
/// # Errors
/// The user has not; the error lists what is missing.
pub fn confirm_no_escalation(
    store: &RbacStore,
    user: &UserInfo,
    namespace: &str,
    rules: &[PolicyRule],
) -> Result<(), EscalationError> {
    let (own, errors) = store.policy_rules(user, namespace);
    let missing = covers(&own, rules);
    if missing.is_empty() {
        return Ok(());
    }
    let mut descriptions: Vec<String> = compact(&missing).iter().map(compact_string).collect();
    descriptions.sort();
    descriptions.dedup();
    let mut text = format!(
        "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        go_list(&user.groups),
        descriptions.join("\n")
    );
    if !errors.is_empty() {
        let mut distinct: Vec<String> = Vec::new();
        for error in errors.iter().map(ToString::to_string) {
            if !distinct.contains(&error) {
                distinct.push(error);
            }
        }
        // The list of one error that is itself a list of several.
        let joined = match distinct.as_slice() {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        text.push_str(&format!("; resolution errors: [{joined}]"));
    }
    Err(EscalationError(text))
}

/// Whether the user may write roles beyond his own rights: the verb `escalate` on the role.
/// `request` are the attributes of the write.
pub async fn role_escalation_authorized(authorizer: &dyn Authorizer, request: &Attributes<'_>) -> bool {
    if !request.is_resource
        || request.api_group != "rbac.authorization.k8s.io"
        || !matches!(request.resource, "roles" | "clusterroles")
    {
        return false;
    }
    let attributes = Attributes {
        namespace: request.namespace,
        name: request.name,
        ..Attributes::resource(request.user, "escalate", request.api_group, "*", request.resource)
    };
    authorizer.authorize(&attributes).await.is_allowed()
}

/// Whether the user may bind a role that goes beyond his own rights: the verb `bind` on the role, asked in the
/// namespace of the binding (empty for a cluster-wide one).
pub async fn binding_authorized(
    authorizer: &dyn Authorizer,
    user: &UserInfo,
    role: &RoleRef,
    binding_namespace: &str,
) -> bool {
    let resource = match role.kind.as_str() {
        "ClusterRole" => "clusterroles",
        "Role" => "roles",
        _ => return false,
    };
    let attributes = Attributes {
        namespace: binding_namespace,
        name: &role.name,
        ..Attributes::resource(user, "bind", &role.api_group, "*", resource)
    };
    authorizer.authorize(&attributes).await.is_allowed()
}
