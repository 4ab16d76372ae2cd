//! IP families of services: which a service gets, how its singular and plural cluster IP agree, and
//! what an update that leaves allocated values out keeps.
//!
//! Nothing here allocates. The order of a create is [`normalize_cluster_ips`], [`init_ip_families`],
//! allocation; of an update [`default_on_read`] of the old service, [`patch_allocated_values`],
//! [`normalize_cluster_ips`], [`init_ip_families`], allocation. Upstream counterpart:
//! `pkg/registry/core/service/storage`.

use std::collections::HashMap;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names::parse_ip_sloppy,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::core::v1::Service;

use super::{
    CLUSTER_IP_NONE, TYPE_CLUSTER_IP, TYPE_EXTERNAL_NAME, TYPE_LOAD_BALANCER, TYPE_NODE_PORT,
    cluster_ips::validate_cluster_ip_fields, needs_cluster_ip, needs_health_check, needs_node_port,
};
use crate::go_value::{named, optional, strings};

/// The family of addresses such as `10.0.0.1`.
pub const IPV4: &str = "IPv4";
/// The family of addresses such as `fd00::1`.
pub const IPV6: &str = "IPv6";

/// One family.
pub const SINGLE_STACK: &str = "SingleStack";
/// Two families where the cluster has two.
pub const DUAL_STACK_PREFERRED: &str = "PreferDualStack";
/// Two families, or none at all.
pub const DUAL_STACK_REQUIRED: &str = "RequireDualStack";

/// The families that a cluster has service IPs of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterFamilies {
    /// The family of services that do not say: [`IPV4`] or [`IPV6`].
    pub primary: &'static str,
    /// Whether there are service IPs of the other family too.
    pub dual_stack: bool,
}

impl ClusterFamilies {
    fn has(self, family: &str) -> bool {
        family == self.primary || (self.dual_stack && family == other_family(self.primary))
    }
}

/// The family that `family` is not.
#[must_use]
pub fn other_family(family: &str) -> &'static str {
    if family == IPV4 { IPV6 } else { IPV4 }
}

pub(super) fn is_ipv6(ip: &str) -> bool {
    parse_ip_sloppy(ip).is_some_and(|ip| ip.is_ipv6())
}

/// The family of an address; `unknown` for anything else.
#[must_use]
pub fn family_of(ip: &str) -> &'static str {
    match parse_ip_sloppy(ip) {
        Some(ip) if ip.is_ipv4() => IPV4,
        Some(_) => IPV6,
        None => "unknown",
    }
}

/// Lets `clusterIPs` follow `clusterIP` where a client knows only the latter.
pub fn normalize_cluster_ips(service: &mut Service, old: Option<&Service>) {
    let spec = &mut service.spec;
    let Some(old) = old.map(|old| &old.spec) else {
        if !spec.cluster_ip.is_empty() && spec.cluster_ips.is_empty() {
            spec.cluster_ips = vec![spec.cluster_ip.clone()];
        }
        return;
    };
    if old.cluster_ip == spec.cluster_ip {
        if spec.cluster_ips.is_empty() {
            spec.cluster_ips.clone_from(&old.cluster_ips);
        }
    } else if old.cluster_ips == spec.cluster_ips {
        spec.cluster_ips.clear();
        if !spec.cluster_ip.is_empty() {
            spec.cluster_ips.push(spec.cluster_ip.clone());
        }
    }
}

/// Fills in what a service that was stored by an older server lacks.
pub fn default_on_read(service: &mut Service, cluster: ClusterFamilies) {
    normalize_cluster_ips(service, None);
    default_families_on_read(service, cluster);
    if service.spec.type_ == TYPE_EXTERNAL_NAME {
        service.spec.internal_traffic_policy = None;
    }
}

