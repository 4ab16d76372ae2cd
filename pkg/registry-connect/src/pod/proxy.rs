//! `pods/proxy`: HTTP to a port of a pod.

use std::{net::IpAddr, sync::Arc};

use apimachinery::{names::parse_ip_sloppy, status::StatusError};
use apiserver::{
    admission::ConnectOptions,
    endpoints::{Call, Connecter},
    registry::Local,
};
use async_trait::async_trait;
use component_base::serving::Body;
use http::Response;
use k8s_api::{core::v1::Pod, primitives::quote};

use super::log::pod_of;
use crate::{
    backend::Backend,
    name_port::NamePort,
    proxy::{METHODS, Proxy, admission_options},
};

/// Proxies to pods.
#[derive(Debug)]
pub struct PodProxy {
    pods: Local<Pod>,
    proxy: Arc<Proxy>,
}

impl PodProxy {
    /// A proxy to these pods.
    #[must_use]
    pub fn new(pods: Local<Pod>, proxy: Arc<Proxy>) -> Arc<Self> {
        Arc::new(Self { pods, proxy })
    }
}

/// Whether an address is one of a host, and neither this host's own nor one of many.
pub(crate) fn is_global_unicast(ip: IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || link_local)
}

/// The first port that a container of the pod names.
fn first_port(pod: &Pod) -> Option<String> {
    let mut ports = pod
        .spec
        .containers
        .iter()
        .filter_map(|container| container.ports.first());
    ports.next().map(|port| port.container_port.to_string())
}

#[async_trait]
impl Connecter for PodProxy {
    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn admission_options(&self, call: &Call<'_>) -> Option<ConnectOptions> {
        Some(admission_options("PodProxyOptions", call))
    }

    async fn connect(&self, call: &Call<'_>, id: &str, body: Body) -> Result<Response<Body>, StatusError> {
        let invalid = || StatusError::bad_request(format!("invalid pod request {}", quote(id)));
        let wanted = NamePort::parse(id).ok_or_else(invalid)?;
        let pod = pod_of(&self.pods, call, wanted.name).await?;
        let ip = pod.status.pod_ips.first().map(|ip| ip.ip.as_str()).unwrap_or_default();
        let address = parse_ip_sloppy(ip).filter(|ip| is_global_unicast(*ip));
        let address = address.ok_or_else(|| StatusError::bad_request("address not allowed"))?;
        let port = match wanted.port {
            "" => first_port(&pod).unwrap_or_default(),
            port => port.to_owned(),
        };
        let port = match port.as_str() {
            "" if wanted.is_secure() => 443,
            "" => 80,
            port => port.parse().map_err(|_| {
                StatusError::service_unavailable(format!("error trying to reach service: unknown port {}", quote(port)))
            })?,
        };
        let backend = Backend::plain(&address.to_string(), port, wanted.is_secure());
        self.proxy.forward(call, backend, body).await
    }
}
