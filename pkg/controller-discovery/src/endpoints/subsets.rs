//! Subsets: addresses that share ports, each once, in a fixed order.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use controller::workload::pods::is_ready;
use k8s_api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Pod, Service};

use crate::pods::{addresses, find_port, has_hostname, is_endpoint, is_headless, reference};

/// The most addresses that endpoints hold.
const CAPACITY: usize = 1000;

type AddressKey = (String, String);
type PortKey = (String, i32, String, Option<String>);

fn address_key(address: &EndpointAddress) -> AddressKey {
    let uid = address.target_ref.as_ref().map(|target| target.uid.clone());
    (address.ip.clone(), uid.unwrap_or_default())
}

fn port_key(port: &EndpointPort) -> PortKey {
    (
        port.name.clone(),
        port.port,
        port.protocol.clone(),
        port.app_protocol.clone(),
    )
}

/// The address of a pod in the service's first family.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let first_family = service.spec.ip_families.first().map(|family| family == "IPv6");
    let wants_v6 = first_family.or_else(|| service.spec.cluster_ip.parse::<IpAddr>().ok().map(|ip| ip.is_ipv6()));
    let ip = addresses(pod).find(|ip| wants_v6.is_none_or(|v6| ip.is_ipv6() == v6))?;
    Some(EndpointAddress {
        ip: ip.to_string(),
        hostname: if has_hostname(pod, service) {
            pod.spec.hostname.clone()
        } else {
            String::new()
        },
        node_name: Some(pod.spec.node_name.clone()),
        target_ref: Some(reference(pod)),
    })
}

/// The subsets of a service's endpoints.
pub(super) fn of(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let publish = service.spec.publish_not_ready_addresses;
    let mut single = Vec::new();
    for pod in pods.iter().filter(|pod| is_endpoint(pod, publish)) {
        let Some(address) = address(service, pod) else { continue };
        let ready = publish || is_ready(pod);
        let mut add = |ports: Vec<EndpointPort>| {
            let mut subset = EndpointSubset {
                ports,
                ..EndpointSubset::default()
            };
            let list = if ready {
                &mut subset.addresses
            } else {
                &mut subset.not_ready_addresses
            };
            list.push(address.clone());
            single.push(subset);
        };
        if service.spec.ports.is_empty() && is_headless(service) {
            add(Vec::new());
        }
        for port in &service.spec.ports {
            if let Some(number) = find_port(pod, port) {
                add(vec![EndpointPort {
                    name: port.name.clone(),
                    port: number,
                    protocol: port.protocol.clone(),
                    app_protocol: port.app_protocol.clone(),
                }]);
            }
        }
    }
    repack(&single)
}

/// The same endpoints in the fewest subsets: one for each set of ports, with every address once, ready if it is ready
/// anywhere in the set.
pub(crate) fn repack(subsets: &[EndpointSubset]) -> Vec<EndpointSubset> {
    // Which addresses serve a port, and whether they are ready.
    let mut by_port: BTreeMap<Option<PortKey>, BTreeMap<AddressKey, bool>> = BTreeMap::new();
    let mut addresses: BTreeMap<AddressKey, &EndpointAddress> = BTreeMap::new();
    let mut ports: BTreeMap<PortKey, &EndpointPort> = BTreeMap::new();
    for subset in subsets {
        let keys: Vec<Option<PortKey>> = if subset.ports.is_empty() {
            vec![None]
        } else {
            subset.ports.iter().map(|port| Some(port_key(port))).collect()
        };
        ports.extend(subset.ports.iter().map(|port| (port_key(port), port)));
        let ready = subset.addresses.iter().map(|address| (address, true));
        let not_ready = subset.not_ready_addresses.iter().map(|address| (address, false));
        for (address, ready) in ready.chain(not_ready) {
            addresses.insert(address_key(address), address);
            for key in &keys {
                let state = by_port
                    .entry(key.clone())
                    .or_default()
                    .entry(address_key(address))
                    .or_default();
                *state |= ready;
            }
        }
    }
    // Ports with the same addresses in the same states go together.
    let mut by_addresses: BTreeMap<BTreeMap<AddressKey, bool>, Vec<PortKey>> = BTreeMap::new();
    for (port, served_by) in by_port {
        by_addresses.entry(served_by).or_default().extend(port);
    }
    let mut packed: Vec<EndpointSubset> = by_addresses
        .into_iter()
        .map(|(served_by, keys)| {
            let pick = |wanted: bool| -> Vec<EndpointAddress> {
                let of_state = served_by.iter().filter(|(_, ready)| **ready == wanted);
                of_state.map(|(key, _)| addresses[key].clone()).collect()
            };
            EndpointSubset {
                addresses: pick(true),
                not_ready_addresses: pick(false),
                ports: keys.iter().map(|key| ports[key].clone()).collect(),
            }
        })
        .collect();
    packed.sort_by(|a, b| {
        let key = |subset: &EndpointSubset| subset.ports.iter().map(port_key).collect::<Vec<_>>();
        key(a).cmp(&key(b))
    });
    packed
}

/// Cuts endpoints down to what they may hold: from each subset its share, not ready addresses first. Tells whether
/// anything was cut.
pub(super) fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let ready: usize = subsets.iter().map(|subset| subset.addresses.len()).sum();
    let not_ready: usize = subsets.iter().map(|subset| subset.not_ready_addresses.len()).sum();
    if ready + not_ready <= CAPACITY {
        return false;
    }
    let cut_ready = ready > CAPACITY;
    let (most, total) = if cut_ready {
        (CAPACITY, ready)
    } else {
        (CAPACITY - ready, not_ready)
    };
    let mut left = most;
    for subset in subsets {
        if cut_ready {
            subset.not_ready_addresses.clear();
        }
        let list = if cut_ready {
            &mut subset.addresses
        } else {
            &mut subset.not_ready_addresses
        };
        let share = (list.len() * most).div_ceil(total.max(1)).min(left);
        list.truncate(share);
        left -= list.len();
    }
    true
}
