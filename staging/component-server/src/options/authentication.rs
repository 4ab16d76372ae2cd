//! `--authentication-…`, `--client-ca-file`, `--requestheader-…`.

use std::sync::Arc;

use apiserver_auth::authentication::{
    Anonymous, Chain, ClientCertificates, Credentials, RequestAuthenticator, RequestHeader, RequestHeaderConfig,
};
use client_go::Client;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use component_base::serving::DynamicCaBundle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::DelegationError;
use crate::cluster_authentication::{CONFIG_MAP, CONFIG_MAP_NAMESPACE, ClusterAuthentication};
use crate::reviews::Reviews;

/// A front proxy, and the headers in which it says who the user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeaderOptions {
    /// Authorities of the proxy's certificate; without them there is no proxy.
    pub client_ca_file: String,
    /// Headers with the user's name.
    pub username_headers: Vec<String>,
    /// Headers with the user's identifier.
    pub uid_headers: Vec<String>,
    /// Headers with groups.
    pub group_headers: Vec<String>,
    /// Prefixes of headers with further attributes.
    pub extra_header_prefixes: Vec<String>,
    /// Common names that the proxy's certificate may have; any if there are none.
    pub allowed_names: Vec<String>,
}

impl Default for RequestHeaderOptions {
    fn default() -> Self {
        let one = |name: &str| vec![name.to_owned()];
        Self {
            client_ca_file: String::new(),
            username_headers: one("x-remote-user"),
            uid_headers: Vec::new(),
            group_headers: one("x-remote-group"),
            extra_header_prefixes: one("x-remote-extra-"),
            allowed_names: Vec::new(),
        }
    }
}

impl RequestHeaderOptions {
    fn validate(&self) -> Result<(), DelegationError> {
        let lists = [
            ("requestheader-username-headers", &self.username_headers),
            ("requestheader-group-headers", &self.group_headers),
            ("requestheader-extra-headers-prefix", &self.extra_header_prefixes),
            ("requestheader-allowed-names", &self.allowed_names),
            ("requestheader-uid-headers", &self.uid_headers),
        ];
        match lists
            .iter()
            .find(|(_, values)| values.iter().any(|value| value.trim().is_empty()))
        {
            Some((flag, _)) => Err(DelegationError::Option(format!("empty value in {flag:?}"))),
            None => Ok(()),
        }
    }

    fn config(&self) -> RequestHeaderConfig {
        RequestHeaderConfig {
            username_headers: self.username_headers.clone(),
            uid_headers: self.uid_headers.clone(),
            group_headers: self.group_headers.clone(),
            extra_header_prefixes: self.extra_header_prefixes.clone(),
            allowed_names: self.allowed_names.clone(),
        }
    }
}

/// How callers are found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegatingAuthenticationOptions {
    /// The API server that is asked; without it tokens are of no use.
    pub kubeconfig: String,
    /// How long its answers are remembered.
    pub cache_ttl: GoDuration,
    /// Authorities of client certificates; those of the cluster if not given.
    pub client_ca_file: String,
    /// The front proxy; the cluster's if not given.
    pub request_header: RequestHeaderOptions,
    /// Whether the cluster is not asked for what is not given.
    pub skip_lookup: bool,
    /// Whether the component starts though the cluster does not answer.
    pub tolerate_lookup_failure: bool,
}

impl Default for DelegatingAuthenticationOptions {
    fn default() -> Self {
        Self {
            kubeconfig: String::new(),
            cache_ttl: GoDuration::from_secs(10),
            client_ca_file: String::new(),
            request_header: RequestHeaderOptions::default(),
            skip_lookup: false,
            tolerate_lookup_failure: false,
        }
    }
}

impl Flags for DelegatingAuthenticationOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("authentication");
        flags.add(
            "authentication-kubeconfig",
            &mut self.kubeconfig,
            "the kubeconfig with which token reviews are created; without it every token is refused and nothing is looked up in the cluster",
        );
        flags.add(
            "authentication-token-webhook-cache-ttl",
            &mut self.cache_ttl,
            "how long the answer about a token is remembered",
        );
        flags.add(
            "client-ca-file",
            &mut self.client_ca_file,
            "a client with a certificate that one of these authorities signed is the user of its common name",
        );
        let proxy = &mut self.request_header;
        flags.add(
            "requestheader-username-headers",
            &mut proxy.username_headers,
            "headers of the front proxy with the user's name",
        );
        flags.add(
            "requestheader-uid-headers",
            &mut proxy.uid_headers,
            "headers of the front proxy with the user's identifier",
        );
        flags.add(
            "requestheader-group-headers",
            &mut proxy.group_headers,
            "headers of the front proxy with groups",
        );
        flags.add(
            "requestheader-extra-headers-prefix",
            &mut proxy.extra_header_prefixes,
            "prefixes of headers of the front proxy with further attributes",
        );
        flags.add(
            "requestheader-client-ca-file",
            &mut proxy.client_ca_file,
            "the authorities of the front proxy's certificate, which is checked before its headers are believed",
        );
        flags.add(
            "requestheader-allowed-names",
            &mut proxy.allowed_names,
            "the common names that the front proxy's certificate may have; any if not given",
        );
        flags.add(
            "authentication-skip-lookup",
            &mut self.skip_lookup,
            "do not look up in the cluster what is not given",
        );
        flags.add(
            "authentication-tolerate-lookup-failure",
            &mut self.tolerate_lookup_failure,
            "start though the cluster could not be asked, and treat everybody as anonymous",
        );
    }
}

