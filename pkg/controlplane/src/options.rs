//! The flags of kube-apiserver.

mod apis;
mod compatible;
mod generic;
mod overrides;
mod services;
mod storage;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use admission_chain::AdmissionOptions;
use component_base::{
    feature_gates::FeatureGates,
    flags::{FlagSet, Flags},
    host_ip::resolve_bind_address,
    logs::LoggingConfiguration,
    metrics::MetricsOptions,
    options::SecureServingOptions,
};
use kubeapiserver::{audit::AuditOptions, authentication::AuthenticationOptions, authorization::AuthorizationOptions};
use registry_connect::KubeletClientOptions;

pub use apis::ApiOptions;
pub use compatible::CompatibleOptions;
pub use generic::GenericOptions;
pub use services::ServiceOptions;
pub(crate) use services::Services;
pub use storage::StorageOptions;

/// All flags of kube-apiserver that this server knows.
#[derive(Debug)]
pub struct ServerOptions {
    /// Address, port and certificates.
    pub secure_serving: SecureServingOptions,
    /// Times, limits and addresses.
    pub generic: GenericOptions,
    /// What is taken and has little effect here.
    pub compatible: CompatibleOptions,
    /// `--runtime-config`
    pub apis: ApiOptions,
    /// Which metrics are shown.
    pub metrics: MetricsOptions,
    /// Where objects are stored.
    pub storage: StorageOptions,
    /// Addresses and ports of Services.
    pub services: ServiceOptions,
    /// How this server reaches kubelets.
    pub kubelet: KubeletClientOptions,
    /// `--max-connection-bytes-per-sec`: of streams and upgraded proxies; 0 for no limit.
    pub max_connection_bytes_per_second: u64,
    /// `-v`, `--logging-format`, …
    pub logging: LoggingConfiguration,
    /// `--feature-gates`
    pub gates: FeatureGates,
    /// `--allow-privileged`
    pub allow_privileged: bool,
    /// `--token-auth-file`, `--client-ca-file`, …
    pub authentication: AuthenticationOptions,
    /// `--authorization-mode`, …
    pub authorization: AuthorizationOptions,
    /// `--enable-admission-plugins`, …
    pub admission: AdmissionOptions,
    /// `--audit-policy-file`, …
    pub audit: AuditOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            secure_serving: SecureServingOptions::new(6443, "apiserver", "/var/run/kubernetes"),
            generic: GenericOptions::default(),
            compatible: CompatibleOptions::default(),
            apis: ApiOptions::default(),
            metrics: MetricsOptions::default(),
            storage: StorageOptions::default(),
            services: ServiceOptions::default(),
            kubelet: KubeletClientOptions::default(),
            max_connection_bytes_per_second: 0,
            logging: LoggingConfiguration::default(),
            gates: FeatureGates::default(),
            allow_privileged: false,
            authentication: AuthenticationOptions::default(),
            authorization: AuthorizationOptions::default(),
            admission: AdmissionOptions::default(),
            audit: AuditOptions::default(),
        }
    }
}

impl ServerOptions {
    /// Checks what can be checked without looking at anything else.
    ///
    /// # Errors
    /// The first flag that is wrong.
    pub fn validate(&self) -> Result<(), String> {
        self.generic.validate()?;
        self.storage.validate()?;
        self.compatible.validate()?;
        self.apis.validate()
    }

    /// The address that other machines find this server under: `--advertise-address`, or else the bound or the host's.
    /// A host without any falls back to loopback, where the server still works alone.
    #[must_use]
    pub fn advertised_ip(&self) -> IpAddr {
        let bound = Some(self.secure_serving.bind_address);
        let found = self
            .generic
            .advertise_address
            .map_or_else(|| resolve_bind_address(bound), Ok);
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "no address to advertise; using 127.0.0.1");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        })
    }

    /// Where this server reaches itself; `None` if its port is none.
    #[must_use]
    pub fn loopback_address(&self) -> Option<SocketAddr> {
        let port = u16::try_from(self.secure_serving.secure_port).ok()?;
        let ip = match self.secure_serving.bind_address {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Some(SocketAddr::new(ip, port))
    }

    /// Host and port that clients of any network are told.
    #[must_use]
    pub fn public_address(&self) -> String {
        let port = self.secure_serving.secure_port;
        match (self.generic.external_hostname.as_str(), self.advertised_ip()) {
            ("", IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            ("", ip) => format!("{ip}:{port}"),
            (host, _) => format!("{host}:{port}"),
        }
    }
}

impl Flags for ServerOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.secure_serving.add_flags(flags);
        self.storage.add_flags(flags);
        self.services.add_flags(flags);
        self.kubelet.add_flags(flags);
        flags.section("misc").add(
            "max-connection-bytes-per-sec",
            &mut self.max_connection_bytes_per_second,
            "most bytes a second of each user connection; 0 for no limit",
        );
        self.logging.add_flags(flags);
        self.gates.add_flags(flags);
        self.generic.add_flags(flags);
        self.compatible.add_flags(flags);
        self.apis.add_flags(flags);
        self.metrics.add_flags(flags);
        self.authentication.add_flags(flags);
        self.authorization.add_flags(flags);
        self.admission.add_flags(flags);
        self.audit.add_flags(flags);
        flags.section("misc").add(
            "allow-privileged",
            &mut self.allow_privileged,
            "let containers be privileged",
        );
    }
}
