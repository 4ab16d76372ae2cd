//! Joins what the server itself keeps with its resources.

use std::{sync::Arc, time::Duration};

use apis_core::core::service::{ClusterFamilies, IPV4, IPV6};
use apiserver::server::Routes;
use apiserver_storage::{Storage, etcd3::normalize_prefix};
use component_base::feature_gates::Feature;
use component_base::health::HealthEndpoints;
use controlplane_keeps::{AuthenticationTrust, Hooks, Keeper, KeeperConfig, MissingStore, RequestHeaderTrust, Stores};
use registry_allocators::{Allocators, ClusterIps, NodePorts, RangeAllocationMedia, ServiceHooks};

use crate::{
    options::{ServerOptions, Services},
    server::RunError,
};

/// What is kept, before the resources are there.
pub(crate) struct Keeping {
    services: Services,
    hooks: Arc<ServiceHooks>,
}

impl Keeping {
    /// Checks the flags.
    pub(crate) fn new(options: &ServerOptions, hooks: Arc<ServiceHooks>) -> Result<Self, RunError> {
        let services = options
            .services
            .complete(options.advertised_ip())
            .map_err(RunError::Option)?;
        Ok(Self { services, hooks })
    }

    /// Begins to keep: Services get their addresses, and the hooks that were announced run.
    pub(crate) fn start(
        self,
        options: &ServerOptions,
        routes: &Routes,
        storage: &Arc<dyn Storage>,
        hooks: Hooks,
    ) -> Result<Keeper, RunError> {
        let missing = |error: MissingStore| RunError::Storage(error.to_string());
        let stores = Stores::of(routes).serving(|group, version| options.apis.serves_version(group, version));
        let prefix = normalize_prefix(&options.storage.etcd_prefix);
        let allocators = self.allocators(options, &stores, storage, &prefix).map_err(missing)?;
        self.hooks.complete(allocators.clone());
        let advertised = options.advertised_ip();
        let config = KeeperConfig {
            service_ranges: self.services.ranges.clone(),
            service_ip: self.services.first_ip,
            advertise_address: Some(advertised).filter(|ip| !ip.is_loopback()),
            secure_port: u16::try_from(options.secure_serving.secure_port).unwrap_or_default(),
            kubernetes_service_node_port: self.services.kubernetes_node_port,
            reconciler: self.services.reconciler,
            apiserver_count: self.services.apiserver_count,
            hostname: hostname(),
            identity: options.gates.enabled(Feature::APIServerIdentity),
            peer_address: if options.gates.enabled(Feature::UnknownVersionInteroperabilityProxy) {
                options.public_address()
            } else {
                String::new()
            },
            trust: trust(options)?,
            prefix,
        };
        Keeper::start(hooks, config, &stores, storage, &allocators).map_err(missing)
    }

    fn allocators(
        &self,
        options: &ServerOptions,
        stores: &Stores,
        storage: &Arc<dyn Storage>,
        prefix: &str,
    ) -> Result<Arc<Allocators>, MissingStore> {
        let ipv6 = self.services.first_ip.is_ipv6();
        let dual_stack = self.services.ranges.len() == 2;
        let of_family = |ipv6: bool| -> Result<ClusterIps, MissingStore> {
            Ok(ClusterIps::new(ipv6, stores.local()?, stores.local()?))
        };
        let media = match options.storage.media_type.as_str() {
            "application/vnd.kubernetes.protobuf" => RangeAllocationMedia::Protobuf,
            _ => RangeAllocationMedia::Json,
        };
        Ok(Arc::new(Allocators {
            primary: of_family(ipv6)?,
            families: ClusterFamilies {
                primary: if ipv6 { IPV6 } else { IPV4 },
                dual_stack,
            },
            secondary: dual_stack.then(|| of_family(!ipv6)).transpose()?,
            node_ports: NodePorts::new(self.services.node_ports, storage.clone(), prefix, media),
            endpoints: stores.local()?,
        }))
    }
}

/// Announces the hooks as health checks.
pub(crate) fn announce(health: &mut HealthEndpoints, livez_grace_period: Duration) -> Hooks {
    Keeper::announce(health, livez_grace_period)
}

/// Whom extension API servers may trust because this server does.
fn trust(options: &ServerOptions) -> Result<AuthenticationTrust, RunError> {
    let read = |path: &str| -> Result<Option<String>, RunError> {
        if path.is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path);
        text.map(Some)
            .map_err(|error| RunError::Option(format!("unable to load client CA file {path:?}: {error}")))
    };
    let proxy = &options.authentication.request_header;
    let request_header = read(&proxy.client_ca_file)?.map(|ca| RequestHeaderTrust {
        ca,
        allowed_names: proxy.allowed_names.clone(),
        username_headers: proxy.username_headers.clone(),
        uid_headers: proxy.uid_headers.clone(),
        group_headers: proxy.group_headers.clone(),
        extra_header_prefixes: proxy.extra_headers_prefix.clone(),
    });
    Ok(AuthenticationTrust {
        client_ca: read(&options.authentication.client_ca_file)?,
        request_header,
    })
}

fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
