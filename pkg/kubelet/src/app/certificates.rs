//! The kubelet's own certificates: the first one, and their renewal.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use component_base::feature_gates::Feature;
use k8s_api::core::v1::Node as ApiNode;
use kubelet_certificate::{Rotator, Store, Wanted, bootstrap};
use kubelet_config::KubeletOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::assemble::Node;

/// How often it is looked whether the first serving certificate has come.
const LOOK: Duration = Duration::from_millis(250);

fn client_store(options: &KubeletOptions) -> Store {
    Store::new(Path::new(&options.flags.cert_directory), "kubelet-client")
}

/// Where the serving certificate lies that the API server signs; none if it signs none.
pub(super) fn serving_store(options: &KubeletOptions) -> Option<Store> {
    let kc = &options.configuration;
    let given = !kc.tls_cert_file.is_empty() && !kc.tls_private_key_file.is_empty();
    let asked = kc.server_tls_bootstrap && options.gates.enabled(Feature::RotateKubeletServerCertificate) && !given;
    asked.then(|| Store::new(Path::new(&options.flags.cert_directory), "kubelet-server"))
}

/// Gets the first client certificate if there is none yet.
pub(super) async fn ensure_client(options: &KubeletOptions, name: &str) -> Result<(), RunError> {
    let flags = &options.flags;
    if flags.bootstrap_kubeconfig.is_empty() {
        return Ok(());
    }
    let (kubeconfig, first) = (Path::new(&flags.kubeconfig), Path::new(&flags.bootstrap_kubeconfig));
    let done = bootstrap::ensure(kubeconfig, first, &client_store(options), name).await;
    done.map_err(|error| RunError::Refused(error.to_string()))
}

/// Waits until there is a serving certificate.
pub(super) async fn wait_for(store: &Store) {
    while !store.current().is_some_and(|pair| pair.is_valid(SystemTime::now())) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Names and addresses of a node; none while it has no address.
fn serving(name: &str, node: &ApiNode) -> Option<Wanted> {
    let (mut names, mut ips) = (Vec::new(), Vec::new());
    for address in &node.status.addresses {
        match (address.type_.as_str(), address.address.parse::<IpAddr>()) {
            ("InternalIP" | "ExternalIP", Ok(ip)) | ("Hostname", Ok(ip)) => ips.push(ip),
            ("Hostname" | "InternalDNS" | "ExternalDNS", Err(_)) => names.push(address.address.clone()),
            _ => {}
        }
    }
    ips.sort_unstable();
    ips.dedup();
    names.sort_unstable();
    names.dedup();
    (!ips.is_empty() || !names.is_empty()).then(|| Wanted::serving(name, names, ips))
}

/// Starts to renew what is to be renewed.
pub(super) fn start(node: &Node, options: &KubeletOptions, tasks: &mut JoinSet<()>, cancel: &CancellationToken) {
    let Some(client) = &node.client else { return };
    let store = client_store(options);
    if options.configuration.rotate_certificates {
        if store.current().is_some() {
            let name = node.name.clone();
            let rotator = Rotator::new(client.clone(), store, move || Some(Wanted::client(&name)));
            let token = cancel.clone();
            tasks.spawn(async move { rotator.run(token).await });
        } else {
            tracing::info!(
                path = %store.current_path().display(),
                "the client certificate is not renewed: it is not one of the certificate directory"
            );
        }
    }
    if let Some(store) = serving_store(options) {
        let (name, shown) = (node.name.clone(), Arc::new(node.reporter.node()));
        let wanted = move || serving(&name, shown.borrow().as_deref()?);
        let (rotator, token) = (Rotator::new(client.clone(), store, wanted), cancel.clone());
        tasks.spawn(async move { rotator.run(token).await });
    }
}
