//! The flags of authorization (upstream: `pkg/kubeapiserver/options/authorization.go`).

use std::path::Path;

use apiserver_auth::authorization::config::{
    self, AuthorizationConfiguration, AuthorizerConfiguration, ConnectionInfo, MODES, WebhookConfiguration,
};
use component_base::{
    GoDuration,
    flags::{FlagSet, Flags},
};

use crate::{OptionError, Tracked, aggregate};

/// The flags of authorization.
#[derive(Clone, Debug)]
pub struct AuthorizationOptions {
    /// `--authorization-mode`; AlwaysAllow alone if neither it nor a configuration file is given.
    pub modes: Tracked<Vec<String>>,
    /// `--authorization-config`
    pub config_file: String,
    /// `--authorization-policy-file`
    pub policy_file: String,
    /// `--authorization-webhook-config-file`
    pub webhook_config_file: Tracked<String>,
    /// `--authorization-webhook-version`
    pub webhook_version: Tracked<String>,
    /// `--authorization-webhook-cache-authorized-ttl`
    pub authorized_ttl: Tracked<GoDuration>,
    /// `--authorization-webhook-cache-unauthorized-ttl`
    pub unauthorized_ttl: Tracked<GoDuration>,
}

impl Default for AuthorizationOptions {
    fn default() -> Self {
        Self {
            modes: Tracked::default(),
            config_file: String::new(),
            policy_file: String::new(),
            webhook_config_file: Tracked::default(),
            webhook_version: Tracked::new("v1beta1".to_owned()),
            authorized_ttl: Tracked::new(GoDuration::from_secs(300)),
            unauthorized_ttl: Tracked::new(GoDuration::from_secs(30)),
        }
    }
}

impl Flags for AuthorizationOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("authorization")
            .add(
                "authorization-mode",
                &mut self.modes,
                format!(
                    "authorizers in order, of {}; AlwaysAllow if there is no --authorization-config",
                    MODES.join(",")
                ),
            )
            .add(
                "authorization-config",
                &mut self.config_file,
                "AuthorizationConfiguration file, in place of the mode and webhook flags",
            )
            .add(
                "authorization-policy-file",
                &mut self.policy_file,
                "policy of mode ABAC, one JSON object a line",
            )
            .add(
                "authorization-webhook-config-file",
                &mut self.webhook_config_file,
                "kubeconfig file of the service that mode Webhook asks",
            )
            .add(
                "authorization-webhook-version",
                &mut self.webhook_version,
                "version of the SubjectAccessReview that the service takes",
            )
            .add(
                "authorization-webhook-cache-authorized-ttl",
                &mut self.authorized_ttl,
                "how long allowed requests are remembered",
            )
            .add(
                "authorization-webhook-cache-unauthorized-ttl",
                &mut self.unauthorized_ttl,
                "how long refused requests are remembered",
            );
    }
}

/// The name of an authorizer other than a webhook.
fn name_of(mode: &str) -> String {
    mode.to_lowercase()
}

impl AuthorizationOptions {
    /// The modes of the flags.
    fn modes(&self) -> Vec<String> {
        if self.modes.is_empty() {
            vec!["AlwaysAllow".to_owned()]
        } else {
            self.modes.to_vec()
        }
    }

    /// Whether the flags let every request pass that is authenticated.
    #[must_use]
    pub fn always_allows(&self) -> bool {
        self.config_file.is_empty() && self.modes().iter().any(|mode| mode == "AlwaysAllow")
    }

    fn validate_modes(&self) -> Result<(), OptionError> {
        let modes = self.modes();
        let has = |mode: &str| modes.iter().any(|one| one == mode);
        let mut errors = Vec::new();
        for mode in &modes {
            if !MODES.contains(&mode.as_str()) {
                errors.push(format!("authorization-mode {mode:?} is not a valid mode"));
            }
        }
        if has("ABAC") && self.policy_file.is_empty() {
            errors.push("authorization-mode ABAC's authorization policy file not passed".to_owned());
        }
        if has("Webhook") && self.webhook_config_file.is_empty() {
            errors.push("authorization-mode Webhook's authorization config file not passed".to_owned());
        }
        if !self.policy_file.is_empty() && !has("ABAC") {
            errors.push("cannot specify --authorization-policy-file without mode ABAC".to_owned());
        }
        if !self.webhook_config_file.is_empty() && !has("Webhook") {
            errors.push("cannot specify --authorization-webhook-config-file without mode Webhook".to_owned());
        }
        let mut distinct = modes.clone();
        distinct.sort();
        distinct.dedup();
        if distinct.len() != modes.len() {
            let quoted: Vec<String> = modes.iter().map(|mode| format!("{mode:?}")).collect();
            errors.push(format!(
                "authorization-mode [{}] has mode specified more than once",
                quoted.join(" ")
            ));
        }
        aggregate(errors)
    }

    /// The authorizers in their order, from the file or from the flags.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(super) fn configuration(&self) -> Result<AuthorizationConfiguration, OptionError> {
        let webhook_flags = self.webhook_config_file.is_given()
            || self.webhook_version.is_given()
            || self.authorized_ttl.is_given()
            || self.unauthorized_ttl.is_given();
        if !self.config_file.is_empty() {
            if self.modes.is_given() || webhook_flags {
                return Err(OptionError::new(
                    "--authorization-config can not be specified when --authorization-mode or \
                     --authorization-webhook-* flags are defined",
                ));
            }
            return load(Path::new(&self.config_file));
        }
        self.validate_modes()?;
        let authorizers = self.modes().into_iter().map(|mode| {
            let webhook = (mode == "Webhook").then(|| self.webhook());
            AuthorizerConfiguration {
                name: if webhook.is_some() {
                    "default".to_owned()
                } else {
                    name_of(&mode)
                },
                type_: mode,
                webhook,
            }
        });
        Ok(AuthorizationConfiguration {
            authorizers: authorizers.collect(),
            ..AuthorizationConfiguration::default()
        })
    }

    fn webhook(&self) -> WebhookConfiguration {
        WebhookConfiguration {
            authorized_ttl: *self.authorized_ttl,
            cache_authorized_requests: *self.authorized_ttl != GoDuration::ZERO,
            unauthorized_ttl: *self.unauthorized_ttl,
            cache_unauthorized_requests: *self.unauthorized_ttl != GoDuration::ZERO,
            timeout: GoDuration::from_secs(30),
            failure_policy: "NoOpinion".to_owned(),
            subject_access_review_version: self.webhook_version.to_string(),
            connection_info: ConnectionInfo {
                type_: "KubeConfigFile".to_owned(),
                kube_config_file: Some(self.webhook_config_file.to_string()),
            },
            ..WebhookConfiguration::default()
        }
    }
}

/// Loads a configuration file, with the names that this server gives its authorizers.
///
/// # Errors
/// It cannot be read, or its values are refused.
pub(super) fn load(path: &Path) -> Result<AuthorizationConfiguration, OptionError> {
    let configuration = config::load(path).map_err(OptionError::new)?;
    let wrong = configuration
        .authorizers
        .iter()
        .filter(|authorizer| authorizer.type_ != "Webhook" && authorizer.name != name_of(&authorizer.type_))
        .map(|authorizer| {
            format!(
                "expected name {} for authorizer {} instead of {}",
                name_of(&authorizer.type_),
                authorizer.type_,
                authorizer.name
            )
        });
    aggregate(wrong.collect())?;
    Ok(configuration)
}
