//! The identity that authentication finds (upstream: `k8s.io/apiserver/pkg/authentication/user`).

use std::collections::BTreeMap;

/// Well-known user and group names, and keys of [`UserInfo::extra`].
pub mod names {
    /// The user of requests without credentials.
    pub const ANONYMOUS: &str = "system:anonymous";
    /// The server's own requests.
    pub const API_SERVER: &str = "system:apiserver";
    /// The scheduler.
    pub const KUBE_SCHEDULER: &str = "system:kube-scheduler";
    /// The controller manager.
    pub const KUBE_CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
    /// The network proxy.
    pub const KUBE_PROXY: &str = "system:kube-proxy";
    /// Group of every authenticated user.
    pub const ALL_AUTHENTICATED: &str = "system:authenticated";
    /// Group of requests without credentials.
    pub const ALL_UNAUTHENTICATED: &str = "system:unauthenticated";
    /// Group that no authorizer refuses.
    pub const PRIVILEGED_GROUP: &str = "system:masters";
    /// Group of kubelets.
    pub const NODES_GROUP: &str = "system:nodes";
    /// Group of those who watch the control plane's health and metrics.
    pub const MONITORING_GROUP: &str = "system:monitoring";
    /// Prefix of kubelets' user names.
    pub const NODE_USER_PREFIX: &str = "system:node:";
    /// Prefix of service accounts' user names.
    pub const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
    /// Group of all service accounts.
    pub const SERVICE_ACCOUNTS_GROUP: &str = "system:serviceaccounts";
    /// Prefix of the group of one namespace's service accounts.
    pub const SERVICE_ACCOUNTS_GROUP_PREFIX: &str = "system:serviceaccounts:";
    /// Extra: what identifies the credential itself (`JTI=…`, `X509SHA256=…`).
    pub const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
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
        Self::named(names::ANONYMOUS).with_groups([names::ALL_UNAUTHENTICATED])
    }

    /// The server acting for itself, above all authorization.
    #[must_use]
    pub fn api_server() -> Self {
        Self::named(names::API_SERVER).with_groups([names::PRIVILEGED_GROUP, names::ALL_AUTHENTICATED])
    }

    /// The same user with these groups behind the ones it has.
    #[must_use]
    pub fn with_groups<S: Into<String>>(mut self, groups: impl IntoIterator<Item = S>) -> Self {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Whether the user belongs to `group`.
    #[must_use]
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }

    /// Whether no credentials stood behind the request.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.name == names::ANONYMOUS || self.in_group(names::ALL_UNAUTHENTICATED)
    }

    /// The only value of an extra key; `None` if there is none or several.
    #[must_use]
    pub fn single_extra(&self, key: &str) -> Option<&str> {
        match self.extra.get(key)?.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The node's name, if the user is a kubelet: named `system:node:NAME` and in `system:nodes`.
    /// The name may be empty, which no authorizer must take for a node.
    #[must_use]
    pub fn node_identity(&self) -> Option<&str> {
        let name = self.name.strip_prefix(names::NODE_USER_PREFIX)?;
        self.in_group(names::NODES_GROUP).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::UserInfo;

    #[test]
    fn node_identity_needs_name_and_group() {
        let cases = [
            ("system:node:n1", "system:nodes", Some("n1")),
            ("system:node:", "system:nodes", Some("")),
            ("system:node:n1", "other", None),
            ("n1", "system:nodes", None),
        ];
        for (name, group, expected) in cases {
            let user = UserInfo::named(name).with_groups([group]);
            assert_eq!(user.node_identity(), expected, "{name} {group}");
        }
    }
}
