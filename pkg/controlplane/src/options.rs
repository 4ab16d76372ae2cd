//! The flags of kube-apiserver.

mod services;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use admission_chain::AdmissionOptions;
use component_base::{
    GoDuration,
    feature_gates::FeatureGates,
    flags::{FlagSet, Flags},
    host_ip::resolve_bind_address,
    logs::LoggingConfiguration,
    options::SecureServingOptions,
};
use registry_connect::KubeletClientOptions;
use kubeapiserver::{audit::AuditOptions, authentication::AuthenticationOptions, authorization::AuthorizationOptions};

pub use services::ServiceOptions;
pub(crate) use services::Services;

/// Where objects are stored.
#[derive(Clone, Debug)]
pub struct StorageOptions {
    /// `--storage-backend`: `etcd3` or `embedded`; empty chooses by `--etcd-servers`.
    pub backend: String,
    /// `--data-dir`: the embedded store's directory.
    pub data_dir: PathBuf,
    /// `--etcd-servers`
    pub etcd_servers: Vec<String>,
    /// `--etcd-cafile`
    pub etcd_ca_file: String,
    /// `--etcd-certfile`
    pub etcd_cert_file: String,
    /// `--etcd-keyfile`
    pub etcd_key_file: String,
    /// `--etcd-prefix`
    pub etcd_prefix: String,
    /// `--etcd-compaction-interval`; 0 leaves compaction to others.
    pub compaction_interval: GoDuration,
    /// `--storage-media-type`
    pub media_type: String,
    /// `--encryption-provider-config`
    pub encryption_config: String,
    /// `--event-ttl`
    pub event_ttl: GoDuration,
}

/// All flags of kube-apiserver that this server knows.
#[derive(Debug)]
pub struct ServerOptions {
    /// Address, port and certificates.
    pub secure_serving: SecureServingOptions,
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
    /// `--advertise-address`
    pub advertise_address: Option<IpAddr>,
    /// `--external-hostname`
    pub external_hostname: String,
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
    /// `--enable-priority-and-fairness`
    pub priority_and_fairness: bool,
    /// `--max-requests-inflight`
    pub max_requests_inflight: u32,
    /// `--max-mutating-requests-inflight`
    pub max_mutating_requests_inflight: u32,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            secure_serving: SecureServingOptions::new(6443, "apiserver", "/var/run/kubernetes"),
            storage: StorageOptions {
                backend: String::new(),
                data_dir: PathBuf::from("/var/lib/kubernox/apiserver"),
                etcd_servers: Vec::new(),
                etcd_ca_file: String::new(),
                etcd_cert_file: String::new(),
                etcd_key_file: String::new(),
                etcd_prefix: "/registry".to_owned(),
                compaction_interval: GoDuration::from_secs(300),
                media_type: "application/json".to_owned(),
                encryption_config: String::new(),
                event_ttl: GoDuration::from_secs(3600),
            },
            services: ServiceOptions::default(),
            kubelet: KubeletClientOptions::default(),
            max_connection_bytes_per_second: 0,
            logging: LoggingConfiguration::default(),
            gates: FeatureGates::default(),
            advertise_address: None,
            external_hostname: String::new(),
            allow_privileged: false,
            authentication: AuthenticationOptions::default(),
            authorization: AuthorizationOptions::default(),
            admission: AdmissionOptions::default(),
            audit: AuditOptions::default(),
            priority_and_fairness: true,
            max_requests_inflight: 400,
            max_mutating_requests_inflight: 200,
        }
    }
}

impl ServerOptions {
    /// The address that other machines find this server under: `--advertise-address`, or else the bound or the host's.
    /// A host without any falls back to loopback, where the server still works alone.
    #[must_use]
    pub fn advertised_ip(&self) -> IpAddr {
        let bound = Some(self.secure_serving.bind_address);
        let found = self.advertise_address.map_or_else(|| resolve_bind_address(bound), Ok);
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "no address to advertise; using 127.0.0.1");
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        })
    }

    /// Host and port that clients of any network are told.
    #[must_use]
    pub fn public_address(&self) -> String {
        let port = self.secure_serving.secure_port;
        match (self.external_hostname.as_str(), self.advertised_ip()) {
            ("", IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
            ("", ip) => format!("{ip}:{port}"),
            (host, _) => format!("{host}:{port}"),
        }
    }
}

impl Flags for StorageOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("storage")
            .add(
                "storage-backend",
                &mut self.backend,
                "etcd3 or embedded; by default etcd3 if --etcd-servers is given",
            )
            .add("data-dir", &mut self.data_dir, "directory of the embedded store")
            .add(
                "etcd-servers",
                &mut self.etcd_servers,
                "etcd members (scheme://host:port), comma separated",
            )
            .add(
                "etcd-cafile",
                &mut self.etcd_ca_file,
                "certificate authorities of the etcd members",
            )
            .add("etcd-certfile", &mut self.etcd_cert_file, "client certificate for etcd")
            .add(
                "etcd-keyfile",
                &mut self.etcd_key_file,
                "key of the client certificate for etcd",
            )
            .add("etcd-prefix", &mut self.etcd_prefix, "what every key begins with")
            .add(
                "etcd-compaction-interval",
                &mut self.compaction_interval,
                "how often history is compacted; 0 for never",
            )
            .add(
                "storage-media-type",
                &mut self.media_type,
                "how objects are written: application/json or application/vnd.kubernetes.protobuf",
            )
            .add(
                "encryption-provider-config",
                &mut self.encryption_config,
                "file that says how which resources are encrypted",
            )
            .add("event-ttl", &mut self.event_ttl, "how long events are kept");
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
        flags
            .section("generic")
            .add(
                "external-hostname",
                &mut self.external_hostname,
                "name under which clients outside reach this server",
            )
            .add(
                "enable-priority-and-fairness",
                &mut self.priority_and_fairness,
                "limit requests by flows and priority levels, not by their number",
            )
            .add(
                "max-requests-inflight",
                &mut self.max_requests_inflight,
                "reading requests under way at once; 0 for no limit",
            )
            .add(
                "max-mutating-requests-inflight",
                &mut self.max_mutating_requests_inflight,
                "mutating requests under way at once; 0 for no limit",
            );
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
