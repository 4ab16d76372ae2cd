//! Acting as somebody else (upstream: `endpoints/filters/impersonation`).
//!
//! Five modes are tried; the first that the authorizer allows counts. The constrained ones ask two questions:
//! whether the requestor may impersonate this user (`impersonate:MODE`), and whether it may do so for this
//! request (`impersonate-on:MODE:VERB`). The last is the old `impersonate` verb, without conditions.
//!
//! **Invariant:** no constrained mode reaches `system:masters`, a node with groups, or an empty group.

use std::{collections::BTreeMap, sync::Arc};

use apimachinery::{names::dns1123_subdomain, status::StatusError};
use http::HeaderMap;
use k8s_api::primitives::quote;

use super::extra_key;
use crate::{
    authorization::{Attributes, Authorization, Authorizer, forbidden},
    serviceaccount::{NODE_NAME, group_names, split_username},
    user::{UserInfo, names},
};

const USER: &str = "impersonate-user";
const UID: &str = "impersonate-uid";
const GROUP: &str = "impersonate-group";
const EXTRA_PREFIX: &str = "impersonate-extra-";
/// From so many on, one question about all is tried before one about each.
const MANY: usize = 4;

/// The answer to a request that may not be made as somebody else.
pub type ImpersonationError = StatusError;

/// The user that a request now has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpersonatedUser {
    /// The user.
    pub user: Arc<UserInfo>,
    /// The verb that allowed it (`impersonate:user-info`), for the audit event; empty for the old one.
    pub constraint: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AssociatedNode,
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
    Legacy,
}

const MODES: [Mode; 5] = [
    Mode::AssociatedNode,
    Mode::ArbitraryNode,
    Mode::ServiceAccount,
    Mode::UserInfo,
    Mode::Legacy,
];

impl Mode {
    fn verb(self) -> &'static str {
        match self {
            Self::AssociatedNode => "impersonate:associated-node",
            Self::ArbitraryNode => "impersonate:arbitrary-node",
            Self::ServiceAccount => "impersonate:serviceaccount",
            Self::UserInfo => "impersonate:user-info",
            Self::Legacy => "impersonate",
        }
    }

    fn constrained(self) -> bool {
        self != Self::Legacy
    }

    fn constraint(self) -> &'static str {
        if self.constrained() { self.verb() } else { "" }
    }

    /// Whether the mode is about such users at all.
    fn applies(self, wanted: &UserInfo, requestor: &UserInfo) -> bool {
        let alone = wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        let node = node_name(&wanted.name);
        match self {
            Self::AssociatedNode => {
                alone
                    && node.is_some()
                    && split_username(&requestor.name).is_some()
                    && requestor.single_extra(NODE_NAME) == node
            }
            Self::ArbitraryNode => alone && node.is_some(),
            Self::ServiceAccount => alone && split_username(&wanted.name).is_some(),
            Self::UserInfo => node.is_none() && split_username(&wanted.name).is_none(),
            Self::Legacy => true,
        }
    }

    /// Group and version of users and groups in the questions.
    fn user_group(self) -> (&'static str, &'static str) {
        if self.constrained() {
            ("authentication.k8s.io", "v1")
        } else {
            ("", "v1")
        }
    }
}

fn node_name(username: &str) -> Option<&str> {
    let name = username.strip_prefix(names::NODE_USER_PREFIX)?;
    dns1123_subdomain(name).is_empty().then_some(name)
}

/// How Go prints the raw user that the headers describe.
fn go_syntax(user: &UserInfo) -> String {
    let list = |values: &[String]| {
        let items: Vec<String> = values.iter().map(|value| quote(value)).collect();
        format!("[]string{{{}}}", items.join(", "))
    };
    let groups = if user.groups.is_empty() {
        "[]string(nil)".to_owned()
    } else {
        list(&user.groups)
    };
    let extra = if user.extra.is_empty() {
        "map[string][]string(nil)".to_owned()
    } else {
        let entries: Vec<String> = user
            .extra
            .iter()
            .map(|(key, values)| format!("{}:{}", quote(key), list(values)))
            .collect();
        format!("map[string][]string{{{}}}", entries.join(", "))
    };
    format!(
        "&user.DefaultInfo{{Name:{}, UID:{}, Groups:{groups}, Extra:{extra}}}",
        quote(&user.name),
        quote(&user.uid)
    )
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = String> + use<'a> {
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect::<Vec<_>>()
        .into_iter()
}

