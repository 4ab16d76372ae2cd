//! The flags that say which server is meant and as whom (upstream: `genericclioptions.ConfigFlags`).

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use client_go::config::{Kubeconfig, LoadingRules, Overrides};
use component_base::flags::{FlagSet, Flags, StringArray};

use crate::{PluginPolicy, Result};

/// Connection flags; every command has them.
#[derive(Clone, Debug)]
pub struct ConfigFlags {
    /// Which credential plugins may run; no flag says it, preferences do.
    pub plugin_policy: PluginPolicy,
    /// `--kubeconfig`.
    pub kubeconfig: String,
    /// `--cache-dir`.
    pub cache_dir: String,
    /// `--client-certificate`.
    pub client_certificate: String,
    /// `--client-key`.
    pub client_key: String,
    /// `--token`.
    pub token: String,
    /// `--as`.
    pub impersonate: String,
    /// `--as-uid`.
    pub impersonate_uid: String,
    /// `--as-group`.
    pub impersonate_groups: StringArray,
    /// `--as-user-extra`.
    pub impersonate_user_extra: StringArray,
    /// `--username`.
    pub username: String,
    /// `--password`.
    pub password: String,
    /// `--cluster`.
    pub cluster: String,
    /// `--user`.
    pub user: String,
    /// `--namespace`.
    pub namespace: String,
    /// `--context`.
    pub context: String,
    /// `--server`.
    pub server: String,
    /// `--tls-server-name`.
    pub tls_server_name: String,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--certificate-authority`.
    pub certificate_authority: String,
    /// `--request-timeout`.
    pub request_timeout: String,
    /// `--disable-compression`.
    pub disable_compression: bool,
}

/// `KUBECACHEDIR`, or `~/.kube/cache`.
fn default_cache_dir() -> PathBuf {
    if let Some(folder) = env::var_os("KUBECACHEDIR").filter(|folder| !folder.is_empty()) {
        return folder.into();
    }
    let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    home.join(".kube").join("cache")
}

impl Default for ConfigFlags {
    fn default() -> Self {
        Self {
            plugin_policy: PluginPolicy::default(),
            kubeconfig: String::new(),
            cache_dir: default_cache_dir().display().to_string(),
            client_certificate: String::new(),
            client_key: String::new(),
            token: String::new(),
            impersonate: String::new(),
            impersonate_uid: String::new(),
            impersonate_groups: StringArray::default(),
            impersonate_user_extra: StringArray::default(),
            username: String::new(),
            password: String::new(),
            cluster: String::new(),
            user: String::new(),
            namespace: String::new(),
            context: String::new(),
            server: String::new(),
            tls_server_name: String::new(),
            insecure_skip_tls_verify: false,
            certificate_authority: String::new(),
            request_timeout: "0".to_owned(),
            disable_compression: false,
        }
    }
}

impl Flags for ConfigFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .inherit("kubeconfig", None, &mut self.kubeconfig, "Path to the kubeconfig file to use for CLI requests.")
            .inherit("cache-dir", None, &mut self.cache_dir, "Default cache directory")
            .inherit("client-certificate", None, &mut self.client_certificate, "Path to a client certificate file for TLS")
            .inherit("client-key", None, &mut self.client_key, "Path to a client key file for TLS")
            .inherit("token", None, &mut self.token, "Bearer token for authentication to the API server")
            .inherit("as", None, &mut self.impersonate, "Username to impersonate for the operation. User could be a regular user or a service account in a namespace.")
            .inherit("as-uid", None, &mut self.impersonate_uid, "UID to impersonate for the operation.")
            .inherit("as-group", None, &mut self.impersonate_groups, "Group to impersonate for the operation, this flag can be repeated to specify multiple groups.")
            .inherit("as-user-extra", None, &mut self.impersonate_user_extra, "User extras to impersonate for the operation, this flag can be repeated to specify multiple values for the same key.")
            .inherit("username", None, &mut self.username, "Username for basic authentication to the API server")
            .inherit("password", None, &mut self.password, "Password for basic authentication to the API server")
            .inherit("cluster", None, &mut self.cluster, "The name of the kubeconfig cluster to use")
            .inherit("user", None, &mut self.user, "The name of the kubeconfig user to use")
            .inherit("namespace", Some('n'), &mut self.namespace, "If present, the namespace scope for this CLI request")
            .inherit("context", None, &mut self.context, "The name of the kubeconfig context to use")
            .inherit("server", Some('s'), &mut self.server, "The address and port of the Kubernetes API server")
            .inherit("tls-server-name", None, &mut self.tls_server_name, "Server name to use for server certificate validation. If it is not provided, the hostname used to contact the server is used")
            .inherit("insecure-skip-tls-verify", None, &mut self.insecure_skip_tls_verify, "If true, the server's certificate will not be checked for validity. This will make your HTTPS connections insecure")
            .inherit("certificate-authority", None, &mut self.certificate_authority, "Path to a cert file for the certificate authority")
            .inherit("request-timeout", None, &mut self.request_timeout, "The length of time to wait before giving up on a single server request. Non-zero values should contain a corresponding time unit (e.g. 1s, 2m, 3h). A value of zero means don't timeout requests.")
            .inherit("disable-compression", None, &mut self.disable_compression, "If true, opt-out of response compression for all requests to the server");
    }
}

impl ConfigFlags {
    /// Which kubeconfig files are read.
    #[must_use]
    pub fn loading_rules(&self) -> LoadingRules {
        if self.kubeconfig.is_empty() {
            LoadingRules::from_environment()
        } else {
            LoadingRules::explicit(&self.kubeconfig)
        }
    }

    /// The kubeconfig, paths resolved.
    ///
    /// # Errors
    /// A file is unreadable or malformed.
    pub fn load(&self) -> Result<Kubeconfig> {
        if !self.kubeconfig.is_empty() && !std::path::Path::new(&self.kubeconfig).exists() {
            return Err(crate::message!("stat {}: no such file or directory", self.kubeconfig));
        }
        Ok(self.loading_rules().load()?)
    }

    /// What the flags put over the kubeconfig.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in self
            .impersonate_user_extra
            .iter()
            .filter_map(|pair| pair.split_once('='))
        {
            extra.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        let mut overrides = Overrides {
            current_context: self.context.clone(),
            timeout: self.request_timeout.clone(),
            ..Overrides::default()
        };
        let user = &mut overrides.auth_info;
        user.client_certificate.clone_from(&self.client_certificate);
        user.client_key.clone_from(&self.client_key);
        user.token.clone_from(&self.token);
        user.impersonate.clone_from(&self.impersonate);
        user.impersonate_uid.clone_from(&self.impersonate_uid);
        user.impersonate_groups = self.impersonate_groups.to_vec();
        user.impersonate_user_extra = extra;
        user.username.clone_from(&self.username);
        user.password.clone_from(&self.password);
        let cluster = &mut overrides.cluster;
        cluster.server.clone_from(&self.server);
        cluster.tls_server_name.clone_from(&self.tls_server_name);
        cluster.insecure_skip_tls_verify = self.insecure_skip_tls_verify;
        cluster.certificate_authority.clone_from(&self.certificate_authority);
        cluster.disable_compression = self.disable_compression;
        overrides.context.cluster.clone_from(&self.cluster);
        overrides.context.auth_info.clone_from(&self.user);
        overrides.context.namespace.clone_from(&self.namespace);
        overrides
    }
}
