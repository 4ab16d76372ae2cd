//! Everything that is kept, put together.

use std::{net::IpAddr, sync::Arc, time::Duration};

use apiserver_storage::Storage;
use component_base::health::HealthEndpoints;
use ipnet::IpNet;
use k8s_api::core::v1::ConfigMap;
use registry_allocators::{
    Allocators,
    repair::{AddressRepair, PortRepair, Reporter},
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    AuthenticationTrust, Hooks, MissingStore, ReconcilerType, Stores,
    api_services::ApiServices,
    authentication_trust, flow_control,
    identity::{self, Identity},
    kubernetes_service::{EndpointsAdapter, Reconciler, ServiceSpecification},
    namespaces,
    periodic::{every, follow},
    priority_classes,
    service_cidr::DefaultServiceCidr,
    token_tracking,
};

const SYSTEM_NAMESPACES: &str = "start-system-namespaces-controller";
const SERVICE_CIDR: &str = "start-kubernetes-service-cidr-controller";
const SERVICE_REPAIR: &str = "start-service-ip-repair-controllers";
const KUBERNETES_SERVICE: &str = "bootstrap-controller";
const AUTHENTICATION_TRUST: &str = "start-cluster-authentication-info-controller";
const IDENTITY_LEASE: &str = "start-kube-apiserver-identity-lease-controller";
const IDENTITY_COLLECTION: &str = "start-kube-apiserver-identity-lease-garbage-collector";
const TOKEN_TRACKING: &str = "start-legacy-token-tracking-controller";
const POLICY: &str = "rbac/bootstrap-roles";
const PRIORITY_CLASSES: &str = "scheduling/bootstrap-system-priority-classes";
const FLOW_CONTROL: &str = "priority-and-fairness-config-producer";
const API_SERVICES: &str = "kube-apiserver-autoregistration";
const LOCAL_AVAILABILITY: &str = "apiservice-status-local-available-controller";

/// The hooks that every server has, in the order of the health paths.
const NAMES: [&str; 13] = [
    SYSTEM_NAMESPACES,
    AUTHENTICATION_TRUST,
    IDENTITY_LEASE,
    IDENTITY_COLLECTION,
    TOKEN_TRACKING,
    SERVICE_REPAIR,
    POLICY,
    PRIORITY_CLASSES,
    FLOW_CONTROL,
    KUBERNETES_SERVICE,
    SERVICE_CIDR,
    LOCAL_AVAILABILITY,
    API_SERVICES,
];

/// How often the endpoints of the `kubernetes` Service and the default ServiceCIDR are looked at.
const ENDPOINT_INTERVAL: Duration = Duration::from_secs(10);
/// How often addresses and ports of Services are looked at as a whole.
const REPAIR_INTERVAL: Duration = Duration::from_secs(180);
/// How often flow control is looked at.
const FLOW_CONTROL_INTERVAL: Duration = Duration::from_secs(60);

/// What a server keeps depends on its flags.
#[derive(Clone, Debug)]
pub struct KeeperConfig {
    /// One or two ranges of service addresses (`--service-cluster-ip-range`).
    pub service_ranges: Vec<IpNet>,
    /// The address of the `kubernetes` Service.
    pub service_ip: IpAddr,
    /// Where others reach this server (`--advertise-address`); without it the Service has no endpoints of this one.
    pub advertise_address: Option<IpAddr>,
    /// The port that this server serves on.
    pub secure_port: u16,
    /// The node port of the `kubernetes` Service; 0 for none.
    pub kubernetes_service_node_port: u16,
    /// How servers know of each other.
    pub reconciler: ReconcilerType,
    /// How many servers there are (`--apiserver-count`).
    pub apiserver_count: usize,
    /// The name of this host.
    pub hostname: String,
    /// Whether this server has a lease (feature `APIServerIdentity`).
    pub identity: bool,
    /// `host:port` where other servers reach this one; empty if they need not.
    pub peer_address: String,
    /// Whom this server trusts.
    pub trust: AuthenticationTrust,
    /// What every key in the store begins with.
    pub prefix: String,
}

/// Keeps what the server itself keeps.
#[derive(Debug)]
pub struct Keeper {
    hooks: Hooks,
    stop: CancellationToken,
    reconciler: Option<Arc<Reconciler>>,
    identity: Option<Identity>,
}

impl Keeper {
    /// Announces the hooks as health checks; they are done once [`Keeper::start`] has run them.
    #[must_use]
    pub fn announce(health: &mut HealthEndpoints, livez_grace_period: Duration) -> Hooks {
        Hooks::announce(&NAMES, health, livez_grace_period)
    }

