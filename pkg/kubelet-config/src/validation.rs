//! What a configuration must satisfy, in upstream's words. Every fault is reported.

use std::fmt;
use std::path::{Component, Path};

use component_base::GoDuration;
use component_base::feature_gates::{Feature, FeatureGates};
use component_base::metrics::MetricsOptions;
use kubelet_types::image::ImageList;

use crate::configuration::KubeletConfiguration;

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError(pub Vec<String>);

impl fmt::Display for ValidationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => formatter.write_str(one),
            many => write!(formatter, "[{}]", many.join(", ")),
        }
    }
}

impl std::error::Error for ValidationError {}

struct Errors(Vec<String>);

impl Errors {
    fn check(&mut self, good: bool, words: impl FnOnce() -> String) {
        if !good {
            self.0.push(format!("invalid configuration: {}", words()));
        }
    }

    fn not_negative(&mut self, field: &str, flag: &str, value: i64) {
        self.check(value >= 0, || {
            format!("{field} (--{flag}) {value} must not be a negative number")
        });
    }

    fn between(&mut self, field: &str, flag: &str, value: i64, (least, most): (i64, i64)) {
        self.check((least..=most).contains(&value), || {
            format!("{field} (--{flag}) {value} must be between {least} and {most}, inclusive")
        });
    }
}

/// Checks a complete configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub fn validate(configuration: &KubeletConfiguration, gates: &FeatureGates) -> Result<(), ValidationError> {
    let mut errors = Errors(Vec::new());
    numbers(configuration, &mut errors);
    durations(configuration, gates, &mut errors);
    images(configuration, gates, &mut errors);
    policies(configuration, gates, &mut errors);
    enforcement(configuration, &mut errors);
    taints(configuration, &mut errors);
    shutdown(configuration, gates, &mut errors);
    logs(configuration, gates, &mut errors);
    for reserved in [&configuration.kube_reserved, &configuration.system_reserved] {
        if let Err(error) = crate::values::resource_list(reserved) {
            errors.0.push(error);
        }
    }
    if errors.0.is_empty() {
        Ok(())
    } else {
        Err(ValidationError(errors.0))
    }
}

fn numbers(kc: &KubeletConfiguration, errors: &mut Errors) {
    errors.check(kc.node_lease_duration_seconds > 0, || {
        "nodeLeaseDurationSeconds must be greater than 0".to_owned()
    });
    errors.check(kc.system_cgroups.is_empty() || !kc.cgroup_root.is_empty(), || {
        "systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified".to_owned()
    });
    for (field, flag, value) in [
        ("eventBurst", "event-burst", i64::from(kc.event_burst)),
        ("eventRecordQPS", "event-qps", i64::from(kc.event_record_qps)),
        ("kubeAPIBurst", "kube-api-burst", i64::from(kc.kube_api_burst)),
        ("kubeAPIQPS", "kube-api-qps", i64::from(kc.kube_api_qps)),
        ("maxOpenFiles", "max-open-files", kc.max_open_files),
        ("maxPods", "max-pods", i64::from(kc.max_pods)),
        ("podsPerCore", "pods-per-core", i64::from(kc.pods_per_core)),
        ("registryBurst", "registry-burst", i64::from(kc.registry_burst)),
        ("registryPullQPS", "registry-qps", i64::from(kc.registry_pull_qps)),
    ] {
        errors.not_negative(field, flag, value);
    }
    if kc.healthz_port != 0 {
        errors.between("healthzPort", "healthz-port", i64::from(kc.healthz_port), (1, 65535));
    }
    errors.between("port", "port", i64::from(kc.port), (1, 65535));
    errors.between(
        "readOnlyPort",
        "read-only-port",
        i64::from(kc.read_only_port),
        (0, 65535),
    );
    for (field, flag, value, range) in [
        (
            "imageGCHighThresholdPercent",
            "image-gc-high-threshold",
            kc.image_gc_high_threshold_percent,
            (0, 100),
        ),
        (
            "imageGCLowThresholdPercent",
            "image-gc-low-threshold",
            kc.image_gc_low_threshold_percent,
            (0, 100),
        ),
        ("iptablesDropBit", "iptables-drop-bit", kc.iptables_drop_bit, (0, 31)),
        (
            "iptablesMasqueradeBit",
            "iptables-masquerade-bit",
            kc.iptables_masquerade_bit,
            (0, 31),
        ),
    ] {
        errors.between(field, flag, i64::from(value), range);
    }
    errors.check((-1000..=1000).contains(&kc.oom_score_adj), || {
        format!(
            "oomScoreAdj (--oom-score-adj) {} must be between -1000 and 1000, inclusive",
            kc.oom_score_adj
        )
    });
    errors.check(kc.node_status_max_images >= -1, || {
        format!(
            "nodeStatusMaxImages (--node-status-max-images) {} must be -1 or greater",
            kc.node_status_max_images
        )
    });
    errors.check(kc.address.address().is_some(), || {
        format!("address (--address) {:?} is not a valid IP address", kc.address.0)
    });
    errors.check(kc.healthz_bind_address.address().is_some(), || {
        format!(
            "healthzBindAddress (--healthz-bind-address) {:?} is not a valid IP address",
            kc.healthz_bind_address.0
        )
    });
    errors.check(
        kc.memory_throttling_factor > 0.0 && kc.memory_throttling_factor <= 1.0,
        || {
            format!(
                "memoryThrottlingFactor {} must be greater than 0 and less than or equal to 1.0",
                kc.memory_throttling_factor
            )
        },
    );
}

