//! From a kubeconfig and what the command line says to a [`Config`] (upstream: `clientcmd.DirectClientConfig`).

use std::time::Duration;

use super::kubeconfig::{AuthInfo, Cluster, Context};
use super::validation::{EMPTY_CLUSTER, check_auth_info, check_cluster, check_proxy_url, context_not_found};
use super::{Config, ConfigError, ExecProvider, Impersonation, Kubeconfig, TlsConfig};

/// What goes before the kubeconfig. Empty members change nothing.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The context to use (`--context`).
    pub current_context: String,
    /// Members of the context: cluster (`--cluster`), user (`--user`), namespace (`--namespace`).
    pub context: Context,
    /// Members of the cluster: server, authorities, …
    pub cluster: Cluster,
    /// Members of the user: token, certificate, impersonation, …
    pub auth_info: AuthInfo,
    /// How long a request may take (`--request-timeout`); empty or 0 is for ever.
    pub timeout: String,
    /// Why exec plugins cannot read standard input, if they cannot.
    pub stdin_unavailable: Option<String>,
}

/// The cluster's extension that exec plugins are told of.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// What is set goes over what was there.
fn overlay<T: Clone + Default + PartialEq>(into: &mut T, from: &T) {
    if *from != T::default() {
        into.clone_from(from);
    }
}

macro_rules! overlay {
    ($into:expr, $from:expr; $($member:ident)*) => {
        $(overlay(&mut $into.$member, &$from.$member);)*
    };
}

impl Kubeconfig {
    fn context_name<'a>(&'a self, overrides: &'a Overrides) -> &'a str {
        if overrides.current_context.is_empty() {
            &self.current_context
        } else {
            &overrides.current_context
        }
    }

    /// The chosen context.
    ///
    /// # Errors
    /// The one that `overrides` names does not exist.
    pub fn effective_context(&self, overrides: &Overrides) -> Result<Context, ConfigError> {
        let name = self.context_name(overrides);
        let mut context = match self.contexts.get(name) {
            Some(context) => context.clone(),
            None if overrides.current_context.is_empty() => Context::default(),
            None => {
                return Err(ConfigError::NotFound {
                    kind: "context",
                    name: name.to_owned(),
                });
            }
        };
        overlay!(context, overrides.context; cluster auth_info namespace);
        Ok(context)
    }

    fn effective_auth_info(&self, overrides: &Overrides, name: &str) -> Result<AuthInfo, ConfigError> {
        let mut user = match self.auth_infos.get(name) {
            Some(user) => user.clone(),
            None if overrides.context.auth_info.is_empty() => AuthInfo::default(),
            None => {
                return Err(ConfigError::NotFound {
                    kind: "auth info",
                    name: name.to_owned(),
                });
            }
        };
        let over = &overrides.auth_info;
        overlay!(user, over; token token_file impersonate impersonate_uid impersonate_groups impersonate_user_extra
            username password auth_provider exec);
        // The two forms of one thing never mix.
        if !over.client_key.is_empty() || !over.client_key_data.is_empty() {
            user.client_key.clone_from(&over.client_key);
            user.client_key_data = over.client_key_data.clone();
        }
        if !over.client_certificate.is_empty() || !over.client_certificate_data.is_empty() {
            user.client_certificate.clone_from(&over.client_certificate);
            user.client_certificate_data = over.client_certificate_data.clone();
        }
        Ok(user)
    }

    fn effective_cluster(&self, overrides: &Overrides, name: &str) -> Result<Cluster, ConfigError> {
        let mut cluster = match self.clusters.get(name) {
            Some(cluster) => cluster.clone(),
            None if overrides.context.cluster.is_empty() => Cluster {
                server: std::env::var("KUBERNETES_MASTER").unwrap_or_default(),
                ..Cluster::default()
            },
            None => {
                return Err(ConfigError::NotFound {
                    kind: "cluster",
                    name: name.to_owned(),
                });
            }
        };
        let over = &overrides.cluster;
        overlay!(cluster, over; server proxy_url disable_compression);
        if over.insecure_skip_tls_verify
            || !over.certificate_authority.is_empty()
            || !over.certificate_authority_data.is_empty()
        {
            cluster.insecure_skip_tls_verify = over.insecure_skip_tls_verify;
            cluster.certificate_authority.clone_from(&over.certificate_authority);
            cluster.certificate_authority_data = over.certificate_authority_data.clone();
        }
        // Another server does not carry the name that the kubeconfig's server has.
        if !over.tls_server_name.is_empty() || !over.server.is_empty() {
            cluster.tls_server_name.clone_from(&over.tls_server_name);
        }
        Ok(cluster)
    }

