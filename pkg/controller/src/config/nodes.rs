//! Settings of the controllers behind nodes and their devices.

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize;

use super::macros::configuration;

configuration! {
    /// The controller that gives nodes their pod networks.
    NodeIpamControllerConfiguration in "node-ipam-controller" {
        service_cidr "ServiceCIDR": String = String::new(), "service-cluster-ip-range"
            "the ranges of service addresses, one a family, which no node gets; needs --allocate-node-cidrs";
        secondary_service_cidr "SecondaryServiceCIDR": String = String::new();
        node_cidr_mask_size "NodeCIDRMaskSize": i32 = 0, "node-cidr-mask-size"
            "the prefix length of a node's network in a cluster of one family; 24 for IPv4 and 64 for IPv6 if not given";
        node_cidr_mask_size_ipv4 "NodeCIDRMaskSizeIPv4": i32 = 0, "node-cidr-mask-size-ipv4"
            "the prefix length of a node's IPv4 network in a cluster of both families; 24 if not given";
        node_cidr_mask_size_ipv6 "NodeCIDRMaskSizeIPv6": i32 = 0, "node-cidr-mask-size-ipv6"
            "the prefix length of a node's IPv6 network in a cluster of both families; 64 if not given";
    }

    /// The controller that watches whether nodes answer.
    NodeLifecycleControllerConfiguration in "node-lifecycle-controller" {
        node_startup_grace_period "NodeStartupGracePeriod": GoDuration = GoDuration::from_secs(60),
            "node-startup-grace-period"
            "how long a node that starts may be silent before it counts as unhealthy";
        node_monitor_grace_period "NodeMonitorGracePeriod": GoDuration = GoDuration::from_secs(50),
            "node-monitor-grace-period"
            "how long a running node may be silent before it counts as unhealthy; several times the kubelet's period";
        pod_eviction_timeout "PodEvictionTimeout": GoDuration = GoDuration::ZERO;
        node_eviction_rate "NodeEvictionRate": f32 = 0.1, "node-eviction-rate"
            "how many nodes a second lose their pods while the zone is healthy";
        secondary_node_eviction_rate "SecondaryNodeEvictionRate": f32 = 0.01, "secondary-node-eviction-rate"
            "how many nodes a second lose their pods while the zone is unhealthy; none in small clusters";
        large_cluster_size_threshold "LargeClusterSizeThreshold": i32 = 50, "large-cluster-size-threshold"
            "how many nodes a zone may have at most to count as small";
        unhealthy_zone_threshold "UnhealthyZoneThreshold": f32 = 0.55, "unhealthy-zone-threshold"
            "the part of a zone's nodes, at least three, that must not be ready for the zone to count as unhealthy";
    }

    /// The controller that evicts pods from devices with taints.
    DeviceTaintEvictionControllerConfiguration in "device-taint-eviction-controller" {
        concurrent_syncs "ConcurrentSyncs": i32 = 8, "concurrent-device-taint-eviction-syncs"
            "how many operations (deletions of pods, updates of rules) run at a time";
    }

    /// The controller of resource claims.
    ResourceClaimControllerConfiguration in "resourceclaim-controller" {
        concurrent_syncs "ConcurrentSyncs": i32 = 50, "concurrent-resourceclaim-syncs"
            "how many operations (creations and deletions of claims, updates of statuses) run at a time";
    }
}
