//! The file behind `--authentication-config` (upstream: `AuthenticationConfiguration` of `apiserver.config.k8s.io`).

use std::{collections::HashSet, path::Path as FilePath};

use apimachinery::field::{Error, ErrorList, Path};
use component_base::config;
use serde::{Deserialize, Serialize};
use url::Url;

/// The kinds and versions that are read.
pub const KINDS: [(&str, &str); 3] = [
    ("apiserver.config.k8s.io/v1", "AuthenticationConfiguration"),
    ("apiserver.config.k8s.io/v1beta1", "AuthenticationConfiguration"),
    ("apiserver.config.k8s.io/v1alpha1", "AuthenticationConfiguration"),
];

/// Most issuers.
const MOST: usize = 64;
const NO_EXPRESSIONS: &str = "expressions are not supported by this server";

/// Issuers of tokens, and what becomes of requests without credentials.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct AuthenticationConfiguration {
    /// Group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// Issuers whose tokens are accepted.
    pub jwt: Vec<JwtAuthenticator>,
    /// Requests without credentials; absent leaves it to `--anonymous-auth`.
    pub anonymous: Option<AnonymousConfig>,
}

/// Requests without credentials.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnonymousConfig {
    /// Whether they are those of the anonymous user.
    pub enabled: bool,
    /// Only on these paths; on all if there are none.
    pub conditions: Vec<AnonymousCondition>,
}

/// A path.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct AnonymousCondition {
    /// The path, exactly.
    pub path: String,
}

/// One issuer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtAuthenticator {
    /// Who issues.
    pub issuer: Issuer,
    /// What the claims must be.
    pub claim_validation_rules: Vec<ClaimValidationRule>,
    /// How claims become a user.
    pub claim_mappings: ClaimMappings,
    /// What the user must be.
    pub user_validation_rules: Vec<UserValidationRule>,
}

/// Who issues.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Issuer {
    /// `iss`, and where the metadata is.
    pub url: String,
    /// Where the metadata is, if elsewhere.
    #[serde(rename = "discoveryURL")]
    pub discovery_url: String,
    /// Authorities of the issuer's certificate, in PEM; the system's if empty.
    pub certificate_authority: String,
    /// One of these must be in `aud`.
    pub audiences: Vec<String>,
    /// `MatchAny`, for several audiences.
    pub audience_match_policy: String,
    /// `controlplane` or `cluster`.
    pub egress_selector_type: String,
}

/// What a claim must be.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimValidationRule {
    /// The claim.
    pub claim: String,
    /// Its value.
    pub required_value: String,
    /// CEL in place of the two.
    pub expression: String,
    /// What to say if the expression does not hold.
    pub message: String,
}

/// How claims become a user.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ClaimMappings {
    /// The name.
    pub username: PrefixedClaim,
    /// The groups.
    pub groups: PrefixedClaim,
    /// The identifier.
    pub uid: ClaimOrExpression,
    /// Further attributes.
    pub extra: Vec<ExtraMapping>,
}

/// A claim with something before it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PrefixedClaim {
    /// The claim.
    pub claim: String,
    /// What stands before it; required with a claim, and may be empty.
    pub prefix: Option<String>,
    /// CEL in place of the two.
    pub expression: String,
}

/// A claim.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ClaimOrExpression {
    /// The claim.
    pub claim: String,
    /// CEL in its place.
    pub expression: String,
}

/// A further attribute.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtraMapping {
    /// Its key.
    pub key: String,
    /// CEL.
    pub value_expression: String,
}

/// What a user must be.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct UserValidationRule {
    /// CEL.
    pub expression: String,
    /// What to say if it does not hold.
    pub message: String,
}

/// What is wrong with an authentication configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read or decoded.
    #[error(transparent)]
    Load(#[from] config::ConfigError),
    /// Its values are refused.
    #[error("{0}")]
    Invalid(ErrorList),
}