fn durations(kc: &KubeletConfiguration, gates: &FeatureGates, errors: &mut Errors) {
    let period = kc.cpu_cfs_quota_period;
    if gates.enabled(Feature::CustomCPUCFSQuotaPeriod) {
        let good = (GoDuration::from_millis(1)..=GoDuration::from_secs(1)).contains(&period);
        errors.check(good, || {
            format!("cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {{{period}}} must be between 1ms and 1sec, inclusive")
        });
    } else {
        errors.check(period == GoDuration::from_millis(100), || {
            format!(
                "cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {{{period}}} requires feature gate CustomCPUCFSQuotaPeriod"
            )
        });
    }
    if let Some(most) = kc.crash_loop_back_off.max_container_restart_period {
        let good = (GoDuration::from_secs(1)..=GoDuration::from_secs(300)).contains(&most);
        errors.check(good, || {
            format!(
                "CrashLoopBackOff.MaxContainerRestartPeriod (got: {} seconds) must be set between 1s and 300s",
                most.as_secs_f64()
            )
        });
    }
}

fn images(kc: &KubeletConfiguration, gates: &FeatureGates, errors: &mut Errors) {
    let (low, high) = (kc.image_gc_low_threshold_percent, kc.image_gc_high_threshold_percent);
    errors.check(low < high, || {
        format!("imageGCLowThresholdPercent (--image-gc-low-threshold) {low} must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) {high}")
    });
    let (least, most) = (kc.image_minimum_gc_age, kc.image_maximum_gc_age);
    errors.check(least >= GoDuration::ZERO, || {
        format!("imageMinimumGCAge {least} must not be negative")
    });
    errors.check(most >= GoDuration::ZERO, || {
        format!("imageMaximumGCAge {most} must not be negative")
    });
    errors.check(most <= GoDuration::ZERO || most > least, || {
        format!("imageMaximumGCAge {most} must be greater than imageMinimumGCAge {least}")
    });
    if let Some(pulls) = kc.max_parallel_image_pulls {
        errors.check(pulls >= 1, || {
            format!("maxParallelImagePulls {pulls} must be a positive number")
        });
        errors.check(pulls <= 1 || kc.serialize_image_pulls != Some(true), || {
            "maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false".to_owned()
        });
    }
    let policy = kc.image_pull_credentials_verification_policy.as_str();
    const POLICIES: [&str; 4] = [
        "NeverVerify",
        "NeverVerifyPreloadedImages",
        "NeverVerifyAllowlistedImages",
        "AlwaysVerify",
    ];
    errors.check(POLICIES.contains(&policy), || {
        format!("option {policy:?} specified for imagePullCredentialsVerificationPolicy. Valid options are {:?}, {:?}, {:?} or {:?}", POLICIES[0], POLICIES[1], POLICIES[2], POLICIES[3])
    });
    let list = &kc.preloaded_images_verification_allowlist;
    errors.check(
        list.is_empty() || policy == "NeverVerifyAllowlistedImages",
        || "can't set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVertificationPolicy` is not \"NeverVerifyAllowlistedImages\"".to_owned(),
    );
    if policy == "NeverVerifyAllowlistedImages"
        && let Err(error) = ImageList::new(list)
    {
        errors.check(false, || {
            format!("invalid image pattern in `preloadedImagesVerificationAllowlist`: {error}")
        });
    }
    errors.check(
        !kc.server_tls_bootstrap || gates.enabled(Feature::RotateKubeletServerCertificate),
        || "serverTLSBootstrap true requires feature gate RotateKubeletServerCertificate".to_owned(),
    );
    errors.check(!kc.run_once, || {
        "runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set".to_owned()
    });
}

