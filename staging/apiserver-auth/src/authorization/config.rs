//! The file behind `--authorization-config` (upstream: `AuthorizationConfiguration` of `apiserver.config.k8s.io`).

use std::{collections::HashSet, fs, path::Path as FilePath};

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::{GoDuration, config};
use serde::Deserialize;

/// The kinds and versions that are read.
pub const KINDS: [(&str, &str); 3] = [
    ("apiserver.config.k8s.io/v1", "AuthorizationConfiguration"),
    ("apiserver.config.k8s.io/v1beta1", "AuthorizationConfiguration"),
    ("apiserver.config.k8s.io/v1alpha1", "AuthorizationConfiguration"),
];

/// The authorizers that there are, as `--authorization-mode` names them.
pub const MODES: [&str; 6] = ["ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"];

/// The authorizers, in the order in which they are asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizationConfiguration {
    /// Group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The authorizers.
    pub authorizers: Vec<AuthorizerConfiguration>,
}

/// One authorizer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthorizerConfiguration {
    /// One of [`MODES`].
    #[serde(rename = "type")]
    pub type_: String,
    /// Its name in metrics.
    pub name: String,
    /// How to reach it, for `Webhook`.
    pub webhook: Option<WebhookConfiguration>,
}

/// A webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookConfiguration {
    /// How long an allowed request is remembered; 5 minutes.
    #[serde(rename = "authorizedTTL")]
    pub authorized_ttl: GoDuration,
    /// Whether allowed requests are remembered; true.
    pub cache_authorized_requests: bool,
    /// How long a refused request is remembered; 30 seconds.
    #[serde(rename = "unauthorizedTTL")]
    pub unauthorized_ttl: GoDuration,
    /// Whether refused requests are remembered; true.
    pub cache_unauthorized_requests: bool,
    /// Time limit of one question; required, at most 30 seconds.
    pub timeout: GoDuration,
    /// `v1` or `v1beta1`.
    pub subject_access_review_version: String,
    /// `v1`, where there are match conditions.
    pub match_condition_subject_access_review_version: String,
    /// `NoOpinion` or `Deny`.
    pub failure_policy: String,
    /// Where it is.
    pub connection_info: ConnectionInfo,
    /// CEL expressions that must all hold for the webhook to be asked.
    pub match_conditions: Vec<MatchCondition>,
}

impl Default for WebhookConfiguration {
    fn default() -> Self {
        Self {
            authorized_ttl: GoDuration::from_secs(300),
            cache_authorized_requests: true,
            unauthorized_ttl: GoDuration::from_secs(30),
            cache_unauthorized_requests: true,
            timeout: GoDuration::ZERO,
            subject_access_review_version: String::new(),
            match_condition_subject_access_review_version: String::new(),
            failure_policy: String::new(),
            connection_info: ConnectionInfo::default(),
            match_conditions: Vec::new(),
        }
    }
}

/// Where a webhook is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionInfo {
    /// `KubeConfigFile` or `InClusterConfig`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The file, for `KubeConfigFile`.
    pub kube_config_file: Option<String>,
}

/// A condition for asking a webhook.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchCondition {
    /// CEL.
    pub expression: String,
}

/// What is wrong with an authorization configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read or decoded.
    #[error(transparent)]
    Load(#[from] config::ConfigError),
    /// Its values are refused.
    #[error("{0}")]
    Invalid(ErrorList),
}

/// Loads and validates a file.
///
/// # Errors
/// It cannot be read or decoded, or its values are refused.
pub fn load(path: &FilePath) -> Result<AuthorizationConfiguration, ConfigurationError> {
    let configuration: AuthorizationConfiguration = config::load(path, &KINDS)?;
    validate(&configuration)
        .into_result()
        .map_err(ConfigurationError::Invalid)?;
    Ok(configuration)
}