/// What [`DelegatingAuthenticationOptions::complete`] gives.
pub struct Authentication {
    /// Finds the user of a request.
    pub chain: Chain,
    /// Whose certificates the port asks clients for.
    pub client_cas: Vec<Arc<DynamicCaBundle>>,
    files: Vec<Arc<DynamicCaBundle>>,
    cluster: Option<(Arc<ClusterAuthentication>, Client)>,
}

impl Authentication {
    /// Starts the tasks that follow files and the cluster, until cancelled.
    pub fn follow(&self, tasks: &TaskTracker, cancelled: &CancellationToken) {
        for bundle in &self.files {
            tasks.spawn(bundle.clone().run(cancelled.clone()));
        }
        if let Some((cluster, client)) = &self.cluster {
            tasks.spawn(cluster.clone().follow(client.clone(), cancelled.clone()));
        }
    }
}

impl DelegatingAuthenticationOptions {
    /// Reads files and asks the cluster, as the flags say.
    ///
    /// # Errors
    /// See [`DelegationError`].
    pub async fn complete(&self) -> Result<Authentication, DelegationError> {
        self.request_header.validate()?;
        let client = super::client(&self.kubeconfig, "authentication", None)?;
        let lookup = if self.skip_lookup { None } else { client.clone() };
        let cluster = ClusterAuthentication::new(
            lookup.is_some() && self.client_ca_file.is_empty(),
            lookup.is_some() && self.request_header.client_ca_file.is_empty(),
        )?;
        if let Some(client) = &lookup {
            self.look_up(&cluster, client).await?;
        } else if !self.skip_lookup {
            self.warn_of_missing_lookup();
        }

        let file = |path: &str| -> Result<Option<Arc<DynamicCaBundle>>, DelegationError> {
            let given = (!path.is_empty()).then(|| DynamicCaBundle::from_file(path));
            Ok(given.transpose()?.map(Arc::new))
        };
        let proxy_file = file(&self.request_header.client_ca_file)?;
        let clients_file = file(&self.client_ca_file)?;
        let mut authenticators: Vec<Arc<dyn RequestAuthenticator>> = Vec::new();
        if let Some(authorities) = &proxy_file {
            authenticators.push(Arc::new(RequestHeader::new(
                self.request_header.config(),
                authorities.clone(),
            )));
        } else if let Some(published) = &cluster.request_header {
            authenticators.push(published.clone());
        }
        if let Some(authorities) = clients_file.as_ref().or(cluster.clients.as_ref()) {
            authenticators.push(Arc::new(ClientCertificates::new(authorities.clone())));
        }
        if let Some(client) = &client {
            authenticators.extend(Reviews::new(client.clone()).token_authenticators(self.cache_ttl.to_std()));
        }
        let files: Vec<_> = clients_file.into_iter().chain(proxy_file).collect();
        let credentials = Credentials {
            request_header: Some(self.request_header.config()),
        };
        Ok(Authentication {
            chain: Chain::new(authenticators, Some(Anonymous::default()), credentials),
            client_cas: files.iter().cloned().chain(cluster.authorities()).collect(),
            files,
            cluster: lookup.map(|client| (Arc::new(cluster), client)),
        })
    }

    async fn look_up(&self, cluster: &ClusterAuthentication, client: &Client) -> Result<(), DelegationError> {
        match cluster.load(client).await {
            Err(error) if self.tolerate_lookup_failure => {
                tracing::warn!(%error, "Error looking up in-cluster authentication configuration");
                tracing::warn!(
                    "Continuing without authentication configuration. This may treat all requests as anonymous."
                );
                tracing::warn!(
                    "To require authentication configuration lookup to succeed, set --authentication-tolerate-lookup-failure=false"
                );
                Ok(())
            }
            outcome => outcome.map_err(DelegationError::Lookup),
        }
    }

    fn warn_of_missing_lookup(&self) {
        let missing = [
            (
                self.client_ca_file.is_empty(),
                "client-ca-file",
                "client certificate authentication",
            ),
            (
                self.request_header.client_ca_file.is_empty(),
                "requestheader-client-ca-file",
                "request-header client certificate authentication",
            ),
        ];
        for (_, file, lost) in missing.into_iter().filter(|(missing, ..)| *missing) {
            tracing::warn!(
                "No authentication-kubeconfig provided in order to lookup {file} in configmap/{CONFIG_MAP} in {CONFIG_MAP_NAMESPACE}, so {lost} won't work."
            );
        }
    }
}