fn policies(kc: &KubeletConfiguration, gates: &FeatureGates, errors: &mut Errors) {
    const TOPOLOGY: [&str; 4] = ["none", "best-effort", "restricted", "single-numa-node"];
    let policy = kc.topology_manager_policy.as_str();
    errors.check(TOPOLOGY.contains(&policy), || {
        let all: Vec<_> = TOPOLOGY.iter().map(|it| format!("{it:?}")).collect();
        format!(
            "topologyManagerPolicy (--topology-manager-policy) {policy:?} must be one of: [{}]",
            all.join(" ")
        )
    });
    let scope = kc.topology_manager_scope.as_str();
    errors.check(matches!(scope, "container" | "pod"), || {
        format!("topologyManagerScope (--topology-manager-scope) {scope:?} must be one of: \"container\", or \"pod\"")
    });
    let swap = kc.memory_swap.swap_behavior.as_str();
    errors.check(matches!(swap, "" | "NoSwap" | "LimitedSwap"), || {
        format!("memorySwap.swapBehavior {swap:?} must be one of: \"\", \"LimitedSwap\" or \"NoSwap\"")
    });
    let hairpin = kc.hairpin_mode.as_str();
    errors.check(matches!(hairpin, "none" | "hairpin-veth" | "promiscuous-bridge"), || {
        format!("option {hairpin:?} specified for hairpinMode (--hairpin-mode). Valid options are \"none\", \"hairpin-veth\" or \"promiscuous-bridge\"")
    });
    errors.check(matches!(kc.cgroup_driver.as_str(), "cgroupfs" | "systemd"), || {
        format!(
            "cgroupDriver (--cgroup-driver) {:?} must be \"cgroupfs\" or \"systemd\"",
            kc.cgroup_driver
        )
    });
    let mode = kc.authorization.mode.as_str();
    errors.check(matches!(mode, "AlwaysAllow" | "Webhook"), || {
        format!("unknown authorization mode {mode}")
    });
    let reservation = kc.memory_reservation_policy.as_str();
    errors.check(matches!(reservation, "None" | "TieredReservation"), || {
        format!("option {reservation:?} specified for memoryReservationPolicy. Valid options are \"None\" or \"TieredReservation\"")
    });
    errors.check(
        reservation != "TieredReservation" || gates.enabled(Feature::MemoryQoS),
        || format!("memoryReservationPolicy {reservation:?} requires MemoryQoS feature gate to be enabled"),
    );
    errors.check(!kc.container_runtime_endpoint.is_empty(), || {
        "the containerRuntimeEndpoint was not specified or empty".to_owned()
    });
    errors.check(!kc.enable_system_log_query || kc.enable_system_log_handler, || {
        "enableSystemLogHandler is required for enableSystemLogQuery".to_owned()
    });
    let reserved = kc.reserved_system_cpus.is_empty();
    errors.check(reserved || (kc.system_reserved_cgroup.is_empty() && kc.kube_reserved_cgroup.is_empty()), || {
        "can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup (--system-reserved-cgroup) or kubeReservedCgroup (--kube-reserved-cgroup)".to_owned()
    });
}

fn enforcement(kc: &KubeletConfiguration, errors: &mut Errors) {
    const LEVELS: [&str; 6] = [
        "pods",
        "system-reserved",
        "system-reserved-compressible",
        "kube-reserved",
        "kube-reserved-compressible",
        "none",
    ];
    const PLACE: &str = "enforceNodeAllocatable (--enforce-node-allocatable)";
    let list = &kc.enforce_node_allocatable;
    let has = |level: &str| list.iter().any(|it| it == level);
    for part in ["system-reserved", "kube-reserved"] {
        let compressible = format!("{part}-compressible");
        errors.check(!(has(part) && has(&compressible)), || {
            format!("both {part:?} and {compressible:?} cannot be specified together in {PLACE}")
        });
    }
    for (index, level) in list.iter().enumerate() {
        if list[..index].contains(level) {
            errors.check(false, || format!("duplicated enforcements {level:?} in {PLACE}"));
            continue;
        }
        match level.as_str() {
            "pods" => {}
            "system-reserved" | "system-reserved-compressible" => errors.check(!kc.system_reserved_cgroup.is_empty(), || {
                format!("systemReservedCgroup (--system-reserved-cgroup) must be specified when \"system-reserved\" or \"system-reserved-compressible\" included in {PLACE}")
            }),
            "kube-reserved" | "kube-reserved-compressible" => errors.check(!kc.kube_reserved_cgroup.is_empty(), || {
                format!("kubeReservedCgroup (--kube-reserved-cgroup) must be specified when \"kube-reserved\" or \"kube-reserved-compressible\" included in {PLACE}")
            }),
            "none" => {
                errors.check(list.len() == 1, || {
                    format!("{PLACE} may not contain additional enforcements when \"none\" is specified")
                });
                continue;
            }
            other => {
                errors.check(false, || {
                    let [a, b, c, d, e, f] = LEVELS;
                    format!("option {other:?} specified for {PLACE}. Valid options are {a:?}, {b:?}, {c:?}, {d:?}, {e:?} or {f:?}")
                });
                continue;
            }
        }
        errors.check(kc.cgroups_per_qos, || {
            format!("cgroupsPerQOS (--cgroups-per-qos) must be set to true when {level:?} contained in {PLACE}")
        });
    }
}

