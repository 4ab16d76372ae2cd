//! Which ports of the nodes a write of a Service takes and gives back.

use std::collections::HashMap;

use apimachinery::{
    field::{Error, Path},
    status::StatusError,
};
use apis_core::core::service::{TYPE_LOAD_BALANCER, TYPE_NODE_PORT, needs_health_check, needs_node_port};
use k8s_api::core::v1::Service;

use super::{invalid_field, transaction::Transaction};
use crate::PortError;

fn has_node_ports(service: &Service) -> bool {
    matches!(service.spec.type_.as_str(), TYPE_NODE_PORT | TYPE_LOAD_BALANCER)
}

/// The node ports of a Service, as often as they stand there.
fn node_ports(service: &Service) -> impl Iterator<Item = i32> + '_ {
    service
        .spec
        .ports
        .iter()
        .map(|port| port.node_port)
        .filter(|port| *port != 0)
}

fn refused(service: &Service, index: usize, port: i32, error: &PortError) -> StatusError {
    let path = Path::new("spec.ports");
    let item = path.index(index);
    let error = Error::invalid(&item.child("nodePort"), port, error.to_string());
    invalid_field(&service.metadata.name, error)
}

fn exhausted(error: &PortError) -> StatusError {
    StatusError::internal_error(format!("failed to allocate a nodePort: {error}"))
}

impl Transaction {
    /// Takes a certain port. Numbers that are no ports lie in no range.
    async fn take_port(&mut self, port: i32) -> Result<(), PortError> {
        let allocators = self.allocators.clone();
        match u16::try_from(port) {
            Ok(port) => self.ports.allocate(&allocators.node_ports, port).await,
            Err(_) => allocators.node_ports.check_range(0),
        }
    }

    async fn take_any_port(&mut self) -> Result<i32, PortError> {
        let allocators = self.allocators.clone();
        self.ports.allocate_next(&allocators.node_ports).await.map(i32::from)
    }

    fn free_port(&mut self, port: i32) {
        if let Ok(port) = u16::try_from(port) {
            self.ports.release(port);
        }
    }

    /// The ports of a new Service.
    pub(super) async fn take_ports(&mut self, service: &mut Service) -> Result<(), StatusError> {
        if has_node_ports(service) {
            self.take_node_ports(service).await?;
        }
        if needs_health_check(service) {
            self.take_health_check_port(service).await?;
        }
        Ok(())
    }

    /// Ports of the same number (of different protocols) get the same node port.
    async fn take_node_ports(&mut self, service: &mut Service) -> Result<(), StatusError> {
        let mut by_port: HashMap<i32, i32> = HashMap::new();
        for index in 0..service.spec.ports.len() {
            let (number, wanted) = (service.spec.ports[index].port, service.spec.ports[index].node_port);
            if wanted == 0 && !needs_node_port(service) {
                continue;
            }
            let node_port = match by_port.get(&number) {
                None => {
                    let asked = service.spec.ports.iter().find(|p| p.port == number && p.node_port != 0);
                    let node_port = match asked.map(|port| port.node_port) {
                        Some(port) => {
                            let taken = self.take_port(port).await;
                            taken.map_err(|error| refused(service, index, port, &error))?;
                            port
                        }
                        None => self.take_any_port().await.map_err(|error| exhausted(&error))?,
                    };
                    by_port.insert(number, node_port);
                    node_port
                }
                Some(node_port) if wanted == 0 || wanted == *node_port => *node_port,
                Some(_) => {
                    let taken = self.take_port(wanted).await;
                    taken.map_err(|error| refused(service, index, wanted, &error))?;
                    wanted
                }
            };
            service.spec.ports[index].node_port = node_port;
        }
        Ok(())
    }

    async fn take_health_check_port(&mut self, service: &mut Service) -> Result<(), StatusError> {
        let wanted = service.spec.health_check_node_port;
        if wanted != 0 {
            return self.take_port(wanted).await.map_err(|error| {
                StatusError::internal_error(format!(
                    "failed to allocate requested HealthCheck NodePort {wanted}: {error}"
                ))
            });
        }
        service.spec.health_check_node_port = self.take_any_port().await.map_err(|error| {
            StatusError::internal_error(format!("failed to allocate a HealthCheck NodePort 0: {error}"))
        })?;
        Ok(())
    }

    /// What an update makes necessary.
    pub(super) async fn update_ports(&mut self, new: &mut Service, old: &Service) -> Result<(), StatusError> {
        if has_node_ports(old) && !has_node_ports(new) {
            node_ports(old).for_each(|port| self.free_port(port));
        }
        if has_node_ports(new) {
            self.update_node_ports(new, old).await?;
        }
        match (needs_health_check(old), needs_health_check(new)) {
            (false, true) => self.take_health_check_port(new).await?,
            (true, false) => self.free_port(old.spec.health_check_node_port),
            _ => {}
        }
        Ok(())
    }

    async fn update_node_ports(&mut self, new: &mut Service, old: &Service) -> Result<(), StatusError> {
        let before: Vec<i32> = node_ports(old).collect();
        let mut taken: Vec<i32> = Vec::new();
        let mut seen: Vec<(String, i32)> = Vec::new();
        for index in 0..new.spec.ports.len() {
            let wanted = new.spec.ports[index].node_port;
            if wanted == 0 && !needs_node_port(new) {
                continue;
            }
            if wanted == 0 {
                let any = self.take_any_port().await.map_err(|error| exhausted(&error))?;
                new.spec.ports[index].node_port = any;
            } else if !before.contains(&wanted) && !taken.contains(&wanted) {
                let result = self.take_port(wanted).await;
                result.map_err(|error| refused(new, index, wanted, &error))?;
                taken.push(wanted);
            }
            let port = &new.spec.ports[index];
            let this = (port.protocol.clone(), port.node_port);
            if seen.contains(&this) {
                return Err(StatusError::internal_error(format!(
                    "duplicate nodePort: {{{} {}}}",
                    this.0, this.1
                )));
            }
            seen.push(this);
        }
        for port in before {
            if !node_ports(new).any(|kept| kept == port) {
                self.free_port(port);
            }
        }
        Ok(())
    }

    /// Gives back all that a Service that is gone had.
    pub(super) fn free_all_ports(&mut self, service: &Service) {
        node_ports(service).for_each(|port| self.free_port(port));
        if needs_health_check(service) && service.spec.health_check_node_port > 0 {
            self.free_port(service.spec.health_check_node_port);
        }
    }
}