    /// Begins to keep. Nothing is waited for; see [`Keeper::wait_done`].
    ///
    /// # Errors
    /// If a kind that is kept is not served.
    pub fn start(
        hooks: Hooks,
        config: KeeperConfig,
        stores: &Stores,
        storage: &Arc<dyn Storage>,
        allocators: &Arc<Allocators>,
    ) -> Result<Self, MissingStore> {
        let mut keeper = Self {
            hooks,
            stop: CancellationToken::new(),
            reconciler: None,
            identity: None,
        };
        keeper.start_bootstrap(stores)?;
        keeper.start_config_maps(config.trust.clone(), stores)?;
        keeper.start_services(&config, stores, allocators)?;
        keeper.start_kubernetes_service(&config, stores, storage)?;
        keeper.start_identity(&config, stores)?;
        keeper.start_api_services(stores)?;
        Ok(keeper)
    }

    /// The objects that every cluster starts with.
    fn start_bootstrap(&self, stores: &Stores) -> Result<(), MissingStore> {
        let stop = &self.stop;
        let local = Arc::new(stores.local()?);
        let again = local.clone();
        self.hooks.run(
            SYSTEM_NAMESPACES,
            stop,
            move || {
                let local = local.clone();
                async move { namespaces::ensure(&local).await }
            },
            every(Duration::from_secs(60), "make the system's namespaces", move || {
                let local = again.clone();
                async move { namespaces::ensure(&local).await }
            }),
        );
        // The policy is there before anything is served: the authorizers decide by it.
        let nothing = || async { Ok::<(), std::convert::Infallible>(()) };
        self.hooks.run(POLICY, stop, nothing, async {});
        let classes = Arc::new(stores.local()?);
        let ensure = move || {
            let classes = classes.clone();
            async move { priority_classes::ensure(&classes).await }
        };
        self.hooks.run(PRIORITY_CLASSES, stop, ensure, async {});
        let schemas = Arc::new(stores.local()?.managed_by(flow_control::FIELD_MANAGER));
        let levels = Arc::new(stores.local()?.managed_by(flow_control::FIELD_MANAGER));
        let ensure = move || {
            let (schemas, levels) = (schemas.clone(), levels.clone());
            async move { flow_control::ensure(&schemas, &levels).await }
        };
        let then = every(FLOW_CONTROL_INTERVAL, "keep flow control in order", ensure.clone());
        self.hooks.run(FLOW_CONTROL, stop, ensure, then);
        Ok(())
    }

    fn start_config_maps(&self, trust: AuthenticationTrust, stores: &Stores) -> Result<(), MissingStore> {
        let local = stores.local::<ConfigMap>()?;
        let (objects, trust) = (local.clone(), Arc::new(trust));
        let sync = move || {
            let (objects, trust) = (objects.clone(), trust.clone());
            async move { trust.sync(&objects).await }
        };
        let again = sync.clone();
        let then = follow(
            local.clone(),
            authentication_trust::NAMESPACE,
            authentication_trust::NAME,
            "publish what extension servers need to trust",
            move |_| again(),
        );
        self.hooks.run(AUTHENTICATION_TRUST, &self.stop, sync, then);
        let objects = local.clone();
        let sync = move || {
            let objects = objects.clone();
            async move { token_tracking::sync(&objects).await }
        };
        let again = sync.clone();
        let then = follow(
            local,
            token_tracking::NAMESPACE,
            token_tracking::NAME,
            "say since when legacy tokens are tracked",
            move |_| again(),
        );
        self.hooks.run(TOKEN_TRACKING, &self.stop, sync, then);
        Ok(())
    }

    /// The range of service addresses, and what is taken of it and of the node ports.
    fn start_services(
        &self,
        config: &KeeperConfig,
        stores: &Stores,
        allocators: &Arc<Allocators>,
    ) -> Result<(), MissingStore> {
        let status = stores.status_strategy::<k8s_api::networking::v1::ServiceCIDR>()?;
        let cidr = Arc::new(DefaultServiceCidr::new(stores.local()?, status, &config.service_ranges));
        let sync = move || {
            let cidr = cidr.clone();
            async move { cidr.sync().await }
        };
        let then = every(ENDPOINT_INTERVAL, "keep the default ServiceCIDR", sync.clone());
        self.hooks.run(SERVICE_CIDR, &self.stop, sync, then);

        let reporter = |component| -> Result<Reporter, MissingStore> {
            let instance = format!("{component}-{}", config.hostname);
            Ok(Reporter::new(stores.local()?, component, instance))
        };
        let ports = PortRepair::new(
            stores.local()?,
            allocators.clone(),
            reporter("portallocator-repair-controller")?,
        );
        let addresses = AddressRepair::new(
            stores.local()?,
            stores.local()?,
            stores.local()?,
            reporter("ipallocator-repair-controller")?,
        );
        let ports = Arc::new(Mutex::new(Some(ports)));
        let first = ports.clone();
        let stop = self.stop.clone();
        self.hooks.run(
            SERVICE_REPAIR,
            &self.stop,
            move || {
                let ports = first.clone();
                async move {
                    match ports.lock().await.as_mut() {
                        Some(ports) => ports.run_once().await,
                        None => Ok(()),
                    }
                }
            },
            async move {
                let ports = ports.lock().await.take();
                let of_ports = async {
                    if let Some(ports) = ports {
                        ports.run(REPAIR_INTERVAL, stop.clone()).await;
                    }
                };
                tokio::join!(of_ports, addresses.run(REPAIR_INTERVAL, stop.clone()));
            },
        );
        Ok(())
    }

