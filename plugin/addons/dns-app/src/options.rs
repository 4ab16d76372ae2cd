//! The flags.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use component_base::{
    feature_gates::FeatureGates,
    flags::{FlagSet, Flags, IpPort},
    logs::LoggingConfiguration,
    program,
};

/// What the command line says.
#[derive(Debug)]
pub struct Options {
    /// `--kubeconfig`; empty for the pod's own service account.
    pub kubeconfig: PathBuf,
    /// `--master`: address of the API server, instead of the kubeconfig's.
    pub master: String,
    /// `--cluster-domain`, `cluster.local`.
    pub cluster_domain: String,
    /// `--bind-address`: the addresses that are served; by default every address of every family.
    pub bind_addresses: Vec<String>,
    /// `--port`, 53.
    pub port: u16,
    /// `--forward`: resolvers for everything else, `address[:port]`, or files like `/etc/resolv.conf`.
    pub forward: Vec<String>,
    /// `--health-bind-address`, port 8080: `/health`.
    pub health: IpPort,
    /// `--ready-bind-address`, port 8181: `/ready`.
    pub ready: IpPort,
    /// `--metrics-bind-address`, port 9153: `/metrics`.
    pub metrics: IpPort,
    /// `-v`, `--logging-format`, …
    pub logging: LoggingConfiguration,
    /// `--feature-gates`
    pub gates: FeatureGates,
}

impl Default for Options {
    fn default() -> Self {
        let any = |port| IpPort(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
        Self {
            kubeconfig: PathBuf::new(),
            master: String::new(),
            cluster_domain: "cluster.local".to_owned(),
            bind_addresses: Vec::new(),
            port: 53,
            forward: vec!["/etc/resolv.conf".to_owned()],
            health: any(8080),
            ready: any(8181),
            metrics: any(9153),
            logging: LoggingConfiguration::default(),
            gates: FeatureGates::default(),
        }
    }
}

impl program::Configured for Options {
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates) {
        (&self.logging, &self.gates)
    }
}

impl Flags for Options {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("client")
            .add(
                "kubeconfig",
                &mut self.kubeconfig,
                "file that says how to reach the API server; empty for the pod's own account",
            )
            .add(
                "master",
                &mut self.master,
                "address of the API server, instead of the kubeconfig's",
            );
        flags
            .section("dns")
            .add(
                "cluster-domain",
                &mut self.cluster_domain,
                "the domain that is answered for",
            )
            .add(
                "bind-address",
                &mut self.bind_addresses,
                "addresses to serve; empty for all",
            )
            .add("port", &mut self.port, "port to serve, UDP and TCP")
            .add(
                "forward",
                &mut self.forward,
                "resolvers for everything else, or files that list them",
            )
            .add("health-bind-address", &mut self.health, "where /health is served")
            .add("ready-bind-address", &mut self.ready, "where /ready is served")
            .add("metrics-bind-address", &mut self.metrics, "where /metrics is served");
        self.logging.add_flags(flags);
        self.gates.add_flags(flags);
    }
}
