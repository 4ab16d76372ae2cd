//! How service accounts are named as users.

use std::collections::BTreeMap;

use apimachinery::names::{dns1123_label, dns1123_subdomain};

use crate::user::{UserInfo, names};

/// Extra: name of the pod to which the token is bound.
pub const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
/// Extra: identifier of the pod to which the token is bound.
pub const POD_UID: &str = "authentication.kubernetes.io/pod-uid";
/// Extra: name of the node to which the token, or the pod of the token, is bound.
pub const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
/// Extra: identifier of that node.
pub const NODE_UID: &str = "authentication.kubernetes.io/node-uid";
/// Audit annotation of token requests: the identifier of the issued token.
pub const ISSUED_CREDENTIAL_ID: &str = "authentication.kubernetes.io/issued-credential-id";

/// `system:serviceaccount:NAMESPACE:NAME`.
#[must_use]
pub fn username(namespace: &str, name: &str) -> String {
    format!("{}{namespace}:{name}", names::SERVICE_ACCOUNT_PREFIX)
}

/// Whether the user is this service account; allocates nothing.
#[must_use]
pub fn matches_username(namespace: &str, name: &str, username: &str) -> bool {
    username
        .strip_prefix(names::SERVICE_ACCOUNT_PREFIX)
        .and_then(|rest| rest.strip_prefix(namespace))
        .and_then(|rest| rest.strip_prefix(':'))
        == Some(name)
}

/// Namespace and name of a service account's user name; `None` if it is none.
#[must_use]
pub fn split_username(username: &str) -> Option<(&str, &str)> {
    let (namespace, name) = username.strip_prefix(names::SERVICE_ACCOUNT_PREFIX)?.split_once(':')?;
    (dns1123_label(namespace).is_empty() && dns1123_subdomain(name).is_empty()).then_some((namespace, name))
}

/// The groups of a namespace's service accounts.
#[must_use]
pub fn group_names(namespace: &str) -> Vec<String> {
    vec![
        names::SERVICE_ACCOUNTS_GROUP.to_owned(),
        format!("{}{namespace}", names::SERVICE_ACCOUNTS_GROUP_PREFIX),
    ]
}

/// What a token says about its bearer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The service account's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub uid: String,
    /// Name and identifier of the pod to which the token is bound.
    pub pod: Option<(String, String)>,
    /// Name and identifier of the node; the identifier may be empty.
    pub node: Option<(String, String)>,
    /// The token's own identifier; empty if it has none.
    pub token_id: String,
}

impl Identity {
    /// The user.
    #[must_use]
    pub fn user(self) -> UserInfo {
        let mut extra = BTreeMap::new();
        let mut set = |key: &str, value: String| {
            extra.insert(key.to_owned(), vec![value]);
        };
        if let Some((name, uid)) = self.pod.filter(|(name, uid)| !name.is_empty() && !uid.is_empty()) {
            set(POD_NAME, name);
            set(POD_UID, uid);
        }
        if !self.token_id.is_empty() {
            set(names::CREDENTIAL_ID, format!("JTI={}", self.token_id));
        }
        if let Some((name, uid)) = self.node.filter(|(name, _)| !name.is_empty()) {
            set(NODE_NAME, name);
            if !uid.is_empty() {
                set(NODE_UID, uid);
            }
        }
        UserInfo {
            name: username(&self.namespace, &self.name),
            uid: self.uid,
            groups: group_names(&self.namespace),
            extra,
        }
    }
}