/// The user that the headers ask for, and the headers taken out; `None` if they ask for none.
///
/// # Errors
/// They ask for groups or more, and for no user.
pub fn wanted_user(headers: &mut HeaderMap) -> Result<Option<UserInfo>, ImpersonationError> {
    // Nearly every request has none of them.
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(None);
    }
    let mut wanted = UserInfo {
        name: values(headers, USER).next().unwrap_or_default(),
        uid: values(headers, UID).next().unwrap_or_default(),
        groups: values(headers, GROUP).collect(),
        extra: BTreeMap::new(),
    };
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(EXTRA_PREFIX) {
            let list = wanted.extra.entry(extra_key(key)).or_default();
            list.extend(values(headers, name.as_str()));
        }
    }
    if wanted.name.is_empty() {
        if wanted == UserInfo::default() {
            return Ok(None);
        }
        return Err(StatusError::bad_request(format!(
            "requested {} without impersonating a user name",
            go_syntax(&wanted)
        )));
    }
    let names: Vec<_> = headers
        .keys()
        .filter(|name| matches!(name.as_str(), USER | UID | GROUP) || name.as_str().starts_with(EXTRA_PREFIX))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
    Ok(Some(wanted))
}

/// Decides who may act as whom.
pub struct Impersonation {
    authorizer: Arc<dyn Authorizer>,
    constrained: bool,
}

/// Questions of one mode on behalf of one requestor.
struct Check<'a> {
    authorizer: &'a dyn Authorizer,
    mode: Mode,
    requestor: &'a UserInfo,
}

async fn ask(authorizer: &dyn Authorizer, attributes: &Attributes<'_>) -> Result<(), ImpersonationError> {
    let Authorization { reason, error, .. } = match authorizer.authorize(attributes).await {
        answer if answer.is_allowed() => return Ok(()),
        answer => answer,
    };
    let reason = match error {
        Some(error) if reason.is_empty() => error,
        Some(error) => format!("{error}: {reason}"),
        None => reason.to_string(),
    };
    Err(forbidden(attributes, &reason))
}

/// Why the extra attributes cannot be taken on in a constrained mode.
fn check_extra(extra: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    for (key, values) in extra {
        if key.is_empty() {
            return Err("impersonating the empty string key in extra is not allowed".to_owned());
        }
        let prefixed = key
            .split_once('/')
            .is_some_and(|(domain, path)| dns1123_subdomain(domain).is_empty() && !path.is_empty());
        if !prefixed {
            return Err(format!(
                "impersonating an invalid key in extra is not allowed: extra.key: Invalid value: {}: must be a \
                 domain-prefixed path (such as \"acme.io/foo\")",
                quote(key)
            ));
        }
        if key.to_lowercase() != *key {
            return Err(format!(
                "impersonating a non-lowercase key in extra is not allowed: {}",
                quote(key)
            ));
        }
        if values.is_empty() {
            return Err("impersonating empty values in extra is not allowed".to_owned());
        }
        if values.iter().any(String::is_empty) {
            return Err("impersonating the empty string value in extra is not allowed".to_owned());
        }
    }
    Ok(())
}