/// Loads and validates a file; `disallowed` are the server's own issuers.
///
/// # Errors
/// It cannot be read or decoded, or its values are refused.
pub fn load(path: &FilePath, disallowed: &[String]) -> Result<AuthenticationConfiguration, ConfigurationError> {
    let configuration: AuthenticationConfiguration = config::load(path, &KINDS)?;
    validate(&configuration, disallowed)
        .into_result()
        .map_err(ConfigurationError::Invalid)?;
    Ok(configuration)
}

/// Checks the values.
#[must_use]
pub fn validate(configuration: &AuthenticationConfiguration, disallowed: &[String]) -> ErrorList {
    let mut errors = ErrorList::new();
    let list = Path::new("jwt");
    if configuration.jwt.len() > MOST {
        errors.push(Error::too_many(&list, configuration.jwt.len(), MOST));
        return errors;
    }
    let (mut urls, mut discovery_urls) = (HashSet::new(), HashSet::new());
    for (index, jwt) in configuration.jwt.iter().enumerate() {
        let path = list.index(index);
        let issuer = path.child("issuer");
        validate_issuer(&jwt.issuer, disallowed, &issuer, &mut errors);
        validate_rules(jwt, &path, &mut errors);
        validate_mappings(&jwt.claim_mappings, &path.child("claimMappings"), &mut errors);
        if !urls.insert(&jwt.issuer.url) {
            errors.push(Error::duplicate(&issuer.child("url"), jwt.issuer.url.as_str()));
        }
        let discovery = &jwt.issuer.discovery_url;
        if !discovery.is_empty() && !discovery_urls.insert(discovery) {
            errors.push(Error::duplicate(&issuer.child("discoveryURL"), discovery.as_str()));
        }
    }
    if let Some(anonymous) = &configuration.anonymous
        && !anonymous.enabled
        && !anonymous.conditions.is_empty()
    {
        let root = Path::new("anonymous");
        errors.push(Error::invalid(
            &root.child("conditions"),
            apimachinery::field::BadValue::json(&anonymous.conditions),
            "enabled should be set to true when conditions are defined",
        ));
    }
    errors
}

