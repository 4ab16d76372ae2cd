//! `services/proxy`: HTTP to one of the pods behind a Service.

use std::sync::Arc;

use apimachinery::status::{GroupResource, StatusError};
use apiserver::{
    admission::ConnectOptions,
    endpoints::{Call, Connecter},
    proxy::{from_random, service_port},
    registry::Local,
};
use async_trait::async_trait;
use component_base::serving::Body;
use http::Response;
use k8s_api::{
    core::v1::{EndpointAddress, Endpoints, Pod, Service},
    primitives::quote,
};

use crate::{
    backend::Backend,
    name_port::NamePort,
    proxy::{METHODS, Proxy, admission_options},
};

/// Proxies to Services.
#[derive(Debug)]
pub struct ServiceProxy {
    services: Local<Service>,
    endpoints: Local<Endpoints>,
    pods: Local<Pod>,
    proxy: Arc<Proxy>,
}

impl ServiceProxy {
    /// A proxy to the pods behind these Services.
    #[must_use]
    pub fn new(
        services: Local<Service>,
        endpoints: Local<Endpoints>,
        pods: Local<Pod>,
        proxy: Arc<Proxy>,
    ) -> Arc<Self> {
        Arc::new(Self {
            services,
            endpoints,
            pods,
            proxy,
        })
    }

    /// The name of the port that is asked for, which may be asked for by its number.
    async fn port_name(&self, namespace: &str, wanted: NamePort<'_>) -> Result<String, StatusError> {
        let Ok(number) = wanted.port.parse::<i64>() else {
            return Ok(wanted.port.to_owned());
        };
        let name = wanted.name;
        let service = self.services.get(namespace, name).await?;
        let service = service.ok_or_else(|| StatusError::not_found(GroupResource::new("", "services"), name))?;
        let port =
            service_port(&service, number).map_err(|error| StatusError::service_unavailable(error.to_string()))?;
        Ok(port.name.clone())
    }

    /// Whether an address is that of the pod that it says it is of.
    async fn is_of_pod(&self, namespace: &str, address: &EndpointAddress) -> bool {
        let Some(target) = address.target_ref.as_deref() else {
            return false;
        };
        if target.namespace != namespace {
            return false;
        }
        match self.pods.get(namespace, &target.name).await {
            Ok(Some(pod)) => pod.status.pod_ips.iter().any(|ip| ip.ip == address.ip),
            _ => false,
        }
    }

    /// One of the pods behind a port.
    async fn backend(&self, namespace: &str, id: &str, wanted: NamePort<'_>) -> Result<Backend, StatusError> {
        let port_name = self.port_name(namespace, wanted).await?;
        let unavailable =
            |id: &str| StatusError::service_unavailable(format!("no endpoints available for service {}", quote(id)));
        let name = wanted.name;
        let endpoints = self.endpoints.get(namespace, name).await?;
        let endpoints = endpoints.ok_or_else(|| StatusError::not_found(GroupResource::new("", "endpoints"), name))?;
        if endpoints.subsets.is_empty() {
            return Err(unavailable(name));
        }
        for subset in from_random(&endpoints.subsets) {
            let Some(port) = subset.ports.iter().find(|port| port.name == port_name) else {
                continue;
            };
            for address in from_random(&subset.addresses) {
                if self.is_of_pod(namespace, address).await {
                    let port = u16::try_from(port.port).map_err(StatusError::internal_error)?;
                    return Ok(Backend::plain(&address.ip, port, wanted.is_secure()));
                }
                tracing::debug!(ip = address.ip, service = name, "not an address of a pod, skipped");
            }
        }
        Err(unavailable(id))
    }
}

#[async_trait]
impl Connecter for ServiceProxy {
    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn admission_options(&self, call: &Call<'_>) -> Option<ConnectOptions> {
        Some(admission_options("ServiceProxyOptions", call))
    }

    async fn connect(&self, call: &Call<'_>, id: &str, body: Body) -> Result<Response<Body>, StatusError> {
        let invalid = || StatusError::bad_request(format!("invalid service request {}", quote(id)));
        let wanted = NamePort::parse(id).ok_or_else(invalid)?;
        let backend = self.backend(&call.context.info.namespace, id, wanted).await?;
        self.proxy.forward(call, backend, body).await
    }
}
