//! One record of a request at one stage (`audit.k8s.io/v1`, `Event`).

use std::collections::BTreeMap;

use apiserver_auth::user::UserInfo;
use k8s_api::{
    meta::v1::Status,
    primitives::{MicroTime, quote},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How much is recorded.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Level {
    /// Nothing.
    #[default]
    None,
    /// Who, what, when, and the outcome.
    Metadata,
    /// And the request's body.
    Request,
    /// And the answer's body.
    RequestResponse,
}

/// When a record is made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Stage {
    /// Once the request is known.
    RequestReceived,
    /// Once a long-running request has its answer's head.
    ResponseStarted,
    /// Once the answer is complete.
    ResponseComplete,
    /// When the server failed.
    Panic,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

/// A user, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Identifier.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Further attributes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl From<&UserInfo> for User {
    fn from(user: &UserInfo) -> Self {
        Self {
            username: user.name.clone(),
            uid: user.uid.clone(),
            groups: user.groups.clone(),
            extra: user.extra.clone(),
        }
    }
}

/// What a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Plural resource name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// Namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Identifier.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// API version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Revision.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Subresource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationMetadata {
    impersonation_constraint: String,
}

/// A record.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    kind: &'static str,
    api_version: &'static str,
    /// How much is recorded.
    pub level: Level,
    /// The request's identifier, the same at every stage.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// When the record was made.
    pub stage: Stage,
    /// The request's target as sent.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// API verb, or the lower-case HTTP method.
    pub verb: String,
    /// Who asked.
    pub user: User,
    /// As whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated_user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_metadata: Option<AuthenticationMetadata>,
    /// Where from: the proxies' word first, the connection's peer last.
    #[serde(rename = "sourceIPs", skip_serializing_if = "Vec::is_empty")]
    pub source_ips: Vec<String>,
    /// What the client calls itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<ObjectReference>,
    /// The outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_status: Option<Status>,
    /// The request's body, from level `Request` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object: Option<Box<RawValue>>,
    /// The answer's body, at level `RequestResponse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_object: Option<Box<RawValue>>,
    /// When the request came in.
    pub request_received_timestamp: MicroTime,
    /// When the record was made.
    pub stage_timestamp: MicroTime,
    /// What authorization and admission noted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Event {
    /// A record of a request that just came in.
    #[must_use]
    pub fn new(level: Level, audit_id: String, verb: &str, request_uri: &str, user: User, received: MicroTime) -> Self {
        Self {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level,
            audit_id,
            stage: Stage::RequestReceived,
            request_uri: request_uri.to_owned(),
            verb: verb.to_owned(),
            user,
            impersonated_user: None,
            authentication_metadata: None,
            source_ips: Vec::new(),
            user_agent: String::new(),
            object_ref: None,
            response_status: None,
            request_object: None,
            response_object: None,
            request_received_timestamp: received,
            stage_timestamp: received,
            annotations: BTreeMap::new(),
        }
    }

    /// Notes as whom the request goes on, and the verb that allowed it (empty for the old one).
    pub fn impersonate(&mut self, user: &UserInfo, constraint: &str) {
        self.impersonated_user = Some(user.into());
        self.authentication_metadata = (!constraint.is_empty()).then(|| AuthenticationMetadata {
            impersonation_constraint: constraint.to_owned(),
        });
    }

    /// The record as a line of JSON, without the line's end.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event's members are JSON")
    }

    /// The record as a line of text (`--audit-log-format=legacy`), without the line's end.
    #[must_use]
    pub fn to_legacy(&self) -> String {
        let or = |text: &str, default: &str| quote(if text.is_empty() { default } else { text });
        let list = |items: &[String], default: &str| {
            if items.is_empty() {
                return quote(default);
            }
            // The list is quoted as a whole once more, as readers of these lines expect.
            quote(&items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(","))
        };
        let none = User::default();
        let acting = self.impersonated_user.as_ref().unwrap_or(&none);
        let namespace = self.object_ref.as_ref().map_or("", |object| object.namespace.as_str());
        let response = match &self.response_status {
            Some(status) => status.code.to_string(),
            None => "<deferred>".to_owned(),
        };
        format!(
            "{} AUDIT: id={} stage={} ip={} method={} user={} groups={} as={} asgroups={} user-agent={} namespace={} \
             uri={} response={}",
            self.request_received_timestamp,
            quote(&self.audit_id),
            quote(self.stage.as_str()),
            or(self.source_ips.first().map_or("", String::as_str), "<unknown>"),
            quote(&self.verb),
            or(&self.user.username, "<none>"),
            list(&self.user.groups, "<none>"),
            or(&acting.username, "<self>"),
            list(&acting.groups, "<lookup>"),
            quote(&self.user_agent),
            or(namespace, "<none>"),
            quote(&self.request_uri),
            quote(&response)
        )
    }
}

/// Adds an annotation; the first value of a key stays, and another one is reported.
pub fn add_annotation(annotations: &mut BTreeMap<String, String>, key: &str, value: &str) {
    match annotations.get(key) {
        Some(first) if first != value => {
            tracing::warn!("Failed to set annotations[{key:?}], it has already been set to {first:?}");
        }
        Some(_) => {}
        None => {
            annotations.insert(key.to_owned(), value.to_owned());
        }
    }
}
