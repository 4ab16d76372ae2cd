//! The Endpoints of the Service and the EndpointSlice that says the same.

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use k8s_api::{
    Map,
    core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints},
    discovery::v1::{self as discovery, EndpointConditions, EndpointSlice},
    meta::v1::{DeleteOptions, ObjectMeta},
};

use super::{NAME, NAMESPACE};

const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Reads and writes both objects as one.
#[derive(Clone, Debug)]
pub(crate) struct EndpointsAdapter {
    pub(crate) endpoints: Local<Endpoints>,
    pub(crate) slices: Local<EndpointSlice>,
}

/// The Endpoints as they were found, or new ones.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) object: Endpoints,
    pub(super) exists: bool,
}

impl EndpointsAdapter {
    /// The Endpoints as they are.
    pub(super) async fn get(&self) -> Result<Current, StatusError> {
        let found = self.endpoints.get(NAMESPACE, NAME).await?;
        let exists = found.is_some();
        let object = found.unwrap_or_else(|| Endpoints {
            metadata: ObjectMeta {
                name: NAME.to_owned(),
                namespace: NAMESPACE.to_owned(),
                ..ObjectMeta::default()
            },
            ..Endpoints::default()
        });
        Ok(Current { object, exists })
    }

    /// Makes the Endpoints those of these addresses and ports, if they are not, and the slice after them.
    pub(super) async fn set(
        &self,
        current: Current,
        mut addresses: Vec<String>,
        ports: Vec<EndpointPort>,
    ) -> Result<(), StatusError> {
        addresses.sort_unstable();
        addresses.dedup();
        let mut wanted = current.object.clone();
        // Nobody else is to make a slice of them.
        wanted.metadata.labels.insert(SKIP_MIRROR, "true".to_owned());
        let address = |ip: String| EndpointAddress {
            ip,
            ..EndpointAddress::default()
        };
        wanted.subsets = if addresses.is_empty() {
            Vec::new()
        } else {
            vec![EndpointSubset {
                addresses: addresses.into_iter().map(address).collect(),
                not_ready_addresses: Vec::new(),
                ports,
            }]
        };
        if !current.exists {
            tracing::info!(addresses = ?shown(&wanted), "creating the endpoints of the kubernetes service");
            match self.endpoints.create(&wanted).await {
                Err(status) if !status.is_already_exists() => return Err(status),
                _ => {}
            }
        } else if wanted != current.object {
            tracing::info!(addresses = ?shown(&wanted), "resetting the endpoints of the kubernetes service");
            self.endpoints.update(&wanted).await?;
        }
        self.sync_slice(&wanted).await
    }

    async fn sync_slice(&self, endpoints: &Endpoints) -> Result<(), StatusError> {
        let wanted = slice_of(endpoints);
        let Some(current) = self.slices.get(NAMESPACE, NAME).await? else {
            return match self.slices.create(&wanted).await {
                Err(status) if !status.is_already_exists() => Err(status),
                _ => Ok(()),
            };
        };
        if current.address_type != wanted.address_type {
            self.slices.delete(NAMESPACE, NAME, &DeleteOptions::default()).await?;
            return self.slices.create(&wanted).await.map(drop);
        }
        let same = current.endpoints == wanted.endpoints
            && current.ports == wanted.ports
            && current.metadata.labels == wanted.metadata.labels;
        if same {
            return Ok(());
        }
        self.slices.update(&wanted).await.map(drop)
    }
}

fn shown(endpoints: &Endpoints) -> Vec<&str> {
    let addresses = endpoints.subsets.iter().flat_map(|subset| &subset.addresses);
    addresses.map(|address| address.ip.as_str()).collect()
}

/// The slice of one family: IPv6 if all addresses are.
fn slice_of(endpoints: &Endpoints) -> EndpointSlice {
    let subset = endpoints.subsets.first().cloned().unwrap_or_default();
    let is_ipv6 = |address: &EndpointAddress| address.ip.contains(':');
    let all_ipv6 = !subset.addresses.is_empty() && subset.addresses.iter().all(is_ipv6);
    let endpoint = |address: &EndpointAddress| discovery::Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: EndpointConditions {
            ready: Some(true),
            ..EndpointConditions::default()
        },
        ..discovery::Endpoint::default()
    };
    let port = |port: &EndpointPort| discovery::EndpointPort {
        name: Some(port.name.clone()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone()),
        app_protocol: None,
    };
    EndpointSlice {
        metadata: ObjectMeta {
            name: NAME.to_owned(),
            namespace: NAMESPACE.to_owned(),
            labels: Map::from([(SERVICE_NAME, NAME.to_owned())]),
            ..ObjectMeta::default()
        },
        address_type: if all_ipv6 { "IPv6" } else { "IPv4" }.to_owned(),
        endpoints: subset
            .addresses
            .iter()
            .filter(|address| is_ipv6(address) == all_ipv6)
            .map(endpoint)
            .collect(),
        ports: subset.ports.iter().map(port).collect(),
    }
}