impl Check<'_> {
    fn attributes<'a>(&'a self, group: &'a str, resource: &'a str, name: &'a str) -> Attributes<'a> {
        Attributes {
            name,
            ..Attributes::resource(self.requestor, self.mode.verb(), group, "v1", resource)
        }
    }

    async fn name(&self, wanted: &UserInfo) -> Result<UserInfo, ImpersonationError> {
        let mut actual = wanted.clone();
        let (group, _) = self.mode.user_group();
        let mut attributes = self.attributes(group, "users", &wanted.name);
        if let Some(name) = node_name(&wanted.name).filter(|_| self.mode.constrained()) {
            attributes.resource = "nodes";
            // An associated node is whichever the requestor's pod runs on.
            attributes.name = if self.mode == Mode::AssociatedNode { "*" } else { name };
            actual.groups = vec![names::NODES_GROUP.to_owned()];
        }
        if let Some((namespace, name)) = split_username(&wanted.name) {
            attributes.resource = "serviceaccounts";
            attributes.namespace = namespace;
            attributes.name = name;
            if wanted.groups.is_empty() {
                actual.groups = group_names(namespace);
            }
        }
        ask(self.authorizer, &attributes).await?;
        Ok(actual)
    }

    async fn groups(&self, groups: &[String]) -> Result<(), ImpersonationError> {
        let (group, _) = self.mode.user_group();
        let about = |name| self.attributes(group, "groups", name);
        if self.mode.constrained() {
            if groups.iter().any(String::is_empty) {
                return Err(forbidden(
                    &about(""),
                    "impersonating the empty string group is not allowed",
                ));
            }
            if groups.iter().any(|name| name == names::PRIVILEGED_GROUP) {
                let reason = "impersonating the system:masters group is not allowed";
                return Err(forbidden(&about(names::PRIVILEGED_GROUP), reason));
            }
            if groups.len() >= MANY && ask(self.authorizer, &about("*")).await.is_ok() {
                return Ok(());
            }
        }
        for name in groups {
            ask(self.authorizer, &about(name)).await?;
        }
        Ok(())
    }

    async fn extra(&self, extra: &BTreeMap<String, Vec<String>>) -> Result<(), ImpersonationError> {
        let about = |key, value| Attributes {
            subresource: key,
            ..self.attributes("authentication.k8s.io", "userextras", value)
        };
        if self.mode.constrained() {
            check_extra(extra).map_err(|reason| forbidden(&about("", ""), &reason))?;
            let many = extra.len() >= MANY || extra.values().map(Vec::len).sum::<usize>() >= MANY;
            if many && ask(self.authorizer, &about("*", "*")).await.is_ok() {
                return Ok(());
            }
        }
        for (key, values) in extra {
            for value in values {
                ask(self.authorizer, &about(key, value)).await?;
            }
        }
        Ok(())
    }

    async fn run(&self, wanted: &UserInfo) -> Result<UserInfo, ImpersonationError> {
        let mut actual = self.name(wanted).await?;
        if !wanted.uid.is_empty() {
            let attributes = self.attributes("authentication.k8s.io", "uids", &wanted.uid);
            ask(self.authorizer, &attributes).await?;
        }
        self.groups(&wanted.groups).await?;
        self.extra(&wanted.extra).await?;
        let standing = if actual.name == names::ANONYMOUS || actual.in_group(names::ALL_UNAUTHENTICATED) {
            names::ALL_UNAUTHENTICATED
        } else {
            names::ALL_AUTHENTICATED
        };
        if !actual.in_group(standing) {
            actual.groups.push(standing.to_owned());
        }
        Ok(actual)
    }
}

impl Impersonation {
    /// Asks `authorizer`; `constrained` says whether other modes than the old one are tried.
    #[must_use]
    pub fn new(authorizer: Arc<dyn Authorizer>, constrained: bool) -> Self {
        Self {
            authorizer,
            constrained,
        }
    }

    /// The user that the request `attributes` (of the requestor) has from now on.
    ///
    /// # Errors
    /// No mode allows it; the answer is that of the first mode that is about such users.
    pub async fn check(
        &self,
        wanted: &UserInfo,
        attributes: &Attributes<'_>,
    ) -> Result<ImpersonatedUser, ImpersonationError> {
        let mut first_error = None;
        for mode in MODES {
            if (mode.constrained() && !self.constrained) || !mode.applies(wanted, attributes.user) {
                continue;
            }
            match self.check_mode(mode, wanted, attributes).await {
                Ok(user) => {
                    return Ok(ImpersonatedUser {
                        user: Arc::new(user),
                        constraint: mode.constraint(),
                    });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.expect("the old mode is about every user"))
    }

    async fn check_mode(
        &self,
        mode: Mode,
        wanted: &UserInfo,
        attributes: &Attributes<'_>,
    ) -> Result<UserInfo, ImpersonationError> {
        let reduced;
        let mut requestor = attributes.user;
        if mode == Mode::AssociatedNode {
            // The association was checked; what is left may not depend on the pod.
            reduced = UserInfo {
                extra: [(
                    "authentication.kubernetes.io/associated-node-keys".to_owned(),
                    requestor.extra.keys().cloned().collect(),
                )]
                .into(),
                ..requestor.clone()
            };
            requestor = &reduced;
        }
        let authorizer = &*self.authorizer;
        if mode.constrained() {
            let kind = mode
                .verb()
                .strip_prefix("impersonate:")
                .expect("constrained verbs name the mode");
            let verb = format!("impersonate-on:{kind}:{}", attributes.verb);
            let on = Attributes {
                user: requestor,
                verb: &verb,
                ..attributes.clone()
            };
            ask(authorizer, &on).await?;
        }
        let check = Check {
            authorizer,
            mode,
            requestor,
        };
        check.run(wanted).await
    }
}
