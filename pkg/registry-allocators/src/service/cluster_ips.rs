//! Which addresses a write of a Service takes and gives back.

use std::net::IpAddr;

use apimachinery::{
    field::{BadValue, Error, Path},
    names::parse_ip_sloppy,
    status::StatusError,
};
use apis_core::core::service::{CLUSTER_IP_NONE, DUAL_STACK_PREFERRED, TYPE_EXTERNAL_NAME, family_of};
use k8s_api::core::v1::Service;

use super::{
    invalid_field,
    transaction::{Address, Transaction},
};
use crate::AddressError;

/// The first address says that the Service wants none.
fn is_headless(service: &Service) -> bool {
    service.spec.cluster_ips.first().is_some_and(|ip| ip == CLUSTER_IP_NONE)
}

fn is_external_name(service: &Service) -> bool {
    service.spec.type_ == TYPE_EXTERNAL_NAME
}

impl Transaction {
    /// Takes an address for every family of the Service that has none yet, and those that it asks for.
    pub(super) async fn take_addresses(&mut self, service: &mut Service) -> Result<(), StatusError> {
        if is_external_name(service) || is_headless(service) {
            return Ok(());
        }
        let families = service.spec.ip_families.clone();
        if service.spec.cluster_ips.len() < families.len() {
            service.spec.cluster_ips.resize(families.len(), String::new());
        }
        for (index, family) in families.iter().enumerate() {
            let ip = self.take_address(service, family, index).await?;
            if index == 0 {
                service.spec.cluster_ip.clone_from(&ip);
            }
            service.spec.cluster_ips[index] = ip;
        }
        Ok(())
    }

    /// Takes the address in `clusterIPs[index]`, or any if there is none.
    async fn take_address(&mut self, service: &Service, family: &str, index: usize) -> Result<String, StatusError> {
        let allocators = self.allocators.clone();
        let name = &service.metadata.name;
        let allocator = allocators
            .of_family(family)
            .ok_or_else(|| StatusError::internal_error(format!("no service IPs of family {family}")))?;
        let wanted = service.spec.cluster_ips[index].as_str();
        let refused = |detail: String| {
            let path = Path::new("spec.clusterIPs");
            let ips = BadValue::json(&service.spec.cluster_ips);
            invalid_field(name, Error::invalid(&path, ips, detail))
        };
        if wanted.is_empty() {
            let ip = match allocator.allocate_next(service, self.dry_run).await {
                Ok(ip) => ip,
                Err(error @ AddressError::Full) => {
                    return Err(StatusError::internal_error(format!(
                        "failed to allocate a serviceIP for Service {name:?}: {error}"
                    )));
                }
                Err(error) => return Err(refused(format!("failed to allocate IP: {error}"))),
            };
            self.took(family, ip);
            return Ok(ip.to_string());
        }
        let ip = parse_ip_sloppy(wanted)
            .ok_or_else(|| StatusError::internal_error(format!("failed to parse service IP {wanted:?}")))?;
        allocator
            .allocate(service, ip, self.dry_run)
            .await
            .map_err(|error| refused(format!("failed to allocate IP {wanted}: {error}")))?;
        self.took(family, ip);
        Ok(wanted.to_owned())
    }

    fn took(&mut self, family: &str, ip: IpAddr) {
        self.taken.push(Address {
            family: family.to_owned(),
            ip,
        });
    }

    /// Gives the addresses of a Service back once the write has succeeded.
    pub(super) fn give_back<'s>(&mut self, addresses: impl Iterator<Item = (&'s String, &'s String)>) {
        for (family, ip) in addresses {
            if let Some(ip) = parse_ip_sloppy(ip) {
                self.released.push(Address {
                    family: family.clone(),
                    ip,
                });
            }
        }
    }

    /// Takes and gives back what an update makes necessary.
    pub(super) async fn update_addresses(&mut self, new: &mut Service, old: &Service) -> Result<(), StatusError> {
        if prefers_the_same_two(new, old) {
            return Ok(());
        }
        match (is_external_name(old), is_external_name(new)) {
            (true, false) => return self.take_addresses(new).await,
            _ if is_headless(old) => return Ok(()),
            (false, true) => {
                self.give_back(old.spec.ip_families.iter().zip(&old.spec.cluster_ips));
                return Ok(());
            }
            _ => {}
        }
        match (old.spec.ip_families.len(), new.spec.ip_families.len()) {
            (1, 2) => {
                new.spec.cluster_ips.resize(2, String::new());
                let family = new.spec.ip_families[1].clone();
                new.spec.cluster_ips[1] = self.take_address(new, &family, 1).await?;
            }
            (2, 1) => {
                let second = old.spec.ip_families.iter().zip(&old.spec.cluster_ips).skip(1);
                self.give_back(second);
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives back all that a Service that is gone had.
    pub(super) fn give_all_back(&mut self, service: &Service) {
        if is_external_name(service) || is_headless(service) {
            return;
        }
        let families: Vec<String> = service
            .spec
            .cluster_ips
            .iter()
            .map(|ip| family_of(ip).to_owned())
            .collect();
        self.give_back(families.iter().zip(&service.spec.cluster_ips));
    }
}

/// A Service that prefers two families is not changed behind its back when the cluster gets or loses one.
fn prefers_the_same_two(new: &Service, old: &Service) -> bool {
    let prefers = |policy: &Option<String>| policy.as_deref() == Some(DUAL_STACK_PREFERRED);
    let (spec, before) = (&new.spec, &old.spec);
    spec.type_ == before.type_
        && !is_external_name(new)
        && prefers(&spec.ip_family_policy)
        && (before.ip_family_policy.is_none() || prefers(&before.ip_family_policy))
        && spec.cluster_ips == before.cluster_ips
        && spec.ip_families == before.ip_families
}
