//! The flags about Services and about the Service that leads to this server.

use std::net::IpAddr;

use component_base::flags::{FlagSet, Flags, PortRange};
use controlplane_keeps::ReconcilerType;
use ipnet::IpNet;
use registry_allocators::AddressRange;

/// The range of those who do not say.
const DEFAULT_RANGE: &str = "10.0.0.0/24";
/// The smallest range, as the number of address bits.
const LEAST_BITS: u8 = 3;

/// Addresses and ports of Services.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// `--service-cluster-ip-range`: one CIDR, or two of different families.
    pub cluster_ip_range: String,
    /// `--service-node-port-range`
    pub node_port_range: PortRange,
    /// `--endpoint-reconciler-type`
    pub endpoint_reconciler_type: String,
    /// `--apiserver-count`
    pub apiserver_count: i64,
    /// `--kubernetes-service-node-port`; 0 for none.
    pub kubernetes_service_node_port: i64,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            cluster_ip_range: String::new(),
            node_port_range: PortRange {
                first: 30_000,
                last: 32_767,
            },
            endpoint_reconciler_type: "lease".to_owned(),
            apiserver_count: 1,
            kubernetes_service_node_port: 0,
        }
    }
}

/// The options about Services, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Services {
    /// One or two ranges of addresses.
    pub(crate) ranges: Vec<IpNet>,
    /// The first address, that of the `kubernetes` Service.
    pub(crate) first_ip: IpAddr,
    pub(crate) node_ports: PortRange,
    pub(crate) reconciler: ReconcilerType,
    pub(crate) apiserver_count: usize,
    pub(crate) kubernetes_node_port: u16,
}

impl ServiceOptions {
    /// Checks the options; `advertised` is the address under which others reach this server.
    ///
    /// # Errors
    /// What is wrong, in upstream's words.
    pub(crate) fn complete(&self, advertised: IpAddr) -> Result<Services, String> {
        let (ranges, first_ip) = self.ranges()?;
        let reconciler: ReconcilerType = self.endpoint_reconciler_type.parse()?;
        let primary = ranges
            .first()
            .copied()
            .ok_or("--service-cluster-ip-range must contain at least one valid cidr")?;
        if reconciler != ReconcilerType::None && primary.addr().is_ipv4() != advertised.is_ipv4() {
            return Err(format!(
                "service IP family {:?} must match public address family {:?}",
                primary.to_string(),
                advertised.to_string()
            ));
        }
        let node_port = self.kubernetes_service_node_port;
        let kubernetes_node_port = u16::try_from(node_port).map_err(|_| {
            format!(
                "--kubernetes-service-node-port {node_port} must be between 0 and 65535, inclusive. If 0, the Kubernetes \
                 master service will be of type ClusterIP"
            )
        })?;
        if node_port > 0 && !self.node_port_range.contains(kubernetes_node_port) {
            let range = format!("{}-{}", self.node_port_range.first, self.node_port_range.last);
            return Err(format!(
                "kubernetes service node port range {range} doesn't contain {node_port}"
            ));
        }
        let apiserver_count = usize::try_from(self.apiserver_count).ok().filter(|count| *count > 0);
        let apiserver_count = apiserver_count.ok_or_else(|| {
            format!(
                "--apiserver-count should be a positive number, but value '{}' provided",
                self.apiserver_count
            )
        })?;
        Ok(Services {
            ranges,
            first_ip,
            node_ports: self.node_port_range,
            reconciler,
            apiserver_count,
            kubernetes_node_port,
        })
    }

