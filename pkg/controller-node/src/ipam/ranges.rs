//! What the flags say of ranges and sizes.

use controller::config::NodeIpamControllerConfiguration;
use ipnet::IpNet;

use super::cidr_set::{CidrSet, CidrSetError};

const DEFAULT_MASK_V4: i32 = 24;
const DEFAULT_MASK_V6: i32 = 64;

/// Why the flags make no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RangeError {
    /// There is no range.
    #[error("Controller: Must specify --cluster-cidr if --allocate-node-cidrs is set")]
    NoRange,
    /// A range is none.
    #[error("invalid CIDR[0]: <nil> (invalid CIDR address: {0})")]
    Parse(String),
    /// Two ranges of one family.
    #[error("len of ClusterCIDRs=={0} and they are not configured as dual stack (at least one from each IPFamily")]
    OneFamily(usize),
    /// More than two ranges.
    #[error("length of clusterCIDRs is:{0} more than max allowed of 2")]
    TooMany(usize),
    /// Two service ranges of one family.
    #[error("serviceCIDR and secondaryServiceCIDR are not dualstack (from different IPfamiles)")]
    ServicesOfOneFamily,
    /// One size for two families.
    #[error("usage of --node-cidr-mask-size is not allowed with dual-stack clusters")]
    OneMask,
    /// One size, and others by family.
    #[error(
        "usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if --node-cidr-mask-size is \
         set. For dual-stack clusters please unset it and use IPFamily specific flags"
    )]
    Masks,
    /// A size for the family that there is not.
    #[error("usage of --node-cidr-mask-size-{0} is not allowed for a single-stack {1} cluster")]
    OtherFamily(&'static str, &'static str),
    /// A network would be larger than its range.
    #[error(
        "Controller: Invalid --cluster-cidr, mask size of cluster CIDR must be less than or equal to \
         --node-cidr-mask-size configured for CIDR family"
    )]
    Mask,
    /// A range cannot be cut so.
    #[error(transparent)]
    Set(#[from] CidrSetError),
}

fn is_v6(range: &IpNet) -> bool {
    matches!(range, IpNet::V6(_))
}

/// The cluster's ranges, cut into networks, without those of services.
pub(super) fn sets(cluster: &str, config: &NodeIpamControllerConfiguration) -> Result<Vec<CidrSet>, RangeError> {
    let cluster = cluster_ranges(cluster)?;
    let services = service_ranges(config)?;
    let masks = masks(config, &cluster)?;
    let mut sets = Vec::with_capacity(cluster.len());
    for (range, mask) in cluster.into_iter().zip(masks) {
        if range.prefix_len() > mask {
            return Err(RangeError::Mask);
        }
        let mut set = CidrSet::new(range, mask)?;
        for service in &services {
            // A service range elsewhere takes nothing away.
            let _ = set.occupy(*service);
        }
        sets.push(set);
    }
    Ok(sets)
}

fn cluster_ranges(text: &str) -> Result<Vec<IpNet>, RangeError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(RangeError::NoRange);
    }
    let parse = |text: &str| {
        text.trim()
            .parse::<IpNet>()
            .map_err(|_| RangeError::Parse(text.to_owned()))
    };
    let ranges = text.split(',').map(parse).collect::<Result<Vec<_>, _>>()?;
    let dual_stack = ranges.iter().any(is_v6) && !ranges.iter().all(is_v6);
    if ranges.len() > 1 && !dual_stack {
        return Err(RangeError::OneFamily(ranges.len()));
    }
    if ranges.len() > 2 {
        return Err(RangeError::TooMany(ranges.len()));
    }
    Ok(ranges)
}

fn service_ranges(config: &NodeIpamControllerConfiguration) -> Result<Vec<IpNet>, RangeError> {
    let texts = config
        .service_cidr
        .split(',')
        .chain([config.secondary_service_cidr.as_str()]);
    let mut ranges = Vec::new();
    for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
        match text.parse::<IpNet>() {
            Ok(range) => ranges.push(range),
            Err(error) => tracing::info!(cidr = text, %error, "unsuccessful parsing of service CIDR"),
        }
    }
    if ranges.len() > 1 && ranges.iter().all(|range| is_v6(range) == is_v6(&ranges[0])) {
        return Err(RangeError::ServicesOfOneFamily);
    }
    Ok(ranges)
}

fn masks(config: &NodeIpamControllerConfiguration, cluster: &[IpNet]) -> Result<Vec<u8>, RangeError> {
    let (one, v4, v6) = (
        config.node_cidr_mask_size,
        config.node_cidr_mask_size_ipv4,
        config.node_cidr_mask_size_ipv6,
    );
    if cluster.len() > 1 {
        if one != 0 {
            return Err(RangeError::OneMask);
        }
    } else if one != 0 {
        if v4 != 0 || v6 != 0 {
            return Err(RangeError::Masks);
        }
    } else if v4 != 0 && is_v6(&cluster[0]) {
        return Err(RangeError::OtherFamily("ipv4", "IPv6"));
    } else if v6 != 0 && !is_v6(&cluster[0]) {
        return Err(RangeError::OtherFamily("ipv6", "IPv4"));
    }
    let first = |sizes: [i32; 3]| sizes.into_iter().find(|size| *size != 0).unwrap_or(0);
    let mask = |range: &IpNet| {
        let size = if is_v6(range) {
            first([one, v6, DEFAULT_MASK_V6])
        } else {
            first([one, v4, DEFAULT_MASK_V4])
        };
        u8::try_from(size)
            .ok()
            .filter(|size| *size <= range.max_prefix_len())
            .ok_or(RangeError::Mask)
    };
    cluster.iter().map(mask).collect()
}
