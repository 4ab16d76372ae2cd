//! Services, their load balancers and node ports.

use k8s_api::core::v1::Service;

use super::number;
use crate::{
    evaluator::{Evaluator, Item, Write},
    list::ResourceList,
};

const COUNT: &str = "count/services";
const SERVICES: &str = "services";
const LOAD_BALANCERS: &str = "services.loadbalancers";
const NODE_PORTS: &str = "services.nodeports";

/// Counts services.
#[derive(Debug)]
pub struct Services;

/// How many node ports a service takes.
fn node_ports(service: &Service) -> usize {
    let ports = &service.spec.ports;
    match service.spec.type_.as_str() {
        "NodePort" => ports.len(),
        "LoadBalancer" if service.spec.allocate_load_balancer_node_ports == Some(false) => {
            ports.iter().filter(|port| port.node_port != 0).count()
        }
        "LoadBalancer" => ports.len(),
        _ => 0,
    }
}

impl Evaluator for Services {
    fn group_resource(&self) -> (&str, &str) {
        ("", "services")
    }

    fn handles(&self, write: &Write<'_>) -> bool {
        write.subresource.is_empty()
    }

    fn counts(&self, name: &str) -> bool {
        [COUNT, SERVICES, LOAD_BALANCERS, NODE_PORTS].contains(&name)
    }

    fn usage(&self, _namespace: &str, item: Item<'_>, _now: jiff::Timestamp) -> ResourceList {
        let Item::Service(service) = item else {
            return ResourceList::default();
        };
        let ports = i64::try_from(node_ports(service)).unwrap_or(i64::MAX);
        let balanced = service.spec.type_ == "LoadBalancer";
        ResourceList::from([
            (COUNT, number(1)),
            (SERVICES, number(1)),
            (LOAD_BALANCERS, number(i64::from(balanced))),
            (NODE_PORTS, number(ports)),
        ])
    }
}