    /// The `kubernetes` Service and who is behind it.
    fn start_kubernetes_service(
        &mut self,
        config: &KeeperConfig,
        stores: &Stores,
        storage: &Arc<dyn Storage>,
    ) -> Result<(), MissingStore> {
        let specification = ServiceSpecification {
            ip: config.service_ip,
            public_port: config.secure_port,
            node_port: config.kubernetes_service_node_port,
        };
        let adapter = EndpointsAdapter {
            endpoints: stores.local()?,
            slices: stores.local()?,
        };
        let ports = specification.endpoint_ports();
        let reconciler = config.advertise_address.map(|ip| {
            Arc::new(Reconciler::new(
                (config.reconciler, config.apiserver_count),
                adapter,
                (storage.clone(), &config.prefix),
                ip,
                ports,
            ))
        });
        if reconciler.is_none() {
            tracing::warn!(
                "no suitable network address was found: the kubernetes service has no endpoints of this server; try to \
                 set the AdvertiseAddress directly or provide a valid BindAddress to fix this"
            );
        }
        self.reconciler.clone_from(&reconciler);
        let (services, removed) = (stores.local()?, reconciler.clone());
        self.hooks.run(
            KUBERNETES_SERVICE,
            &self.stop,
            move || {
                let removed = removed.clone();
                async move {
                    match removed {
                        Some(reconciler) => reconciler.remove().await,
                        None => Ok(()),
                    }
                }
            },
            async move {
                loop {
                    if let Err(error) = specification.ensure(&services).await {
                        // The range may not be there yet.
                        tracing::debug!(%error, "unable to sync kubernetes service");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    }
                    if let Some(reconciler) = &reconciler
                        && let Err(error) = reconciler.reconcile().await
                    {
                        tracing::error!(%error, "unable to sync kubernetes service");
                    }
                    tokio::time::sleep(ENDPOINT_INTERVAL).await;
                }
            },
        );
        Ok(())
    }

    /// The lease of this server, and the end of others.
    fn start_identity(&mut self, config: &KeeperConfig, stores: &Stores) -> Result<(), MissingStore> {
        let identity = Identity::new(stores.local()?, &config.hostname, config.peer_address.clone());
        let (first, renewed, collected) = (identity.clone(), identity.clone(), identity.clone());
        let enabled = config.identity;
        self.identity = enabled.then_some(identity);
        let begin = move || {
            let identity = first.clone();
            async move {
                if enabled {
                    identity.begin().await?;
                }
                Ok::<(), apimachinery::status::StatusError>(())
            }
        };
        self.hooks.run(IDENTITY_LEASE, &self.stop, begin, async move {
            if enabled {
                every(identity::RENEW_INTERVAL, "renew the lease of this server", || {
                    renewed.renew()
                })
                .await;
            }
        });
        let nothing = || async { Ok::<(), std::convert::Infallible>(()) };
        self.hooks.run(IDENTITY_COLLECTION, &self.stop, nothing, async move {
            if enabled {
                every(identity::COLLECT_INTERVAL, "collect leases", || collected.collect()).await;
            }
        });
        Ok(())
    }

    /// The groups that this server serves.
    fn start_api_services(&self, stores: &Stores) -> Result<(), MissingStore> {
        let status = stores.status_strategy::<k8s_api::apiregistration::v1::APIService>()?;
        let services = Arc::new(ApiServices::new(stores.local()?, status, stores.versions()));
        let first = services.clone();
        let register = move || {
            let services = first.clone();
            async move { services.register().await }
        };
        self.hooks.run(API_SERVICES, &self.stop, register, async {});
        let nothing = || async { Ok::<(), std::convert::Infallible>(()) };
        let then = follow(
            stores.local::<k8s_api::apiregistration::v1::APIService>()?,
            "",
            "",
            "say that an APIService is available",
            move |name| {
                let services = services.clone();
                async move { services.check(name).await }
            },
        );
        self.hooks.run(LOCAL_AVAILABILITY, &self.stop, nothing, then);
        Ok(())
    }

    /// Waits until everything has been looked at once.
    pub async fn wait_done(&self) {
        self.hooks.wait_done().await;
    }

    /// Stops keeping. This server is taken from behind the `kubernetes` Service and gives up its lease, so that
    /// clients turn to others before it stops to serve.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.hooks.join().await;
        let removed = async {
            if let Some(reconciler) = &self.reconciler
                && let Err(error) = reconciler.stop().await
            {
                tracing::error!(%error, "unable to remove endpoints from kubernetes service");
            }
        };
        let ended = async {
            if let Some(identity) = &self.identity {
                identity.end().await;
            }
        };
        let both = async { tokio::join!(removed, ended) };
        if tokio::time::timeout(2 * ENDPOINT_INTERVAL, both).await.is_err() {
            tracing::warn!("the store does not answer: this server stays behind the kubernetes service for a while");
        }
    }
}
