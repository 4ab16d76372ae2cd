//! What goes along with a request.

use std::time::Duration;

use k8s_api::meta::v1::Preconditions;
use serde_json::{Value, json};

use crate::rest::Request;

/// Options of a get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// The revision that the answer must be at least of; empty for the newest.
    pub resource_version: String,
}

/// What a list's revision means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    /// Exactly this one.
    Exact,
    /// This one or a newer one.
    NotOlderThan,
}

impl VersionMatch {
    fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "Exact",
            Self::NotOlderThan => "NotOlderThan",
        }
    }
}

/// Options of a list, and the selection of a deletecollection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// A label selector; empty for everything.
    pub label_selector: String,
    /// A field selector; empty for everything.
    pub field_selector: String,
    /// The revision; empty for the newest, `0` for any.
    pub resource_version: String,
    /// What the revision means.
    pub resource_version_match: Option<VersionMatch>,
    /// The most objects in one answer.
    pub limit: Option<u32>,
    /// Where the answer before ended.
    pub continue_token: String,
}

impl ListOptions {
    /// Objects with these labels.
    #[must_use]
    pub fn labels(selector: impl Into<String>) -> Self {
        Self {
            label_selector: selector.into(),
            ..Self::default()
        }
    }

    /// Objects with these fields.
    #[must_use]
    pub fn fields(selector: impl Into<String>) -> Self {
        Self {
            field_selector: selector.into(),
            ..Self::default()
        }
    }

    pub(super) fn add_to(&self, request: Request) -> Request {
        request
            .query_some("labelSelector", non_empty(&self.label_selector))
            .query_some("fieldSelector", non_empty(&self.field_selector))
            .query_some("resourceVersion", non_empty(&self.resource_version))
            .query_some(
                "resourceVersionMatch",
                self.resource_version_match.map(VersionMatch::as_str),
            )
            .query_some("limit", self.limit.map(|limit| limit.to_string()).as_deref())
            .query_some("continue", non_empty(&self.continue_token))
    }
}

/// Options of a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// A label selector; empty for everything.
    pub label_selector: String,
    /// A field selector; empty for everything.
    pub field_selector: String,
    /// The revision after which the watch begins.
    pub resource_version: String,
    /// Whether bookmarks are wanted.
    pub bookmarks: bool,
    /// Whether the watch begins with the objects that are there, ended by a bookmark.
    pub send_initial_events: bool,
    /// After how long the server ends the watch.
    pub timeout: Option<Duration>,
}

impl WatchOptions {
    pub(super) fn add_to(&self, request: Request) -> Request {
        let initial = self.send_initial_events.then_some("true");
        request
            .query("watch", "true")
            .query_some("labelSelector", non_empty(&self.label_selector))
            .query_some("fieldSelector", non_empty(&self.field_selector))
            .query_some("resourceVersion", non_empty(&self.resource_version))
            .query_some("allowWatchBookmarks", self.bookmarks.then_some("true"))
            .query_some("sendInitialEvents", initial)
            .query_some(
                "resourceVersionMatch",
                initial.map(|_| VersionMatch::NotOlderThan.as_str()),
            )
            .query_some(
                "timeoutSeconds",
                self.timeout.map(|timeout| timeout.as_secs().to_string()).as_deref(),
            )
    }
}

/// Options of create, update, patch and apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// Who writes, for `managedFields`; empty for the name in `User-Agent`.
    pub field_manager: String,
    /// What becomes of unknown and duplicate fields: `Ignore`, `Warn` or `Strict`; empty for the server's default.
    pub field_validation: String,
    /// Apply only: takes fields from other managers.
    pub force: bool,
}

impl WriteOptions {
    /// As this field manager.
    #[must_use]
    pub fn manager(name: impl Into<String>) -> Self {
        Self {
            field_manager: name.into(),
            ..Self::default()
        }
    }

    pub(super) fn add_to(&self, request: Request) -> Request {
        request
            .query_some("dryRun", self.dry_run.then_some("All"))
            .query_some("fieldManager", non_empty(&self.field_manager))
            .query_some("fieldValidation", non_empty(&self.field_validation))
            .query_some("force", self.force.then_some("true"))
    }
}

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They stay and lose their owner.
    Orphan,
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
}

/// Options of a delete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// How long the object has to end in good order; `None` for the kind's default.
    pub grace_period_seconds: Option<i64>,
    /// What becomes of what it owns.
    pub propagation: Option<Propagation>,
    /// What must hold for the object to be deleted.
    pub preconditions: Option<Preconditions>,
    /// Whether nothing is to be deleted.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Deletes only the object with this UID.
    #[must_use]
    pub fn uid(uid: impl Into<String>) -> Self {
        Self {
            preconditions: Some(Preconditions {
                uid: Some(uid.into()),
                ..Preconditions::default()
            }),
            ..Self::default()
        }
    }

    /// At once, or after this many seconds.
    #[must_use]
    pub fn grace_period(mut self, seconds: i64) -> Self {
        self.grace_period_seconds = Some(seconds);
        self
    }

    /// What becomes of what it owns.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = Some(propagation);
        self
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
        let mut set = |name: &str, value: Value| body[name] = value;
        if let Some(seconds) = self.grace_period_seconds {
            set("gracePeriodSeconds", seconds.into());
        }
        if let Some(propagation) = self.propagation {
            set("propagationPolicy", format!("{propagation:?}").into());
        }
        if let Some(Preconditions {
            uid, resource_version, ..
        }) = &self.preconditions
        {
            let mut conditions = serde_json::Map::new();
            conditions.extend(uid.as_ref().map(|uid| ("uid".to_owned(), uid.as_str().into())));
            conditions.extend(
                resource_version
                    .as_ref()
                    .map(|rv| ("resourceVersion".to_owned(), rv.as_str().into())),
            );
            set("preconditions", conditions.into());
        }
        if self.dry_run {
            set("dryRun", json!(["All"]));
        }
        serde_json::to_vec(&body).expect("a JSON value encodes as JSON")
    }
}

pub(super) fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