/// Checks the values; paths start at `authorizers`.
#[must_use]
pub fn validate(configuration: &AuthorizationConfiguration) -> ErrorList {
    let mut errors = ErrorList::new();
    let list = Path::new("authorizers");
    if configuration.authorizers.is_empty() {
        errors.push(Error::required(
            &list,
            "at least one authorization mode must be defined",
        ));
    }
    let mut types = HashSet::new();
    let mut seen_names = HashSet::new();
    for (index, authorizer) in configuration.authorizers.iter().enumerate() {
        let path = list.index(index);
        let kind = authorizer.type_.as_str();
        let type_path = path.child("type");
        if kind.is_empty() {
            errors.push(Error::required(&type_path, ""));
            continue;
        }
        if !MODES.contains(&kind) {
            errors.push(Error::not_supported(&type_path, kind, &MODES));
            continue;
        }
        if !types.insert(kind) && kind != "Webhook" {
            errors.push(Error::duplicate(&type_path, kind));
            continue;
        }
        let name = authorizer.name.as_str();
        let name_path = path.child("name");
        let messages = names::dns1123_subdomain(name);
        if name.is_empty() {
            errors.push(Error::required(&name_path, ""));
        } else if seen_names.contains(name) {
            errors.push(Error::duplicate(&name_path, name));
        } else if !messages.is_empty() {
            let detail = format!("authorizer name is invalid: {}", messages.join(", "));
            errors.push(Error::invalid(&name_path, name, detail));
        }
        seen_names.insert(name);
        match (&authorizer.webhook, kind) {
            (None, "Webhook") => {
                errors.push(Error::required(&path.child("webhook"), "required when type=Webhook"));
            }
            (Some(webhook), "Webhook") => validate_webhook(webhook, &path, &mut errors),
            (Some(_), _) => errors.push(Error::invalid(
                &path.child("webhook"),
                "non-null",
                "may only be specified when type=Webhook",
            )),
            (None, _) => {}
        }
    }
    errors
}

fn validate_webhook(webhook: &WebhookConfiguration, path: &Path<'_>, errors: &mut ErrorList) {
    let timeout = webhook.timeout;
    if timeout == GoDuration::ZERO {
        errors.push(Error::required(&path.child("timeout"), ""));
    } else if timeout < GoDuration::ZERO || timeout > GoDuration::from_secs(30) {
        let detail = "must be > 0s and <= 30s";
        errors.push(Error::invalid(&path.child("timeout"), timeout.to_string(), detail));
    }
    for (field, ttl) in [
        ("authorizedTTL", webhook.authorized_ttl),
        ("unauthorizedTTL", webhook.unauthorized_ttl),
    ] {
        if ttl == GoDuration::ZERO {
            errors.push(Error::required(&path.child(field), ""));
        } else if ttl < GoDuration::ZERO {
            errors.push(Error::invalid(&path.child(field), ttl.to_string(), "must be > 0s"));
        }
    }
    one_of(
        path,
        "subjectAccessReviewVersion",
        &webhook.subject_access_review_version,
        &["v1", "v1beta1"],
        errors,
    );
    let version = webhook.match_condition_subject_access_review_version.as_str();
    let version_path = path.child("matchConditionSubjectAccessReviewVersion");
    match version {
        "" if !webhook.match_conditions.is_empty() => errors.push(Error::required(
            &version_path,
            "required if match conditions are specified",
        )),
        "" | "v1" => {}
        other => errors.push(Error::not_supported(&version_path, other, &["v1"])),
    }
    one_of(
        path,
        "failurePolicy",
        &webhook.failure_policy,
        &["NoOpinion", "Deny"],
        errors,
    );
    validate_connection(&webhook.connection_info, &path.child("connectionInfo"), errors);
    if !webhook.match_conditions.is_empty() {
        // An unread condition would let the webhook answer for requests that it must not see.
        errors.push(Error::forbidden(
            &path.child("matchConditions"),
            "match conditions are not supported by this server",
        ));
    }
}

fn one_of(path: &Path<'_>, field: &str, value: &str, supported: &[&str], errors: &mut ErrorList) {
    if value.is_empty() {
        errors.push(Error::required(&path.child(field), ""));
    } else if !supported.contains(&value) {
        errors.push(Error::not_supported(&path.child(field), value, supported));
    }
}

fn validate_connection(connection: &ConnectionInfo, path: &Path<'_>, errors: &mut ErrorList) {
    let file_path = path.child("kubeConfigFile");
    let file = connection.kube_config_file.as_deref();
    match (connection.type_.as_str(), file) {
        ("", _) => errors.push(Error::required(&path.child("type"), "")),
        ("InClusterConfig", None) => {}
        ("InClusterConfig", Some(file)) => {
            errors.push(Error::invalid(
                &file_path,
                file,
                "can only be set when type=KubeConfigFile",
            ));
        }
        ("KubeConfigFile", None | Some("")) => errors.push(Error::required(&file_path, "")),
        ("KubeConfigFile", Some(file)) => {
            let detail = if FilePath::new(file).is_absolute() {
                match fs::metadata(file) {
                    Ok(metadata) if metadata.is_file() => return,
                    Ok(_) => "must be a regular file".to_owned(),
                    Err(error) => format!("error loading file: {error}"),
                }
            } else {
                "must be an absolute path".to_owned()
            };
            errors.push(Error::invalid(&file_path, file, detail));
        }
        (other, _) => errors.push(Error::not_supported(
            &path.child("type"),
            other,
            &["InClusterConfig", "KubeConfigFile"],
        )),
    }
}
