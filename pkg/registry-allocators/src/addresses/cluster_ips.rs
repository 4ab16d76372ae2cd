//! The addresses of one family: ranges are the `ServiceCIDR` objects, an address is taken by creating its `IPAddress`.

use std::net::IpAddr;

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use ipnet::IpNet;
use k8s_api::{
    Map,
    core::v1::Service,
    meta::v1::{DeleteOptions, ObjectMeta},
    networking::v1::{IPAddress, IPAddressSpec, ParentReference, ServiceCIDR},
};

use super::AddressRange;

/// Label of an `IPAddress` with its family.
pub(crate) const FAMILY_LABEL: &str = "ipaddress.kubernetes.io/ip-family";
/// Label of an `IPAddress` with who made it.
pub(crate) const MANAGED_BY_LABEL: &str = "ipaddress.kubernetes.io/managed-by";
/// Who made the addresses of Services.
pub(crate) const MANAGER: &str = "ipallocator.k8s.io";

/// Why an address was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AddressError {
    /// No range has a free address, or there is no range.
    #[error("range is full")]
    Full,
    /// Somebody has it.
    #[error("provided IP is already allocated")]
    Allocated,
    /// No range holds it.
    #[error("the provided network does not match the current range")]
    Mismatched,
    /// The range holds it but does not hand it out.
    #[error("the provided IP ({ip}) is not in the valid range. The range of valid IPs is {range}")]
    NotInRange {
        /// The address.
        ip: IpAddr,
        /// The range.
        range: IpNet,
    },
    /// There is no range yet.
    #[error("allocator not ready")]
    NotReady,
    /// The `IPAddress` could not be written.
    #[error("{0}")]
    Write(StatusError),
}

/// The addresses of one family.
#[derive(Clone, Debug)]
pub struct ClusterIps {
    ipv6: bool,
    cidrs: Local<ServiceCIDR>,
    addresses: Local<IPAddress>,
}

impl ClusterIps {
    /// The addresses of the family, in these stores.
    #[must_use]
    pub fn new(ipv6: bool, cidrs: Local<ServiceCIDR>, addresses: Local<IPAddress>) -> Self {
        Self { ipv6, cidrs, addresses }
    }

    /// The ranges of the family that hand out addresses now: those that are ready and not on their way out.
    fn ranges(&self) -> Result<Vec<AddressRange>, AddressError> {
        let mut ranges: Vec<AddressRange> = Vec::new();
        for object in self.cidrs.list_cached("").map_err(AddressError::Write)? {
            if !is_ready(&object) || object.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let cidrs = object.spec.cidrs.iter().filter_map(|cidr| cidr.parse::<IpNet>().ok());
            for cidr in cidrs.filter(|cidr| matches!(cidr, IpNet::V6(_)) == self.ipv6) {
                match AddressRange::new(cidr) {
                    Ok(range) if !ranges.contains(&range) => ranges.push(range),
                    Ok(_) => {}
                    Err(error) => tracing::info!(%cidr, %error, "the range of a ServiceCIDR cannot be used"),
                }
            }
        }
        Ok(ranges)
    }

    /// Takes a certain address for a Service. Whether it is free is not looked at in a dry run.
    ///
    /// # Errors
    /// It is taken, or nothing that is handed out.
    pub async fn allocate(&self, service: &Service, ip: IpAddr, dry_run: bool) -> Result<(), AddressError> {
        let ranges = self.ranges()?;
        let range = ranges
            .iter()
            .find(|range| range.cidr().contains(&ip))
            .ok_or(AddressError::Mismatched)?;
        if !range.contains(ip) {
            let range = range.cidr();
            return Err(AddressError::NotInRange { ip, range });
        }
        if dry_run {
            return Ok(());
        }
        self.create(service, ip).await
    }

    /// Takes any free address for a Service. In a dry run it is the range's own address, which nobody gets.
    ///
    /// # Errors
    /// There is none, or it could not be written.
    pub async fn allocate_next(&self, service: &Service, dry_run: bool) -> Result<IpAddr, AddressError> {
        let ranges = self.ranges()?;
        if dry_run {
            return ranges
                .first()
                .map(|range| range.cidr().addr())
                .ok_or(AddressError::NotReady);
        }
        match self.allocate_in(&ranges, service).await {
            Err(AddressError::Full) => {}
            other => return other,
        }
        // The cache may not know yet of addresses that were given back.
        if let Err(error) = self.addresses.store().cacher().consistent_snapshot().await {
            tracing::debug!(?error, "the cache of addresses may be behind");
        }
        self.allocate_in(&ranges, service).await
    }

    /// Takes an address that the cache does not know.
    async fn allocate_in(&self, ranges: &[AddressRange], service: &Service) -> Result<IpAddr, AddressError> {
        for range in ranges {
            for ip in range.candidates(rand::random()) {
                let taken = self.addresses.store().cacher().get(&ip.to_string()).is_some();
                if taken {
                    continue;
                }
                match self.create(service, ip).await {
                    // Another server, or another request, was faster.
                    Err(AddressError::Allocated) => {}
                    other => return other.map(|()| ip),
                }
            }
        }
        Err(AddressError::Full)
    }

    async fn create(&self, service: &Service, ip: IpAddr) -> Result<(), AddressError> {
        match self.addresses.create(&ip_address(service, ip)).await {
            Ok(_) => Ok(()),
            Err(status) if status.is_already_exists() => Err(AddressError::Allocated),
            Err(status) => Err(AddressError::Write(status)),
        }
    }

    /// Gives an address back, unless it is that of another Service. Repair finds what cannot be given back.
    pub async fn release(&self, service: &Service, ip: IpAddr) {
        let name = ip.to_string();
        let result = match self.addresses.get("", &name).await {
            Ok(Some(address)) if belongs_to(&address, service) => self
                .addresses
                .delete("", &name, &DeleteOptions::default())
                .await
                .map(drop),
            Ok(_) => return,
            Err(status) => Err(status),
        };
        if let Err(error) = result
            && !error.is_not_found()
        {
            tracing::warn!(%ip, %error, "cannot give a cluster IP back");
        }
    }
}

/// Whether an address was taken for a Service.
fn belongs_to(address: &IPAddress, service: &Service) -> bool {
    address
        .spec
        .parent_ref
        .as_ref()
        .is_none_or(|parent| parent.name == service.metadata.name && parent.namespace == service.metadata.namespace)
}

/// The object that says that a Service has an address.
pub(crate) fn ip_address(service: &Service, ip: IpAddr) -> IPAddress {
    let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
    IPAddress {
        metadata: ObjectMeta {
            name: ip.to_string(),
            labels: Map::from([
                (FAMILY_LABEL, family.to_owned()),
                (MANAGED_BY_LABEL, MANAGER.to_owned()),
            ]),
            ..ObjectMeta::default()
        },
        spec: IPAddressSpec {
            parent_ref: Some(Box::new(ParentReference {
                group: String::new(),
                resource: "services".to_owned(),
                namespace: service.metadata.namespace.clone(),
                name: service.metadata.name.clone(),
            })),
        },
    }
}

/// Whether a range is ready. One that nobody judged is: the controllers may not be there.
fn is_ready(cidr: &ServiceCIDR) -> bool {
    cidr.status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready")
        .is_none_or(|condition| condition.status == "True")
}