    /// The namespace that is meant when none is named, and whether the command line named it.
    ///
    /// # Errors
    /// Like [`Kubeconfig::client_config`].
    pub fn namespace(&self, overrides: &Overrides) -> Result<(String, bool), ConfigError> {
        if !overrides.context.namespace.is_empty() {
            return Ok((overrides.context.namespace.clone(), true));
        }
        let context = self.effective_context(overrides)?;
        let namespace = if context.namespace.is_empty() {
            "default".to_owned()
        } else {
            context.namespace
        };
        Ok((namespace, false))
    }

    /// The configuration for the chosen context.
    ///
    /// # Errors
    /// What is named does not exist, or is no good.
    pub fn client_config(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        let context = self.effective_context(overrides)?;
        let user = self.effective_auth_info(overrides, &context.auth_info)?;
        let cluster = self.effective_cluster(overrides, &context.cluster)?;
        self.confirm_usable(overrides, &context, &user, &cluster)?;

        let timeout = if overrides.timeout.is_empty() {
            None
        } else {
            parse_timeout(&overrides.timeout)?
        };
        let mut config = Config {
            host: without_query(&cluster.server),
            proxy_url: cluster.proxy_url.clone(),
            timeout,
            impersonate: Impersonation {
                user_name: user.impersonate.clone(),
                uid: user.impersonate_uid.clone(),
                groups: user.impersonate_groups.clone(),
                extra: user.impersonate_user_extra.clone(),
            },
            ..Config::default()
        };
        // Credentials go over TLS only.
        let has_tls = cluster.insecure_skip_tls_verify
            || !cluster.certificate_authority.is_empty()
            || !cluster.certificate_authority_data.is_empty();
        if config.host.starts_with("https://") || (!config.host.contains("://") && has_tls) {
            add_credentials(&mut config, user, cluster, overrides)?;
        }
        Ok(config)
    }

    fn confirm_usable(
        &self,
        overrides: &Overrides,
        context: &Context,
        user: &AuthInfo,
        cluster: &Cluster,
    ) -> Result<(), ConfigError> {
        let mut errors = Vec::new();
        let name = self.context_name(overrides);
        if !name.is_empty() && !self.contexts.contains_key(name) {
            errors.push(context_not_found(name));
        }
        check_auth_info(&context.auth_info, user, &mut errors);
        check_cluster(&context.cluster, cluster, &mut errors);
        match errors.as_slice() {
            [] => Ok(()),
            [only] if only == EMPTY_CLUSTER => Err(ConfigError::Empty),
            _ => Err(ConfigError::Invalid(errors)),
        }
    }
}

fn add_credentials(
    config: &mut Config,
    user: AuthInfo,
    cluster: Cluster,
    overrides: &Overrides,
) -> Result<(), ConfigError> {
    let mut extensions = cluster.extensions;
    config.tls = TlsConfig {
        insecure: cluster.insecure_skip_tls_verify,
        server_name: cluster.tls_server_name,
        ca_file: cluster.certificate_authority,
        ca_data: cluster.certificate_authority_data.into_vec(),
        cert_file: user.client_certificate,
        cert_data: user.client_certificate_data.into_vec(),
        key_file: user.client_key,
        key_data: user.client_key_data.into_vec(),
    };
    if user.token.is_empty() && !user.token_file.is_empty() {
        let path = std::path::PathBuf::from(&user.token_file);
        let token = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?;
        config.bearer_token = token.trim().to_owned();
    } else {
        config.bearer_token = user.token;
    }
    config.bearer_token_file = user.token_file;
    config.username = user.username;
    config.password = user.password;
    config.exec = user.exec.map(|exec| ExecProvider {
        exec,
        cluster_config: extensions.remove(EXEC_EXTENSION),
        stdin_unavailable: overrides.stdin_unavailable.clone(),
    });
    check_proxy_url(&config.proxy_url).map_err(ConfigError::Value)
}

/// A server's URL may have a path, but nothing behind it.
fn without_query(server: &str) -> String {
    let end = server.find(['?', '#']).unwrap_or(server.len());
    server[..end].to_owned()
}

/// A number of seconds, or a duration as `1m30s`; `None` is for ever.
///
/// # Errors
/// It is neither.
pub fn parse_timeout(text: &str) -> Result<Option<Duration>, ConfigError> {
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text
            .parse::<component_base::GoDuration>()
            .map(component_base::GoDuration::to_std)
            .map_err(|_| {
                ConfigError::Value(
                    "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a \
                 corresponding time unit (e.g. 1s | 2m | 3h)"
                        .to_owned(),
                )
            })?,
    };
    Ok((!duration.is_zero()).then_some(duration))
}
