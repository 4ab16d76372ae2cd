//! The identity that authentication found (upstream: `k8s.io/apiserver/pkg/authentication/user`).

use std::collections::BTreeMap;

/// Well-known user and group names.
pub mod names {
    /// The user of requests without credentials.
    pub const ANONYMOUS: &str = "system:anonymous";
    /// The server's own requests.
    pub const API_SERVER: &str = "system:apiserver";
    /// Group of every authenticated user.
    pub const ALL_AUTHENTICATED: &str = "system:authenticated";
    /// Group of requests without credentials.
    pub const ALL_UNAUTHENTICATED: &str = "system:unauthenticated";
    /// Group that no authorizer refuses.
    pub const PRIVILEGED_GROUP: &str = "system:masters";
    /// Group of kubelets.
    pub const NODES_GROUP: &str = "system:nodes";
    /// Prefix of kubelets' user names.
    pub const NODE_USER_PREFIX: &str = "system:node:";
    /// Prefix of service accounts' user names.
    pub const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
    /// Group of all service accounts.
    pub const SERVICE_ACCOUNTS_GROUP: &str = "system:serviceaccounts";
    /// Prefix of the group of one namespace's service accounts.
    pub const SERVICE_ACCOUNTS_GROUP_PREFIX: &str = "system:serviceaccounts:";
}

/// Who makes a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserInfo {
    /// Unique name among the active users.
    pub name: String,
    /// Identifies the user over time; may be empty.
    pub uid: String,
    /// Groups, in the order in which the authenticator gave them.
    pub groups: Vec<String>,
    /// What else the authenticator knows; keys are lower case.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// A user without groups.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The user of requests without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            name: names::ANONYMOUS.to_owned(),
            groups: vec![names::ALL_UNAUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// The server acting for itself, above all authorization.
    #[must_use]
    pub fn api_server() -> Self {
        Self {
            name: names::API_SERVER.to_owned(),
            groups: vec![names::PRIVILEGED_GROUP.to_owned(), names::ALL_AUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// Whether the user belongs to `group`.
    #[must_use]
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}
