//! What can be configured and has no effect here: whoever asks for it is told, so that nobody counts on it.

use kubelet_config::{KubeletConfiguration, KubeletOptions};
use serde_json::Value;

/// Fields without effect, and what happens instead. Refused ones are not here: they keep the kubelet from starting.
const FIELDS: &[(&str, &str)] = &[
    ("contentType", "requests to the API server are JSON"),
    ("cpuManagerReconcilePeriod", "no CPU is exclusive"),
    ("enableContentionProfiling", "locks are not profiled"),
    ("enableProfilingHandler", "no profiles are served"),
    (
        "enableSystemLogQuery",
        "system logs cannot be queried; /logs serves files",
    ),
    ("hairpinMode", "the network plugin decides how a pod reaches itself"),
    ("httpCheckFrequency", "static pods come from files only"),
    ("iptablesDropBit", "no packets are marked by the kubelet"),
    ("iptablesMasqueradeBit", "no packets are marked by the kubelet"),
    ("kernelMemcgNotification", "memory is looked at every ten seconds"),
    (
        "kubeletCgroups",
        "the kubelet stays in the cgroup that it was started in",
    ),
    (
        "makeIPTablesUtilChains",
        "the kubelet makes no chains; kube-proxy makes those that it needs",
    ),
    ("memoryReservationPolicy", "requests set no memory.min or memory.low"),
    ("memoryThrottlingFactor", "memory.high is not set"),
    ("podCIDR", "the network plugin knows the pods' addresses"),
    ("qosReserved", "nothing is reserved for a class of pods"),
    ("reservedMemory", "no memory of a NUMA node is reserved"),
    (
        "shutdownGracePeriod",
        "Failed to start node shutdown manager: the shutdown of the machine is not watched for, pods end with it",
    ),
    (
        "shutdownGracePeriodByPodPriority",
        "Failed to start node shutdown manager: the shutdown of the machine is not watched for, pods end with it",
    ),
    (
        "shutdownGracePeriodCriticalPods",
        "the shutdown of the machine is not watched for",
    ),
    ("staticPodURL", "static pods come from files only; use staticPodPath"),
    ("staticPodURLHeader", "static pods come from files only"),
    (
        "streamingConnectionIdleTimeout",
        "the runtime decides when a silent stream ends",
    ),
    ("systemCgroups", "other processes stay in their cgroups"),
    ("topologyManagerPolicyOptions", "there is no topology manager"),
    ("topologyManagerScope", "there is no topology manager"),
    ("tracing", "no traces are sent"),
    ("volumePluginDir", "there are no flexvolumes"),
];

/// The fields without effect that say something else than their defaults.
fn asked_for(configuration: &KubeletConfiguration) -> Vec<(&'static str, &'static str)> {
    let value = |configuration: &KubeletConfiguration| serde_json::to_value(configuration).unwrap_or_default();
    let (own, default) = (value(configuration), value(&KubeletConfiguration::with_defaults()));
    let set = |field: &str| own.get(field).filter(|value| **value != Value::Null);
    let differs = |field: &str| set(field).is_some_and(|value| default.get(field) != Some(value));
    FIELDS.iter().copied().filter(|(field, _)| differs(field)).collect()
}

/// Says what was asked for and is not done.
pub(super) fn warn(options: &KubeletOptions) {
    for (field, instead) in asked_for(&options.configuration) {
        tracing::error!(field, instead, "this kubelet does nothing with the field");
    }
    let flags = &options.flags;
    for (value, flag) in [
        (&flags.lock_file, "--lock-file"),
        (&flags.runtime_cgroups, "--runtime-cgroups"),
        (&flags.experimental_mounter_path, "--experimental-mounter-path"),
    ] {
        if !value.is_empty() {
            tracing::error!(flag, value, "this kubelet does nothing with the flag");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_one_and_only_what_was_asked_for_is_told() {
        let defaults = KubeletConfiguration::with_defaults();
        assert_eq!(asked_for(&defaults), []);
        let mut own = defaults;
        own.shutdown_grace_period = component_base::GoDuration::from_secs(30);
        "/kubelet".clone_into(&mut own.kubelet_cgroups);
        let told: Vec<_> = asked_for(&own).into_iter().map(|(field, _)| field).collect();
        assert_eq!(told, ["kubeletCgroups", "shutdownGracePeriod"]);
        // What is left out of the published form when empty cannot be looked up there.
        let hidden = ["tracing"];
        let published = serde_json::to_value(KubeletConfiguration::with_defaults()).expect("a value");
        for (field, _) in FIELDS {
            assert!(published.get(field).is_some() || hidden.contains(field), "{field}");
        }
    }
}
