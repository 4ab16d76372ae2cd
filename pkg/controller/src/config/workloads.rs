//! Settings of the controllers that run pods.

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize;

use super::macros::configuration;

configuration! {
    /// The deployment controller.
    DeploymentControllerConfiguration in "deployment-controller" {
        concurrent_syncs "ConcurrentDeploymentSyncs": i32 = 5, "concurrent-deployment-syncs"
            "how many deployments are synced at a time";
    }

    /// The stateful set controller.
    StatefulSetControllerConfiguration in "statefulset-controller" {
        concurrent_syncs "ConcurrentStatefulSetSyncs": i32 = 5, "concurrent-statefulset-syncs"
            "how many stateful sets are synced at a time";
    }

    /// The daemon set controller.
    DaemonSetControllerConfiguration in "daemonset-controller" {
        concurrent_syncs "ConcurrentDaemonSetSyncs": i32 = 2, "concurrent-daemonset-syncs"
            "how many daemon sets are synced at a time";
    }

    /// The replica set controller.
    ReplicaSetControllerConfiguration in "replicaset-controller" {
        concurrent_syncs "ConcurrentRSSyncs": i32 = 5, "concurrent-replicaset-syncs"
            "how many replica sets are synced at a time";
    }

    /// The replication controllers' controller.
    ReplicationControllerConfiguration in "replicationcontroller-controller" {
        concurrent_syncs "ConcurrentRCSyncs": i32 = 5, "concurrent-rc-syncs"
            "how many replication controllers are synced at a time";
    }

    /// The job controller.
    JobControllerConfiguration in "job-controller" {
        concurrent_syncs "ConcurrentJobSyncs": i32 = 5, "concurrent-job-syncs"
            "how many jobs are synced at a time";
    }

    /// The cron job controller.
    CronJobControllerConfiguration in "cronjob-controller" {
        concurrent_syncs "ConcurrentCronJobSyncs": i32 = 5, "concurrent-cron-job-syncs"
            "how many cron jobs are synced at a time";
    }

    /// The controller that deletes finished jobs when their time has come.
    TtlAfterFinishedControllerConfiguration in "ttl-after-finished-controller" {
        concurrent_syncs "ConcurrentTTLSyncs": i32 = 5, "concurrent-ttl-after-finished-syncs"
            "how many finished jobs are looked at at a time";
    }

    /// The horizontal pod autoscaler.
    HpaControllerConfiguration in "horizontal-pod-autoscaler-controller" {
        concurrent_syncs "ConcurrentHorizontalPodAutoscalerSyncs": i32 = 5,
            "concurrent-horizontal-pod-autoscaler-syncs"
            "how many autoscalers are synced at a time";
        sync_period "HorizontalPodAutoscalerSyncPeriod": GoDuration = GoDuration::from_secs(15),
            "horizontal-pod-autoscaler-sync-period"
            "how often the number of pods is looked at";
        downscale_stabilization_window "HorizontalPodAutoscalerDownscaleStabilizationWindow": GoDuration =
            GoDuration::from_mins(5), "horizontal-pod-autoscaler-downscale-stabilization"
            "for how long the highest recommendation counts, so that nothing is scaled down below it";
        tolerance "HorizontalPodAutoscalerTolerance": f64 = 0.1, "horizontal-pod-autoscaler-tolerance"
            "how far the ratio of desired to actual metrics must be from 1 to be acted on";
        cpu_initialization_period "HorizontalPodAutoscalerCPUInitializationPeriod": GoDuration = GoDuration::from_mins(5),
            "horizontal-pod-autoscaler-cpu-initialization-period"
            "how long after a pod's start its CPU samples may be left out";
        initial_readiness_delay "HorizontalPodAutoscalerInitialReadinessDelay": GoDuration = GoDuration::from_secs(30),
            "horizontal-pod-autoscaler-initial-readiness-delay"
            "how long after a pod's start changes of its readiness count as its first";
    }

    /// The collector of pods that have ended.
    PodGcControllerConfiguration in "pod-garbage-collector-controller" {
        terminated_pod_gc_threshold "TerminatedPodGCThreshold": i32 = 12_500, "terminated-pod-gc-threshold"
            "how many terminated pods may exist before the oldest are deleted; at 0 or less none are";
    }
}
