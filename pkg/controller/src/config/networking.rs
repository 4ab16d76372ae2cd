//! Settings of the controllers behind services.

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize;

use super::macros::configuration;

configuration! {
    /// The controller of endpoints.
    EndpointControllerConfiguration in "endpoints-controller" {
        concurrent_syncs "ConcurrentEndpointSyncs": i32 = 5, "concurrent-endpoint-syncs"
            "how many services' endpoints are synced at a time";
        updates_batch_period "EndpointUpdatesBatchPeriod": GoDuration = GoDuration::ZERO, "endpoint-updates-batch-period"
            "how long a change of a pod waits for others to be written with it";
    }

    /// The controller of endpoint slices.
    EndpointSliceControllerConfiguration in "endpointslice-controller" {
        concurrent_syncs "ConcurrentServiceEndpointSyncs": i32 = 5, "concurrent-service-endpoint-syncs"
            "how many services' endpoint slices are synced at a time";
        max_endpoints_per_slice "MaxEndpointsPerSlice": i32 = 100, "max-endpoints-per-slice"
            "the most endpoints in one slice; the more, the fewer and the larger are the slices";
        updates_batch_period "EndpointUpdatesBatchPeriod": GoDuration = GoDuration::ZERO,
            "endpointslice-updates-batch-period"
            "how long a change of a pod waits for others to be written with it";
    }

    /// The controller that mirrors endpoints which others write into slices.
    EndpointSliceMirroringControllerConfiguration in "endpointslice-mirroring-controller" {
        concurrent_syncs "MirroringConcurrentServiceEndpointSyncs": i32 = 5, "mirroring-concurrent-service-endpoint-syncs"
            "how many endpoints are mirrored at a time";
        max_endpoints_per_subset "MirroringMaxEndpointsPerSubset": i32 = 1000, "mirroring-max-endpoints-per-subset"
            "the most endpoints of a subset that are mirrored";
        updates_batch_period "MirroringEndpointUpdatesBatchPeriod": GoDuration = GoDuration::ZERO,
            "mirroring-endpointslice-updates-batch-period"
            "how long a change of endpoints waits for others to be written with it";
    }

    /// Load balancers, which are a cloud's.
    ServiceControllerConfiguration in "service-lb-controller" {
        concurrent_syncs "ConcurrentServiceSyncs": i32 = 1, "concurrent-service-syncs"
            "how many services' load balancers are synced at a time";
    }
}