fn taints(kc: &KubeletConfiguration, errors: &mut Errors) {
    for taint in &kc.register_with_taints.0 {
        let good = apimachinery::names::qualified_name(&taint.key).is_empty()
            && apimachinery::names::label_value(&taint.value).is_empty()
            && matches!(taint.effect.as_str(), "NoSchedule" | "PreferNoSchedule" | "NoExecute");
        if !good {
            errors.0.push(format!(
                "invalid taint: {{{} {} {} <nil>}}",
                taint.key, taint.value, taint.effect
            ));
        }
        errors.check(taint.time_added.is_none(), || "taint.TimeAdded is not nil".to_owned());
    }
}

fn shutdown(kc: &KubeletConfiguration, gates: &FeatureGates, errors: &mut Errors) {
    let (all, critical) = (kc.shutdown_grace_period, kc.shutdown_grace_period_critical_pods);
    errors.check(critical <= all, || {
        format!("shutdownGracePeriodCriticalPods {{{critical}}} must be <= shutdownGracePeriod {{{all}}}")
    });
    for (field, period) in [
        ("shutdownGracePeriod", all),
        ("shutdownGracePeriodCriticalPods", critical),
    ] {
        errors.check(period.is_zero() || period >= GoDuration::from_secs(1), || {
            format!("{field} {{{period}}} must be either zero or otherwise >= 1 sec")
        });
    }
    let any = all > GoDuration::ZERO || critical > GoDuration::ZERO;
    errors.check(!any || gates.enabled(Feature::GracefulNodeShutdown), || {
        "specifying shutdownGracePeriod or shutdownGracePeriodCriticalPods requires feature gate GracefulNodeShutdown".to_owned()
    });
    let by_priority = !kc.shutdown_grace_period_by_pod_priority.is_empty();
    if gates.enabled(Feature::GracefulNodeShutdownBasedOnPodPriority) {
        errors.check(!(by_priority && any), || {
            "Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time".to_owned()
        });
    } else {
        errors.check(!by_priority, || {
            "Specifying shutdownGracePeriodByPodPriority requires feature gate GracefulNodeShutdownBasedOnPodPriority".to_owned()
        });
    }
}

fn logs(kc: &KubeletConfiguration, gates: &FeatureGates, errors: &mut Errors) {
    errors.check(kc.container_log_max_workers >= 1, || {
        "containerLogMaxWorkers must be greater than or equal to 1".to_owned()
    });
    errors.check(kc.container_log_monitor_interval >= GoDuration::from_secs(3), || {
        "containerLogMonitorInterval must be a positive time duration greater than or equal to 3s".to_owned()
    });
    errors.check(kc.container_log_max_files > 1, || {
        "containerLogMaxFiles must be greater than 1".to_owned()
    });
    let directory = Path::new(&kc.pod_logs_dir);
    errors.check(directory.is_absolute(), || {
        format!("pod logs path {:?} must be absolute path", kc.pod_logs_dir)
    });
    let parts = directory
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let clean = parts && directory.components().collect::<std::path::PathBuf>().as_os_str() == directory.as_os_str();
    errors.check(clean, || {
        format!("pod logs path {:?} must be normalized", kc.pod_logs_dir)
    });
    errors.check(kc.pod_logs_dir.is_ascii(), || {
        format!("pod logs path {:?} mut contains ASCII characters only", kc.pod_logs_dir)
    });
    if let Err(error) = kc.logging.validate(gates) {
        errors.0.push(format!("logging.{error}"));
    }
    let mut metrics = MetricsOptions {
        show_hidden_metrics_for_version: kc.show_hidden_metrics_for_version.clone(),
        ..Default::default()
    };
    if let Err(error) = metrics.complete() {
        errors.0.push(error.to_string());
    }
}