fn default_families_on_read(service: &mut Service, cluster: ClusterFamilies) {
    if !needs_cluster_ip(service) || !service.spec.ip_families.is_empty() {
        return;
    }
    let spec = &mut service.spec;
    let primary = cluster.primary;
    let families = if spec.cluster_ip != CLUSTER_IP_NONE {
        let family = |ip: &String| if is_ipv6(ip) { IPV6 } else { IPV4 };
        spec.cluster_ips.iter().map(family).collect()
    } else if spec.selector.is_empty() {
        vec![primary, other_family(primary)]
    } else {
        vec![primary]
    };
    match families.len() {
        1 => spec.ip_family_policy = Some(SINGLE_STACK.to_owned()),
        2 => spec.ip_family_policy = Some(DUAL_STACK_REQUIRED.to_owned()),
        _ => {}
    }
    spec.ip_families = families.into_iter().map(str::to_owned).collect();
}

/// Takes over from the old service the allocated values that an update left out.
pub fn patch_allocated_values(service: &mut Service, old: &Service) {
    if needs_cluster_ip(old) && needs_cluster_ip(service) {
        let spec = &mut service.spec;
        if spec.cluster_ip.is_empty() {
            spec.cluster_ip.clone_from(&old.spec.cluster_ip);
        }
        if spec.cluster_ips.is_empty() {
            spec.cluster_ips.clone_from(&old.spec.cluster_ips);
        }
    }
    if needs_node_port(old) && needs_node_port(service) {
        patch_node_ports(service, old);
    }
    if needs_health_check(old) && needs_health_check(service) && service.spec.health_check_node_port == 0 {
        service.spec.health_check_node_port = old.spec.health_check_node_port;
    }
}

/// A port without a node port keeps the one that its namesake had, unless another took it.
fn patch_node_ports(service: &mut Service, old: &Service) {
    let before: HashMap<&str, i32> = old
        .spec
        .ports
        .iter()
        .map(|port| (port.name.as_str(), port.node_port))
        .collect();
    let kept: Vec<i32> = service
        .spec
        .ports
        .iter()
        .map(|port| port.node_port)
        .filter(|number| *number != 0 && old.spec.ports.iter().any(|port| port.node_port == *number))
        .collect();
    for port in service.spec.ports.iter_mut().filter(|port| port.node_port == 0) {
        let number = before.get(port.name.as_str()).copied().unwrap_or(0);
        if !kept.contains(&number) {
            port.node_port = number;
        }
    }
}

/// Decides the IP families and their policy, from what the service says, what it had, and what the
/// cluster has.
///
/// # Errors
/// What of it contradicts itself or the cluster. The service may be changed in part.
pub fn init_ip_families(
    service: &mut Service,
    old: Option<&Service>,
    cluster: ClusterFamilies,
    gates: &FeatureGates,
) -> Result<(), ErrorList> {
    if service.spec.type_ == TYPE_EXTERNAL_NAME || old.is_some_and(|old| keeps_preferring_two(service, old)) {
        return Ok(());
    }
    let selects_nothing = service.spec.cluster_ip == CLUSTER_IP_NONE && service.spec.selector.is_empty();
    let policy = match (
        &service.spec.ip_family_policy,
        old.and_then(|old| old.spec.ip_family_policy.as_ref()),
    ) {
        (Some(policy), _) | (None, Some(policy)) => policy.clone(),
        (None, None) if selects_nothing => DUAL_STACK_REQUIRED.to_owned(),
        (None, None) => SINGLE_STACK.to_owned(),
    };
    service.spec.ip_family_policy = Some(policy.clone());
    validate_cluster_ip_fields(service, old, gates).into_result()?;

    let mut errors = ErrorList::new();
    if let Some(old) = old {
        release_second(service, old, &policy, &mut errors);
    }
    validate_single_stack(service, &policy, &mut errors);
    add_families_of_ips(service, cluster, &mut errors);
    errors.into_result()?;

    // Without IPs of ours there is nothing that the cluster would have to be able to do.
    if selects_nothing {
        fill_families(service, cluster, policy != SINGLE_STACK);
        return Ok(());
    }
    let mut errors = ErrorList::new();
    if policy == DUAL_STACK_REQUIRED && !cluster.dual_stack {
        errors.push(policy_error(
            &policy,
            "this cluster is not configured for dual-stack services",
        ));
    }
    for (index, family) in service.spec.ip_families.iter().enumerate() {
        if !cluster.has(family) {
            let path = Path::new("spec.ipFamilies");
            errors.push(Error::invalid(
                &path.index(index),
                named(family),
                "not configured on this cluster",
            ));
        }
    }
    errors.into_result()?;
    fill_families(service, cluster, policy != SINGLE_STACK && cluster.dual_stack);
    Ok(())
}