    fn ranges(&self) -> Result<(Vec<IpNet>, IpAddr), String> {
        let text = match self.cluster_ip_range.as_str() {
            "" => {
                tracing::warn!(
                    "no CIDR for service cluster IPs specified: using {DEFAULT_RANGE}; please specify it using \
                     --service-cluster-ip-range"
                );
                DEFAULT_RANGE
            }
            text => text,
        };
        let parts: Vec<&str> = text.split(',').collect();
        if parts.len() > 2 {
            return Err("--service-cluster-ip-range must not contain more than two entries".to_owned());
        }
        let mut ranges: Vec<IpNet> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let range = part.parse::<IpNet>();
            let range = range.map_err(|_| format!("service-cluster-ip-range[{index}] is not a valid cidr"))?;
            ranges.push(range.trunc());
        }
        if let [first, second] = ranges[..]
            && first.addr().is_ipv4() == second.addr().is_ipv4()
        {
            return Err(
                "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family"
                    .to_owned(),
            );
        }
        let mut first_ip = None;
        for range in &ranges {
            if range.max_prefix_len() - range.prefix_len() < LEAST_BITS {
                return Err("the service cluster IP range must be at least 8 IP addresses".to_owned());
            }
            let usable = AddressRange::new(*range).map_err(|error| error.to_string())?;
            first_ip = first_ip.or(usable.first());
        }
        let first_ip = first_ip.ok_or("--service-cluster-ip-range must contain at least one valid cidr")?;
        Ok((ranges, first_ip))
    }
}

impl Flags for ServiceOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("misc")
            .add(
                "service-cluster-ip-range",
                &mut self.cluster_ip_range,
                "one CIDR, or two of different families, from which Services get their addresses",
            )
            .add(
                "service-node-port-range",
                &mut self.node_port_range,
                "ports of the nodes that Services get",
            )
            .add(
                "endpoint-reconciler-type",
                &mut self.endpoint_reconciler_type,
                "how servers know of each other: master-count, lease or none",
            )
            .add(
                "apiserver-count",
                &mut self.apiserver_count,
                "how many servers there are, for --endpoint-reconciler-type=master-count",
            )
            .add(
                "kubernetes-service-node-port",
                &mut self.kubernetes_service_node_port,
                "node port of the kubernetes Service; 0 for none",
            );
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::ServiceOptions;

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn range(text: &str) -> ServiceOptions {
        ServiceOptions {
            cluster_ip_range: text.to_owned(),
            ..ServiceOptions::default()
        }
    }

    #[test]
    fn ranges() {
        // --service-cluster-ip-range, ranges, address of the kubernetes Service
        let cases: [(&str, &[&str], &str); 3] = [
            ("", &["10.0.0.0/24"], "10.0.0.1"),
            ("10.96.0.5/16", &["10.96.0.0/16"], "10.96.0.1"),
            ("10.96.0.0/16,fd00::/108", &["10.96.0.0/16", "fd00::/108"], "10.96.0.1"),
        ];
        for (text, ranges, first) in cases {
            let services = range(text).complete(HOST).expect("good options");
            let shown: Vec<String> = services.ranges.iter().map(ToString::to_string).collect();
            assert_eq!(shown, ranges, "{text}");
            assert_eq!(services.first_ip.to_string(), first, "{text}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let with = |change: fn(&mut ServiceOptions)| {
            let mut options = range("10.0.0.0/24");
            change(&mut options);
            options
        };
        let cases = [
            (range("x"), "service-cluster-ip-range[0] is not a valid cidr"),
            (
                range("10.0.0.0/24,10.1.0.0/24"),
                "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family",
            ),
            (
                range("10.0.0.0/24,fd00::/108,fd01::/108"),
                "--service-cluster-ip-range must not contain more than two entries",
            ),
            (
                range("10.0.0.0/30"),
                "the service cluster IP range must be at least 8 IP addresses",
            ),
            (
                range("fd00::/32"),
                "shortest allowed prefix length for service CIDR is 64, got 32",
            ),
            (
                range("fd00::/108"),
                "service IP family \"fd00::/108\" must match public address family \"192.0.2.2\"",
            ),
            (
                with(|options| options.endpoint_reconciler_type = "x".into()),
                "reconciler not implemented: x",
            ),
            (
                with(|options| options.apiserver_count = 0),
                "--apiserver-count should be a positive number, but value '0' provided",
            ),
            (
                with(|options| options.kubernetes_service_node_port = 80),
                "kubernetes service node port range 30000-32767 doesn't contain 80",
            ),
        ];
        for (options, message) in cases {
            assert_eq!(options.complete(HOST).expect_err(message), message);
        }
    }
}
