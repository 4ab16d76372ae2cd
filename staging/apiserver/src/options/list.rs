//! Options of lists, watches and deletions of collections.

use apimachinery::{
    field::{Error, ErrorList, Path},
    selectors::{FieldSelector, Selector},
    status::{GroupResource, StatusError},
};

use super::Query;

/// Which revision a list or watch begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    /// As of now.
    Latest,
    /// Whatever the cache holds.
    Any,
    /// This revision or a later one.
    NotOlderThan(u64),
    /// This very revision.
    Exact(u64),
}

/// Decoded `metav1.ListOptions`.
#[derive(Clone, Debug)]
pub struct ListOptions {
    /// `labelSelector`
    pub labels: Selector,
    /// `fieldSelector`
    pub fields: FieldSelector,
    /// `watch`
    pub watch: bool,
    /// `allowWatchBookmarks`
    pub bookmarks: bool,
    /// `resourceVersion`
    pub resource_version: String,
    /// `resourceVersionMatch`
    pub version_match: String,
    /// `timeoutSeconds`
    pub timeout_seconds: Option<i64>,
    /// `limit`; 0 for none.
    pub limit: i64,
    /// `continue`
    pub continue_token: String,
    /// `sendInitialEvents`
    pub send_initial_events: Option<bool>,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            labels: Selector::EVERYTHING,
            fields: FieldSelector::default(),
            watch: false,
            bookmarks: false,
            resource_version: String::new(),
            version_match: String::new(),
            timeout_seconds: None,
            limit: 0,
            continue_token: String::new(),
            send_initial_events: None,
        }
    }
}

impl ListOptions {
    /// Decodes and validates the options of a query.
    ///
    /// # Errors
    /// `BadRequest` for what cannot be decoded, `Invalid` for what does not go together.
    pub fn decode(query: &Query) -> Result<Self, StatusError> {
        let bad = |error: &dyn std::fmt::Display| StatusError::bad_request(error.to_string());
        let options = Self {
            labels: query.text("labelSelector").parse().map_err(|error| bad(&error))?,
            fields: query.text("fieldSelector").parse().map_err(|error| bad(&error))?,
            watch: query.boolean("watch").unwrap_or(false),
            bookmarks: query.boolean("allowWatchBookmarks").unwrap_or(false),
            resource_version: query.text("resourceVersion"),
            version_match: query.text("resourceVersionMatch"),
            timeout_seconds: query.integer("timeoutSeconds")?,
            limit: query.integer("limit")?.unwrap_or(0),
            continue_token: query.text("continue"),
            send_initial_events: query.boolean("sendInitialEvents"),
        };
        let errors = options.validate();
        if errors.is_empty() {
            return Ok(options);
        }
        Err(StatusError::invalid(
            GroupResource::new("meta.k8s.io", "ListOptions"),
            "",
            &errors,
        ))
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::default();
        let path = Path::new("resourceVersionMatch");
        let version_match = self.version_match.as_str();
        if self.watch {
            if self.send_initial_events.is_some() && version_match != "NotOlderThan" {
                errors.push(Error::forbidden(
                    &path,
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ));
            }
            if !version_match.is_empty() {
                if self.send_initial_events.is_none() {
                    errors.push(Error::forbidden(
                        &path,
                        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                    ));
                }
                if version_match != "NotOlderThan" {
                    errors.push(Error::not_supported(&path, version_match, &["NotOlderThan"]));
                }
                if !self.continue_token.is_empty() {
                    errors.push(Error::forbidden(
                        &path,
                        "resourceVersionMatch is forbidden when continue is provided",
                    ));
                }
            }
            return errors;
        }
        if !version_match.is_empty() {
            if self.resource_version.is_empty() {
                errors.push(Error::forbidden(
                    &path,
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                ));
            }
            if !self.continue_token.is_empty() {
                errors.push(Error::forbidden(
                    &path,
                    "resourceVersionMatch is forbidden when continue is provided",
                ));
            }
            if !matches!(version_match, "Exact" | "NotOlderThan") {
                errors.push(Error::not_supported(
                    &path,
                    version_match,
                    &["Exact", "NotOlderThan", ""],
                ));
            }
            if version_match == "Exact" && self.resource_version == "0" {
                errors.push(Error::forbidden(
                    &path,
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                ));
            }
        }
        if self.send_initial_events.is_some() {
            let path = Path::new("sendInitialEvents");
            errors.push(Error::forbidden(&path, "sendInitialEvents is forbidden for list"));
        }
        errors
    }

    /// The number in `resourceVersion`; 0 if unset.
    ///
    /// # Errors
    /// `Invalid` if it is no number.
    pub fn revision(&self) -> Result<u64, StatusError> {
        parse_revision(&self.resource_version)
    }

    /// What a list without a continue token reads.
    ///
    /// # Errors
    /// As [`ListOptions::revision`].
    pub fn version(&self) -> Result<VersionMatch, StatusError> {
        let revision = self
            .revision()
            .map_err(|error| StatusError::bad_request(format!("invalid resource version: {error}")))?;
        Ok(match (self.resource_version.as_str(), self.version_match.as_str()) {
            ("", _) => VersionMatch::Latest,
            ("0", _) => VersionMatch::Any,
            (_, "Exact") => VersionMatch::Exact(revision),
            // A page of a named revision is a page of that very revision, unless the client says otherwise.
            (_, "") if self.limit > 0 => VersionMatch::Exact(revision),
            _ => VersionMatch::NotOlderThan(revision),
        })
    }
}

/// Parses a resource version.
///
/// # Errors
/// `Invalid` if it is no number.
pub(crate) fn parse_revision(text: &str) -> Result<u64, StatusError> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        let mut errors = ErrorList::default();
        let quoted = k8s_api::primitives::quote(text);
        let detail = format!("strconv.ParseUint: parsing {quoted}: invalid syntax");
        errors.push(Error::invalid(&Path::new("resourceVersion"), text, detail));
        StatusError::bad_request(errors.to_string())
    })
}
