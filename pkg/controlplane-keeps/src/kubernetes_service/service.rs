//! The Service itself: made when it is missing, and left alone after that.

use std::net::IpAddr;

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use k8s_api::{
    Map,
    core::v1::{EndpointPort, Service, ServicePort, ServiceSpec},
    meta::v1::ObjectMeta,
    primitives::IntOrString,
};

use super::{NAME, NAMESPACE};

/// The port that the Service shows.
const SERVICE_PORT: i32 = 443;
const PORT_NAME: &str = "https";

/// What the Service looks like.
#[derive(Clone, Debug)]
pub(crate) struct ServiceSpecification {
    /// Its cluster IP.
    pub(crate) ip: IpAddr,
    /// The port on which servers serve.
    pub(crate) public_port: u16,
    /// The port of the nodes that leads to the servers; 0 for none.
    pub(crate) node_port: u16,
}

impl ServiceSpecification {
    /// The ports of those behind the Service.
    pub(crate) fn endpoint_ports(&self) -> Vec<EndpointPort> {
        vec![EndpointPort {
            name: PORT_NAME.to_owned(),
            port: self.public_port.into(),
            protocol: "TCP".to_owned(),
            app_protocol: None,
        }]
    }

    /// Makes the Service if it is missing.
    pub(crate) async fn ensure(&self, services: &Local<Service>) -> Result<(), StatusError> {
        let type_ = if self.node_port > 0 { "NodePort" } else { "ClusterIP" };
        let service = Service {
            metadata: ObjectMeta {
                name: NAME.to_owned(),
                namespace: NAMESPACE.to_owned(),
                labels: Map::from([
                    ("component", "apiserver".to_owned()),
                    ("provider", "kubernetes".to_owned()),
                ]),
                ..ObjectMeta::default()
            },
            spec: ServiceSpec {
                ports: vec![ServicePort {
                    name: PORT_NAME.to_owned(),
                    protocol: "TCP".to_owned(),
                    port: SERVICE_PORT,
                    target_port: IntOrString::Int(self.public_port.into()),
                    node_port: self.node_port.into(),
                    ..ServicePort::default()
                }],
                cluster_ip: self.ip.to_string(),
                ip_family_policy: Some("SingleStack".to_owned()),
                session_affinity: "None".to_owned(),
                type_: type_.to_owned(),
                ..ServiceSpec::default()
            },
            ..Service::default()
        };
        if services.ensure(&service).await? {
            tracing::info!(ip = %self.ip, "created the kubernetes service");
        }
        Ok(())
    }
}