fn policy_error(policy: &str, detail: &str) -> Error {
    Error::invalid(&Path::new("spec.ipFamilyPolicy"), optional(Some(policy)), detail)
}

/// Whether old and new service alike prefer two families and have the same IPs and families.
fn keeps_preferring_two(service: &Service, old: &Service) -> bool {
    let (spec, before) = (&service.spec, &old.spec);
    let prefers = |policy: Option<&str>| policy == Some(DUAL_STACK_PREFERRED);
    spec.type_ == before.type_
        && matches!(
            spec.type_.as_str(),
            TYPE_CLUSTER_IP | TYPE_NODE_PORT | TYPE_LOAD_BALANCER
        )
        && prefers(spec.ip_family_policy.as_deref())
        && before
            .ip_family_policy
            .as_deref()
            .is_none_or(|policy| prefers(Some(policy)))
        && spec.cluster_ips == before.cluster_ips
        && spec.ip_families == before.ip_families
}

/// An update to a single stack drops the second IP and family; any other may not.
fn release_second(service: &mut Service, old: &Service, policy: &str, errors: &mut ErrorList) {
    let spec = &mut service.spec;
    if policy == SINGLE_STACK {
        if spec.cluster_ips == old.spec.cluster_ips {
            spec.cluster_ips.truncate(1);
        }
        if spec.ip_families == old.spec.ip_families {
            spec.ip_families.truncate(1);
        }
        return;
    }
    let reduced = |new: &[String], old: &[String]| !new.is_empty() && new.len() < old.len();
    if reduced(&spec.cluster_ips, &old.spec.cluster_ips) {
        errors.push(policy_error(
            policy,
            "must be 'SingleStack' to release the secondary cluster IP",
        ));
    }
    if reduced(&spec.ip_families, &old.spec.ip_families) {
        errors.push(policy_error(
            policy,
            "must be 'SingleStack' to release the secondary IP family",
        ));
    }
}

fn validate_single_stack(service: &Service, policy: &str, errors: &mut ErrorList) {
    if policy != SINGLE_STACK {
        return;
    }
    for (count, what) in [
        (service.spec.cluster_ips.len(), "cluster IPs"),
        (service.spec.ip_families.len(), "IP families"),
    ] {
        if count == 2 {
            errors.push(policy_error(
                policy,
                &format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"),
            ));
        }
    }
}

/// Families that are not named follow from the IPs that are.
fn add_families_of_ips(service: &mut Service, cluster: ClusterFamilies, errors: &mut ErrorList) {
    let spec = &mut service.spec;
    let ips = spec
        .cluster_ips
        .iter()
        .enumerate()
        .take_while(|(_, ip)| *ip != CLUSTER_IP_NONE);
    for (index, ip) in ips {
        if index < spec.ip_families.len() {
            continue;
        }
        let family = family_of(ip);
        if cluster.has(family) {
            spec.ip_families.push(family.to_owned());
        } else {
            errors.push(Error::invalid(
                &Path::new("spec.clusterIPs").index(index),
                strings(&spec.cluster_ips),
                format!("{family} is not configured on this cluster"),
            ));
        }
    }
}

fn fill_families(service: &mut Service, cluster: ClusterFamilies, two: bool) {
    let families = &mut service.spec.ip_families;
    if families.is_empty() {
        families.push(cluster.primary.to_owned());
    }
    if two && families.len() == 1 {
        families.push(other_family(&families[0]).to_owned());
    }
}
