//! Clients of webhooks, kept for as long as they are asked for.

use std::{collections::HashMap, sync::Arc};

use apiserver::proxy::ServiceResolver;
use client_go::{
    Client, Config,
    config::{
        Kubeconfig, Overrides, Resolve,
        kubeconfig::{Cluster, Context},
    },
};
use k8s_api::{
    admissionregistration::v1::{ServiceReference, WebhookClientConfig},
    primitives::quote,
};
use parking_lot::Mutex;

/// So many clients are kept.
const KEPT: usize = 200;
const USER_AGENT: &str = "kube-apiserver-admission";
const HTTPS: i32 = 443;
/// The name under which a webhook stands in its kubeconfig.
const WEBHOOK: &str = "webhook";

/// A client and the path of its requests.
#[derive(Clone, Debug)]
pub(crate) struct HookClient {
    pub(crate) client: Client,
    pub(crate) path: String,
}

/// What tells one target from another: URL, Service, authorities.
type Key = (
    Option<String>,
    Option<(String, String, Option<String>, Option<i32>)>,
    Vec<u8>,
);

fn key(target: &WebhookClientConfig) -> Key {
    let service = target.service.as_deref().map(|service| {
        let service = service.clone();
        (service.namespace, service.name, service.path, service.port)
    });
    (target.url.clone(), service, target.ca_bundle.to_vec())
}

#[derive(Debug, Default)]
struct Kept {
    clock: u64,
    clients: HashMap<Key, (u64, HookClient)>,
}

/// Makes clients of webhooks.
#[derive(Debug)]
pub(crate) struct Clients {
    kubeconfig: Kubeconfig,
    services: ServiceResolver,
    kept: Mutex<Kept>,
}

impl Clients {
    pub(crate) fn new(kubeconfig: Kubeconfig, services: ServiceResolver) -> Self {
        Self {
            kubeconfig,
            services,
            kept: Mutex::default(),
        }
    }

    /// The client of a webhook.
    pub(crate) fn client(&self, target: &WebhookClientConfig) -> Result<HookClient, String> {
        let key = key(target);
        let mut kept = self.kept.lock();
        kept.clock += 1;
        let now = kept.clock;
        if let Some((used, client)) = kept.clients.get_mut(&key) {
            *used = now;
            return Ok(client.clone());
        }
        let client = self.make(target)?;
        if kept.clients.len() >= KEPT
            && let Some(oldest) = kept.clients.iter().min_by_key(|(_, (used, _))| *used)
        {
            let oldest = oldest.0.clone();
            kept.clients.remove(&oldest);
        }
        kept.clients.insert(key, (now, client.clone()));
        Ok(client)
    }

    fn make(&self, target: &WebhookClientConfig) -> Result<HookClient, String> {
        let (mut config, path) = match (&target.service, &target.url) {
            (Some(service), _) => self.of_service(service)?,
            (None, Some(url)) => self.of_url(url)?,
            (None, None) => return Err("webhook configuration must have either service or URL".to_owned()),
        };
        if !config.tls.ca_data.is_empty() {
            config.tls.ca_data.push(b'\n');
        }
        config.tls.ca_data.extend_from_slice(&target.ca_bundle);
        // How many requests are served is decided elsewhere.
        config.qps = -1.0;
        config.timeout = None;
        USER_AGENT.clone_into(&mut config.user_agent);
        let client = Client::new(&config).map_err(|error| error.to_string())?;
        Ok(HookClient { client, path })
    }

    fn of_service(&self, service: &ServiceReference) -> Result<(Config, String), String> {
        let port = service.port.filter(|port| *port != 0).unwrap_or(HTTPS);
        let server = format!("{}.{}.svc", service.name, service.namespace);
        let host = format!("{server}:{port}");
        let mut config = self.config(&format!("https://{host}"), &host)?;
        if config.tls.server_name.is_empty() {
            config.tls.server_name = server;
        }
        config.http1_only = true;
        config.resolver = Some(Arc::new(ServiceAddress {
            services: self.services.clone(),
            namespace: service.namespace.clone(),
            name: service.name.clone(),
            port,
        }));
        Ok((config, service.path.clone().unwrap_or_default()))
    }

    fn of_url(&self, url: &str) -> Result<(Config, String), String> {
        let uri: http::Uri = url.parse().map_err(|error| format!("Unparsable URL: {error}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("Unparsable URL: {}", quote(url)));
        };
        let host_port = match authority.port() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:{HTTPS}"),
        };
        let mut config = self.config(&format!("{scheme}://{authority}"), &host_port)?;
        config.http1_only = !is_local(authority.host());
        Ok((config, uri.path().to_owned()))
    }

    /// A configuration for `server` as the user that the kubeconfig has for `target`.
    fn config(&self, server: &str, target: &str) -> Result<Config, String> {
        let user = user_of(&self.kubeconfig, target);
        let context = Context {
            cluster: WEBHOOK.to_owned(),
            auth_info: user.map(str::to_owned).unwrap_or_default(),
            ..Context::default()
        };
        let cluster = Cluster {
            server: server.to_owned(),
            ..Cluster::default()
        };
        let kubeconfig = Kubeconfig {
            clusters: [(WEBHOOK.to_owned(), cluster)].into(),
            contexts: [(WEBHOOK.to_owned(), context)].into(),
            current_context: WEBHOOK.to_owned(),
            auth_infos: self.kubeconfig.auth_infos.clone(),
            ..Kubeconfig::default()
        };
        let config = kubeconfig.client_config(&Overrides::default());
        config.map_err(|error| error.to_string())
    }
}

fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The user for a target: by its whole name, by `*.` and what follows a dot, both again without the port of HTTPS, by `*`,
/// or the one of the current context.
fn user_of<'k>(kubeconfig: &'k Kubeconfig, target: &str) -> Option<&'k str> {
    let known = |name: &str| kubeconfig.auth_infos.get_key_value(name).map(|(name, _)| name.as_str());
    let named = |target: &str| {
        known(target).or_else(|| {
            let dots = target.match_indices('.').map(|(at, _)| &target[at..]);
            dots.map(|rest| format!("*{rest}")).find_map(|pattern| known(&pattern))
        })
    };
    named(target)
        .or_else(|| named(target.strip_suffix(":443")?))
        .or_else(|| known("*"))
        .or_else(|| {
            let context = kubeconfig.contexts.get(&kubeconfig.current_context)?;
            known(&context.auth_info)
        })
}

/// Where a Service is.
struct ServiceAddress {
    services: ServiceResolver,
    namespace: String,
    name: String,
    port: i32,
}

impl Resolve for ServiceAddress {
    fn address(&self) -> Result<String, String> {
        let resolved = self.services.resolve(&self.namespace, &self.name, self.port);
        resolved.map_err(|error| error.to_string())
    }
}
