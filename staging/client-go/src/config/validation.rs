//! What is wrong with a kubeconfig, all of it at once and in upstream's words (upstream: `clientcmd.Validate`).

use std::fs::File;
use std::path::Path;

use k8s_api::primitives::quote;

use super::kubeconfig::{AuthInfo, Cluster, Context};
use super::{ConfigError, Kubeconfig, go_io_error};

pub(super) const EMPTY_CLUSTER: &str = "cluster has no server defined";

impl Kubeconfig {
    /// Checks every entry.
    ///
    /// # Errors
    /// [`ConfigError::Empty`], or all that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.is_empty() {
            return Err(ConfigError::Empty);
        }
        let mut errors = Vec::new();
        if !self.current_context.is_empty() && !self.contexts.contains_key(&self.current_context) {
            errors.push(context_not_found(&self.current_context));
        }
        for (name, context) in &self.contexts {
            self.check_context(name, context, &mut errors);
        }
        for (name, user) in &self.auth_infos {
            check_auth_info(name, user, &mut errors);
        }
        for (name, cluster) in &self.clusters {
            check_cluster(name, cluster, &mut errors);
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Invalid(errors))
        }
    }

    fn check_context(&self, name: &str, context: &Context, errors: &mut Vec<String>) {
        let shown = quote(name);
        if name.is_empty() {
            errors.push(format!("empty context name for {context:?} is not allowed"));
        }
        if context.auth_info.is_empty() {
            errors.push(format!("user was not specified for context {shown}"));
        } else if !self.auth_infos.contains_key(&context.auth_info) {
            errors.push(format!(
                "user {} was not found for context {shown}",
                quote(&context.auth_info)
            ));
        }
        if context.cluster.is_empty() {
            errors.push(format!("cluster was not specified for context {shown}"));
        } else if !self.clusters.contains_key(&context.cluster) {
            errors.push(format!(
                "cluster {} was not found for context {shown}",
                quote(&context.cluster)
            ));
        }
        if !context.namespace.is_empty() && !apimachinery::names::dns1123_label(&context.namespace).is_empty() {
            let namespace = quote(&context.namespace);
            errors.push(format!(
                "namespace {namespace} for context {shown} does not conform to the kubernetes DNS_LABEL rules"
            ));
        }
    }
}

pub(super) fn context_not_found(name: &str) -> String {
    format!("context was not found for specified context: {name}")
}

fn readable(path: &str, errors: &mut Vec<String>, message: impl FnOnce(String) -> String) {
    if !path.is_empty()
        && let Err(error) = File::open(Path::new(path))
    {
        errors.push(message(format!("open {path}: {}", go_io_error(&error))));
    }
}

pub(super) fn check_cluster(name: &str, cluster: &Cluster, errors: &mut Vec<String>) {
    let blank = Cluster {
        location_of_origin: cluster.location_of_origin.clone(),
        ..Cluster::default()
    };
    if *cluster == blank {
        errors.push(EMPTY_CLUSTER.to_owned());
        return;
    }
    if cluster.server.is_empty() {
        errors.push(if name.is_empty() {
            "default cluster has no server defined".to_owned()
        } else {
            format!("no server found for cluster {}", quote(name))
        });
    }
    if let Err(error) = check_proxy_url(&cluster.proxy_url) {
        let url = quote(&cluster.proxy_url);
        errors.push(format!(
            "invalid 'proxy-url' {url} for cluster {}: {error}",
            quote(name)
        ));
    }
    let ca = &cluster.certificate_authority;
    if !ca.is_empty() && !cluster.certificate_authority_data.is_empty() {
        errors.push(format!(
            "certificate-authority-data and certificate-authority are both specified for {name}. certificate-authority-data \
             will override."
        ));
    }
    readable(ca, errors, |error| {
        format!("unable to read certificate-authority {ca} for {name} due to {error}")
    });
}

/// Checks a proxy's URL; an empty one is none.
pub(crate) fn check_proxy_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let url = url::Url::parse(text).map_err(|_| format!("could not parse: {text}"))?;
    match url.scheme() {
        "http" | "https" | "socks5" => Ok(()),
        scheme => Err(format!(
            "unsupported scheme {}, must be http, https, or socks5",
            quote(scheme)
        )),
    }
}

pub(super) fn check_auth_info(name: &str, user: &AuthInfo, errors: &mut Vec<String>) {
    let mut methods = Vec::new();
    if !user.token.is_empty() {
        methods.push("token");
    }
    if !user.username.is_empty() || !user.password.is_empty() {
        methods.push("basicAuth");
    }
    if !user.client_certificate.is_empty() || !user.client_certificate_data.is_empty() {
        check_client_certificate(name, user, errors);
    }
    check_exec(name, user, errors);
    if methods.len() > 1 {
        let methods = methods.join(" ");
        errors.push(format!(
            "more than one authentication method found for {name}; found [{methods}], only one is allowed"
        ));
    }
    let attributes = !user.impersonate_uid.is_empty()
        || !user.impersonate_groups.is_empty()
        || !user.impersonate_user_extra.is_empty();
    if attributes && user.impersonate.is_empty() {
        errors.push(format!(
            "requesting uid, groups or user-extra for {name} without impersonating a user"
        ));
    }
}

fn check_client_certificate(name: &str, user: &AuthInfo, errors: &mut Vec<String>) {
    let (certificate, key) = (&user.client_certificate, &user.client_key);
    if !certificate.is_empty() && !user.client_certificate_data.is_empty() {
        errors.push(format!(
            "client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
        ));
    }
    if !key.is_empty() && !user.client_key_data.is_empty() {
        errors.push(format!(
            "client-key-data and client-key are both specified for {name}; client-key-data will override"
        ));
    }
    if key.is_empty() && user.client_key_data.is_empty() {
        errors.push(format!(
            "client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
        ));
    }
    readable(certificate, errors, |error| {
        format!("unable to read client-cert {certificate} for {name} due to {error}")
    });
    readable(key, errors, |error| {
        format!("unable to read client-key {key} for {name} due to {error}")
    });
}

fn check_exec(name: &str, user: &AuthInfo, errors: &mut Vec<String>) {
    if user.auth_provider.is_some() {
        errors.push(if user.exec.is_some() {
            format!("authProvider cannot be provided in combination with an exec plugin for {name}")
        } else {
            let provider = user
                .auth_provider
                .as_ref()
                .and_then(|p| p["name"].as_str())
                .unwrap_or_default();
            format!("no Auth Provider found for name {}", quote(provider))
        });
    }
    let Some(exec) = &user.exec else { return };
    let plugin = "to use exec authentication plugin";
    if exec.command.is_empty() {
        errors.push(format!("command must be specified for {name} {plugin}"));
    }
    if exec.api_version.is_empty() {
        errors.push(format!("apiVersion must be specified for {name} {plugin}"));
    }
    for _ in exec.env.iter().filter(|variable| variable.name.is_empty()) {
        errors.push(format!("env variable name must be specified for {name} {plugin}"));
    }
    match exec.interactive_mode.as_str() {
        "Never" | "IfAvailable" | "Always" => {}
        "" => errors.push(format!("interactiveMode must be specified for {name} {plugin}")),
        other => errors.push(format!("invalid interactiveMode for {name}: {}", quote(other))),
    }
}
