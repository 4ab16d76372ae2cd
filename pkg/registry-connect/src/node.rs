//! `nodes/proxy`: HTTP to the kubelet of a node, or to another port of it.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::ConnectOptions,
    endpoints::{Call, Connecter},
};
use async_trait::async_trait;
use component_base::serving::Body;
use http::Response;
use k8s_api::primitives::quote;

use crate::{
    Kubelets,
    backend::Backend,
    name_port::NamePort,
    pod::is_global_unicast,
    proxy::{METHODS, Proxy, admission_options},
};

/// Proxies to nodes.
#[derive(Debug)]
pub struct NodeProxy {
    kubelets: Arc<Kubelets>,
    proxy: Arc<Proxy>,
}

impl NodeProxy {
    /// A proxy to these kubelets.
    #[must_use]
    pub fn new(kubelets: Arc<Kubelets>, proxy: Arc<Proxy>) -> Arc<Self> {
        Arc::new(Self { kubelets, proxy })
    }
}

/// Whoever may write a node's status must not lead this server to itself.
async fn check_host(host: &str) -> Result<(), StatusError> {
    let found = tokio::net::lookup_host((host, 0)).await;
    let found: Vec<_> = found
        .map_err(|error| StatusError::bad_request(error.to_string()))?
        .collect();
    if found.is_empty() {
        return Err(StatusError::bad_request("no addresses for hostname"));
    }
    if found.iter().all(|address| is_global_unicast(address.ip())) {
        Ok(())
    } else {
        Err(StatusError::bad_request("address not allowed"))
    }
}

#[async_trait]
impl Connecter for NodeProxy {
    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn admission_options(&self, call: &Call<'_>) -> Option<ConnectOptions> {
        Some(admission_options("NodeProxyOptions", call))
    }

    async fn connect(&self, call: &Call<'_>, id: &str, body: Body) -> Result<Response<Body>, StatusError> {
        let invalid = || StatusError::bad_request(format!("invalid node request {}", quote(id)));
        let wanted = NamePort::parse(id).ok_or_else(invalid)?;
        let kubelet = self.kubelets.of_node("nodes", wanted.name, false).await?;
        check_host(&kubelet.host).await?;
        if wanted.port.is_empty() || wanted.port == kubelet.port.to_string() {
            return self.proxy.forward(call, kubelet, body).await;
        }
        let port = wanted.port.parse().map_err(|_| {
            let port = quote(wanted.port);
            StatusError::service_unavailable(format!("error trying to reach service: unknown port {port}"))
        })?;
        let backend = Backend::plain(&kubelet.host, port, wanted.is_secure());
        self.proxy.forward(call, backend, body).await
    }
}
