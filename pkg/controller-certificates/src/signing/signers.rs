//! The four signers of a cluster, and what each of them signs.

use apis_cluster::certificates::certificate_signing_request::request::{
    Parsed, check_kubelet_client, check_kubelet_serving,
};
use controller::config::{CsrSigningConfiguration, CsrSigningControllerConfiguration};

/// A signer.
pub(super) struct Signer {
    /// Its name in requests.
    pub(super) name: &'static str,
    /// The files of its own authority.
    pub(super) files: fn(&CsrSigningControllerConfiguration) -> &CsrSigningConfiguration,
    /// Whether it signs such a request; if not, why.
    pub(super) check: fn(&Parsed, &[String]) -> Result<(), String>,
}

pub(super) const SIGNERS: [Signer; 4] = [
    Signer {
        name: "kubernetes.io/kubelet-serving",
        files: |config| &config.kubelet_serving,
        check: |parsed, usages| check_kubelet_serving(parsed, usages).map_err(|error| error.to_string()),
    },
    Signer {
        name: "kubernetes.io/kube-apiserver-client-kubelet",
        files: |config| &config.kubelet_client,
        check: |parsed, usages| check_kubelet_client(parsed, usages).map_err(|error| error.to_string()),
    },
    Signer {
        name: "kubernetes.io/kube-apiserver-client",
        files: |config| &config.kube_apiserver_client,
        check: |_, usages| check_client_usages(usages),
    },
    // What it signs is nobody's business but the approver's.
    Signer {
        name: "kubernetes.io/legacy-unknown",
        files: |config| &config.legacy_unknown,
        check: |_, _| Ok(()),
    },
];

fn check_client_usages(usages: &[String]) -> Result<(), String> {
    let allowed = ["digital signature", "key encipherment", "client auth"];
    if let Some(other) = usages.iter().find(|usage| !allowed.contains(&usage.as_str())) {
        return Err(format!("invalid usage for client certificate: {other}"));
    }
    if !usages.iter().any(|usage| usage == "client auth") {
        return Err("missing required usage for client certificate: client auth".to_owned());
    }
    Ok(())
}
