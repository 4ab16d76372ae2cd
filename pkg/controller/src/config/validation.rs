//! What settings may not be.

use super::{CsrSigningConfiguration, KubeControllerManagerConfiguration};

/// A bound of a flag.
struct Bound {
    flag: &'static str,
    value: i32,
    least: i32,
    most: i32,
}

fn signing_files(files: &CsrSigningConfiguration) -> Result<(), &'static str> {
    match (files.cert_file.is_empty(), files.key_file.is_empty()) {
        (true, true) | (false, false) => Ok(()),
        (true, false) => Err("cannot specify key without cert"),
        (false, true) => Err("cannot specify cert without key"),
    }
}

impl KubeControllerManagerConfiguration {
    /// Everything that is wrong, in upstream's words. `known` are the controllers' names with their aliases.
    #[must_use]
    pub fn validate(&self, known: &[&str]) -> Vec<String> {
        let mut errors = Vec::new();
        for word in self.generic.controllers.iter().filter(|word| *word != "*") {
            let name = word.strip_prefix('-').unwrap_or(word);
            if !known.contains(&name) {
                errors.push(format!("{name:?} is not in the list of known controllers"));
            }
        }
        if self.generic.leader_election.leader_elect && self.generic.leader_election.resource_lock != "leases" {
            errors.push("resourceLock value must be \"leases\"".to_owned());
        }
        let cloud = &self.kube_cloud_shared;
        if !cloud.cloud_provider.name.is_empty() && cloud.cloud_provider.name != "external" {
            errors.push(format!(
                "cloud provider {:?} was specified, but built-in cloud providers are disabled. Please set --cloud-provider=external and migrate to an external cloud provider",
                cloud.cloud_provider.name
            ));
        }
        if !cloud.cidr_allocator_type.is_empty() && cloud.cidr_allocator_type != "RangeAllocator" {
            errors.push(format!(
                "built-in cloud providers are disabled. The ipam {} is not available",
                cloud.cidr_allocator_type
            ));
        }
        if self.attach_detach_controller.reconciler_sync_loop_period < component_base::GoDuration::from_secs(1) {
            errors.push(
                "duration time must be greater than one second as set via command line option reconcile-sync-loop-period"
                    .to_owned(),
            );
        }
        if self.node_ipam_controller.service_cidr.split(',').count() > 2 {
            errors.push("--service-cluster-ip-range can not contain more than two entries".to_owned());
        }
        self.validate_signing(&mut errors);
        self.validate_bounds(&mut errors);
        errors
    }

    fn validate_signing(&self, errors: &mut Vec<String>) {
        let signing = &self.csr_signing_controller;
        let signers = [
            ("cluster-signing-kubelet-serving", &signing.kubelet_serving),
            ("cluster-signing-kube-apiserver-client", &signing.kubelet_client),
            ("cluster-signing-kube-apiserver", &signing.kube_apiserver_client),
            ("cluster-signing-legacy-unknown", &signing.legacy_unknown),
        ];
        for (name, files) in signers {
            if let Err(reason) = signing_files(files) {
                errors.push(format!("{name:?}: {reason}"));
            }
        }
        let single = !signing.cluster_signing_cert_file.is_empty() || !signing.cluster_signing_key_file.is_empty();
        let specific = signers
            .iter()
            .any(|(_, files)| !files.cert_file.is_empty() || !files.key_file.is_empty());
        if single && specific {
            errors.push(
                "cannot specify --cluster-signing-{cert,key}-file and other --cluster-signing-*-file flags at the same time"
                    .to_owned(),
            );
        }
    }

    fn validate_bounds(&self, errors: &mut Vec<String>) {
        let at_least_one = [
            ("concurrent-job-syncs", self.job_controller.concurrent_syncs),
            ("concurrent-cron-job-syncs", self.cron_job_controller.concurrent_syncs),
            (
                "concurrent-statefulset-syncs",
                self.stateful_set_controller.concurrent_syncs,
            ),
            (
                "concurrent-ephemeralvolume-syncs",
                self.ephemeral_volume_controller.concurrent_syncs,
            ),
        ];
        for (flag, value) in at_least_one.into_iter().filter(|(_, value)| *value < 1) {
            errors.push(format!("{flag} must be greater than 0, but got {value}"));
        }
        let claims = self.resource_claim_controller.concurrent_syncs;
        if claims < 1 {
            errors.push(format!(
                "concurrent-resourceclaim-syncs must be larger than 0, got {claims}"
            ));
        }
        let devices = self.device_taint_eviction_controller.concurrent_syncs;
        if devices < 1 {
            errors.push(format!(
                "concurrent-device-taint-eviction-syncs must be greater than zero, got {devices}"
            ));
        }
        let (slices, mirroring) = (
            &self.endpoint_slice_controller,
            &self.endpoint_slice_mirroring_controller,
        );
        let bound = |flag, value, most| Bound {
            flag,
            value,
            least: 1,
            most,
        };
        let bounds = [
            bound("concurrent-service-endpoint-syncs", slices.concurrent_syncs, 50),
            bound("max-endpoints-per-slice", slices.max_endpoints_per_slice, 1000),
            bound(
                "mirroring-concurrent-service-endpoint-syncs",
                mirroring.concurrent_syncs,
                50,
            ),
            bound(
                "mirroring-max-endpoints-per-subset",
                mirroring.max_endpoints_per_subset,
                1000,
            ),
        ];
        for Bound {
            flag,
            value,
            least,
            most,
        } in bounds
        {
            if value < least {
                errors.push(format!("{flag} must not be less than {least}, but got {value}"));
            } else if value > most {
                errors.push(format!("{flag} must not be more than {most}, but got {value}"));
            }
        }
    }
}
