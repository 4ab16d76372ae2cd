//! The kubelet of a node: its address and port, from the node's status.

use std::{sync::Arc, time::Duration};

use apimachinery::status::{GroupResource, StatusError};
use apiserver::registry::Local;
use k8s_api::core::v1::Node;

use crate::{KubeletClientOptions, TlsFiles, TlsFilesError, backend::Backend};

/// Where kubelets listen that do not say.
const DEFAULT_PORT: u16 = 10_250;

/// The kubelets of a cluster.
#[derive(Clone, Debug)]
pub struct Kubelets {
    nodes: Local<Node>,
    tls: Arc<TlsFiles>,
    preferred: Vec<String>,
    timeout: Duration,
}

impl Kubelets {
    /// The kubelets of these nodes.
    ///
    /// # Errors
    /// A certificate cannot be used.
    pub fn new(nodes: Local<Node>, options: &KubeletClientOptions) -> Result<Arc<Self>, TlsFilesError> {
        let tls = TlsFiles::new(
            &options.client_certificate,
            &options.client_key,
            &options.certificate_authority,
        )?;
        Ok(Arc::new(Self {
            nodes,
            tls: Arc::new(tls),
            preferred: options.preferred_address_types.clone(),
            timeout: options.timeout.to_std(),
        }))
    }

    /// The kubelet of a node. With `skip_verification` it may show any certificate. A node that is not there is
    /// missing under the name of the request's resource, as upstream's store has it.
    pub(crate) async fn of_node(
        &self,
        resource: &str,
        name: &str,
        skip_verification: bool,
    ) -> Result<Backend, StatusError> {
        let node = self.nodes.get("", name).await?;
        let node = node.ok_or_else(|| StatusError::not_found(GroupResource::new("", resource), name))?;
        let port = node.status.daemon_endpoints.kubelet_endpoint.port;
        Ok(Backend {
            host: self.address(&node).ok_or_else(|| no_address(&node))?,
            port: u16::try_from(port)
                .ok()
                .filter(|port| *port > 0)
                .unwrap_or(DEFAULT_PORT),
            tls: Some(self.tls.clone()),
            skip_verification,
            timeout: self.timeout,
        })
    }

    /// The node's address of the most preferred type.
    fn address(&self, node: &Node) -> Option<String> {
        let addresses = &node.status.addresses;
        self.preferred.iter().find_map(|wanted| {
            let found = addresses.iter().find(|address| address.type_ == *wanted);
            found.map(|address| address.address.clone())
        })
    }
}

fn no_address(node: &Node) -> StatusError {
    let shown: Vec<String> = node
        .status
        .addresses
        .iter()
        .map(|address| format!("{{{} {}}}", address.type_, address.address))
        .collect();
    StatusError::internal_error(format!(
        "no preferred addresses found; known addresses: [{}]",
        shown.join(" ")
    ))
}
