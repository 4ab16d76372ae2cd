//! The flags.

use std::path::PathBuf;

use component_base::{
    feature_gates::FeatureGates,
    flags::{FlagSet, FlagValue, Flags},
    logs::LoggingConfiguration,
    program,
};

/// How packets reach the pods of other nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By a route to the other node's address: for nodes of one network segment.
    #[default]
    Routes,
    /// In VXLAN packets to the other node's address: for nodes anywhere.
    Vxlan,
}

impl FlagValue for Mode {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = match text {
            "routes" => Self::Routes,
            "vxlan" => Self::Vxlan,
            _ => return Err(format!("{text:?} is neither routes nor vxlan")),
        };
        Ok(())
    }

    fn to_text(&self) -> String {
        match self {
            Self::Routes => "routes",
            Self::Vxlan => "vxlan",
        }
        .to_owned()
    }

    fn type_name(&self) -> &'static str {
        "string"
    }
}

/// What the command line says.
#[derive(Debug)]
pub struct Options {
    /// `--kubeconfig`; empty for the pod's own service account.
    pub kubeconfig: PathBuf,
    /// `--master`: address of the API server, instead of the kubeconfig's.
    pub master: String,
    /// `--hostname-override`: name of the node; empty for the host's.
    pub hostname_override: String,
    /// `--mode`: `routes` or `vxlan`.
    pub mode: Mode,
    /// `--cni-conf-dir`, `/etc/cni/net.d`.
    pub cni_conf_dir: PathBuf,
    /// `--bridge`, `cni0`: the bridge that pods are connected to.
    pub bridge: String,
    /// `--mtu`: of pods' interfaces; 0 for the uplink's, less what VXLAN takes.
    pub mtu: u32,
    /// `--masquerade`: whether pods leave the cluster under the node's address.
    pub masquerade: bool,
    /// `--cleanup`: remove everything of ours and end.
    pub cleanup: bool,
    /// `-v`, `--logging-format`, …
    pub logging: LoggingConfiguration,
    /// `--feature-gates`
    pub gates: FeatureGates,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubeconfig: PathBuf::new(),
            master: String::new(),
            hostname_override: String::new(),
            mode: Mode::Routes,
            cni_conf_dir: "/etc/cni/net.d".into(),
            bridge: "cni0".to_owned(),
            mtu: 0,
            masquerade: true,
            cleanup: false,
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
            )
            .add(
                "hostname-override",
                &mut self.hostname_override,
                "name of the node, instead of the host's",
            );
        flags
            .section("network")
            .add(
                "mode",
                &mut self.mode,
                "how packets reach other nodes' pods: routes or vxlan",
            )
            .add(
                "cni-conf-dir",
                &mut self.cni_conf_dir,
                "where the CNI configuration is written; another's there takes over",
            )
            .add("bridge", &mut self.bridge, "the bridge that pods are connected to")
            .add(
                "mtu",
                &mut self.mtu,
                "largest packet of pods' interfaces; 0 to follow the uplink",
            )
            .add(
                "masquerade",
                &mut self.masquerade,
                "let pods leave the cluster under the node's address",
            )
            .add(
                "cleanup",
                &mut self.cleanup,
                "remove everything of this program and end",
            );
        self.logging.add_flags(flags);
        self.gates.add_flags(flags);
    }
}
