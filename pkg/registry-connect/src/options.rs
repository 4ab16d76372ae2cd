//! The flags about kubelets.

use component_base::{
    GoDuration,
    flags::{FlagSet, Flags},
};

/// How this server reaches kubelets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletClientOptions {
    /// `--kubelet-client-certificate`: what this server shows to kubelets.
    pub client_certificate: String,
    /// `--kubelet-client-key`
    pub client_key: String,
    /// `--kubelet-certificate-authority`: whose certificates kubelets show; empty: any.
    pub certificate_authority: String,
    /// `--kubelet-preferred-address-types`: which address of a node is used.
    pub preferred_address_types: Vec<String>,
    /// `--kubelet-timeout`
    pub timeout: GoDuration,
}

impl Default for KubeletClientOptions {
    fn default() -> Self {
        let types = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];
        Self {
            client_certificate: String::new(),
            client_key: String::new(),
            certificate_authority: String::new(),
            preferred_address_types: types.map(str::to_owned).to_vec(),
            timeout: GoDuration::from_secs(5),
        }
    }
}

impl Flags for KubeletClientOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("misc")
            .add(
                "kubelet-client-certificate",
                &mut self.client_certificate,
                "certificate that this server shows to kubelets",
            )
            .add(
                "kubelet-client-key",
                &mut self.client_key,
                "key of the certificate that this server shows to kubelets",
            )
            .add(
                "kubelet-certificate-authority",
                &mut self.certificate_authority,
                "authorities of the certificates that kubelets show",
            )
            .add(
                "kubelet-preferred-address-types",
                &mut self.preferred_address_types,
                "which addresses of a node are used to reach its kubelet, in order",
            )
            .add(
                "kubelet-timeout",
                &mut self.timeout,
                "how long a connection to a kubelet may take to be made",
            );
    }
}