fn validate_url(text: &str, disallowed: &[String], path: &Path<'_>, errors: &mut ErrorList) {
    let mut wrong = |detail: String| errors.push(Error::invalid(path, text, detail));
    if disallowed.iter().any(|issuer| issuer == text) {
        let mut sorted = disallowed.to_vec();
        sorted.sort();
        wrong(format!(
            "URL must not overlap with disallowed issuers: [{}]",
            sorted.join(" ")
        ));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => return wrong("URL scheme must be https".to_owned()),
        Err(error) => return wrong(error.to_string()),
    };
    if url.scheme() != "https" {
        wrong("URL scheme must be https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        wrong("URL must not contain a username or password".to_owned());
    }
    if url.query().is_some_and(|query| !query.is_empty()) {
        wrong("URL must not contain a query".to_owned());
    }
    if url.fragment().is_some_and(|fragment| !fragment.is_empty()) {
        wrong("URL must not contain a fragment".to_owned());
    }
}

fn validate_issuer(issuer: &Issuer, disallowed: &[String], path: &Path<'_>, errors: &mut ErrorList) {
    let url_path = path.child("url");
    if issuer.url.is_empty() {
        errors.push(Error::required(&url_path, ""));
    } else {
        validate_url(&issuer.url, disallowed, &url_path, errors);
    }
    let discovery = issuer.discovery_url.as_str();
    if !discovery.is_empty() {
        let discovery_path = path.child("discoveryURL");
        if issuer.url.trim_end_matches('/') == discovery.trim_end_matches('/') {
            let detail = "discoveryURL must be different from URL";
            errors.push(Error::invalid(&discovery_path, discovery, detail));
        }
        validate_url(discovery, &[], &discovery_path, errors);
    }
    let audiences = path.child("audiences");
    if issuer.audiences.is_empty() {
        let detail = format!("at least one {audiences} is required");
        errors.push(Error::required(&audiences, detail));
    }
    let mut seen = HashSet::new();
    for (index, audience) in issuer.audiences.iter().enumerate() {
        let path = audiences.index(index);
        if audience.is_empty() {
            errors.push(Error::required(&path, ""));
        }
        if !seen.insert(audience) {
            errors.push(Error::duplicate(&path, audience.as_str()));
        }
    }
    let policy = issuer.audience_match_policy.as_str();
    let detail = match (issuer.audiences.len(), policy) {
        (0, _) | (_, "MatchAny") | (1, "") => None,
        (1, _) => Some("audienceMatchPolicy must be empty or MatchAny for single audience"),
        (_, _) => Some("audienceMatchPolicy must be MatchAny for multiple audiences"),
    };
    if let Some(detail) = detail {
        errors.push(Error::invalid(&path.child("audienceMatchPolicy"), policy, detail));
    }
    let egress = issuer.egress_selector_type.as_str();
    if !matches!(egress, "" | "controlplane" | "cluster") {
        let detail = "egress selector must be either controlplane or cluster";
        errors.push(Error::invalid(&path.child("egressSelectorType"), egress, detail));
    }
}

fn validate_rules(jwt: &JwtAuthenticator, path: &Path<'_>, errors: &mut ErrorList) {
    let list = path.child("claimValidationRules");
    let mut seen = HashSet::new();
    for (index, rule) in jwt.claim_validation_rules.iter().enumerate() {
        let path = list.index(index);
        match (rule.claim.as_str(), rule.expression.as_str()) {
            ("", "") => errors.push(Error::required(&path, "claim or expression is required")),
            (claim, "") => {
                if !rule.message.is_empty() {
                    let detail = "may not be specified when claim is set";
                    errors.push(Error::invalid(&path.child("message"), rule.message.as_str(), detail));
                }
                if !seen.insert(claim) {
                    errors.push(Error::duplicate(&path.child("claim"), claim));
                }
            }
            ("", _) => errors.push(Error::forbidden(&path.child("expression"), NO_EXPRESSIONS)),
            (claim, _) => errors.push(Error::invalid(&path, claim, "claim and expression can't both be set")),
        }
    }
    let list = path.child("userValidationRules");
    for (index, _) in jwt.user_validation_rules.iter().enumerate() {
        errors.push(Error::forbidden(&list.index(index).child("expression"), NO_EXPRESSIONS));
    }
}

fn validate_mappings(mappings: &ClaimMappings, path: &Path<'_>, errors: &mut ErrorList) {
    for (field, mapping, required) in [
        ("username", &mappings.username, true),
        ("groups", &mappings.groups, false),
    ] {
        let path = path.child(field);
        match (mapping.claim.as_str(), mapping.expression.as_str()) {
            ("", "") if required => errors.push(Error::required(&path, "claim or expression is required")),
            ("", "") => {}
            (_, "") if mapping.prefix.is_none() => errors.push(Error::required(
                &path.child("prefix"),
                "prefix is required when claim is set. It can be set to an empty string to disable prefixing",
            )),
            (_, "") => {}
            ("", _) => errors.push(Error::forbidden(&path.child("expression"), NO_EXPRESSIONS)),
            (_, _) => errors.push(Error::invalid(&path, "", "claim and expression can't both be set")),
        }
    }
    let uid = path.child("uid");
    match (mappings.uid.claim.as_str(), mappings.uid.expression.as_str()) {
        (_, "") => {}
        ("", _) => errors.push(Error::forbidden(&uid.child("expression"), NO_EXPRESSIONS)),
        (_, _) => errors.push(Error::invalid(&uid, "", "claim and expression can't both be set")),
    }
    let extra = path.child("extra");
    for (index, _) in mappings.extra.iter().enumerate() {
        let path = extra.index(index);
        errors.push(Error::forbidden(&path.child("valueExpression"), NO_EXPRESSIONS));
    }
}
