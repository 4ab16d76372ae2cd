//! Flags that are taken because clients and installers give them, and what becomes of them here.
//!
//! A flag whose effect would be missed is refused with a clear error; one that tunes what this server does by itself is
//! taken and has no effect.

use component_base::{
    GoDuration,
    flags::{FlagSet, Flags},
};

/// The one version that this server is.
const VERSION: &str = "1.36";

/// See the module.
#[derive(Clone, Debug)]
pub struct CompatibleOptions {
    emulated_version: Vec<String>,
    min_compatibility_version: Vec<String>,
    emulation_forward_compatible: bool,
    etcd_count_metric_poll_period: GoDuration,
    delete_collection_workers: i64,
    other: OtherOptions,
}

impl Default for CompatibleOptions {
    fn default() -> Self {
        Self {
            emulated_version: Vec::new(),
            min_compatibility_version: Vec::new(),
            emulation_forward_compatible: false,
            etcd_count_metric_poll_period: GoDuration::from_secs(60),
            delete_collection_workers: 1,
            other: OtherOptions::default(),
        }
    }
}

/// Those of servers beside this one.
#[derive(Clone, Debug)]
struct OtherOptions {
    egress_selector_config_file: String,
    tracing_config_file: String,
    signing_endpoint: String,
    aggregator_reject_forwarding_redirect: bool,
    enable_logs_handler: bool,
    leadership_lease_duration: GoDuration,
    leadership_renew_deadline: GoDuration,
    leadership_retry_period: GoDuration,
    peer_advertise_ip: String,
    peer_advertise_port: String,
    peer_ca_file: String,
    proxy_client_cert_file: String,
    proxy_client_key_file: String,
}

impl Default for OtherOptions {
    fn default() -> Self {
        Self {
            egress_selector_config_file: String::new(),
            tracing_config_file: String::new(),
            signing_endpoint: String::new(),
            aggregator_reject_forwarding_redirect: true,
            enable_logs_handler: false,
            leadership_lease_duration: GoDuration::from_secs(15),
            leadership_renew_deadline: GoDuration::from_secs(10),
            leadership_retry_period: GoDuration::from_secs(2),
            peer_advertise_ip: String::new(),
            peer_advertise_port: String::new(),
            peer_ca_file: String::new(),
            proxy_client_cert_file: String::new(),
            proxy_client_key_file: String::new(),
        }
    }
}

impl CompatibleOptions {
    /// Refuses what would be missed.
    ///
    /// # Errors
    /// The flag that this server does not implement, or a value that is none.
    pub fn validate(&self) -> Result<(), String> {
        for (flag, value) in [
            ("egress-selector-config-file", &self.other.egress_selector_config_file),
            ("tracing-config-file", &self.other.tracing_config_file),
            ("service-account-signing-endpoint", &self.other.signing_endpoint),
        ] {
            if !value.is_empty() {
                return Err(format!("--{flag} is not implemented by this server"));
            }
        }
        if self.delete_collection_workers < 1 {
            return Err("--delete-collection-workers must be greater than 0".to_owned());
        }
        for (flag, versions) in [
            ("emulated-version", &self.emulated_version),
            ("min-compatibility-version", &self.min_compatibility_version),
        ] {
            // `kube=1.36` or `1.36`.
            let other = versions.iter().find(|version| {
                version
                    .rsplit('=')
                    .next()
                    .map(|version| version.trim_start_matches('v'))
                    != Some(VERSION)
            });
            if let Some(other) = other {
                return Err(format!(
                    "--{flag} {other:?}: this server is version {VERSION} and no other"
                ));
            }
        }
        if self.other.proxy_client_cert_file.is_empty() != self.other.proxy_client_key_file.is_empty() {
            return Err("--proxy-client-cert-file and --proxy-client-key-file must be specified together".to_owned());
        }
        Ok(())
    }
}

impl Flags for CompatibleOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("generic")
            .add(
                "emulated-version",
                &mut self.emulated_version,
                "the version to be: 1.36",
            )
            .add(
                "min-compatibility-version",
                &mut self.min_compatibility_version,
                "the oldest version to be compatible with: 1.36",
            )
            .add(
                "emulation-forward-compatible",
                &mut self.emulation_forward_compatible,
                "no effect: no other version is emulated",
            );
        flags
            .section("storage")
            .add(
                "etcd-count-metric-poll-period",
                &mut self.etcd_count_metric_poll_period,
                "no effect: the caches know how many objects there are",
            )
            .add(
                "delete-collection-workers",
                &mut self.delete_collection_workers,
                "no effect: collections are deleted as fast as the store takes it",
            );
        self.other.add_flags(flags);
    }
}

impl Flags for OtherOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("egress selector").add(
            "egress-selector-config-file",
            &mut self.egress_selector_config_file,
            "not implemented, refused: this server connects to nodes, webhooks and etcd by itself",
        );
        flags.section("traces").add(
            "tracing-config-file",
            &mut self.tracing_config_file,
            "not implemented, refused: this server exports no traces",
        );
        flags
            .section("misc")
            .add(
                "service-account-signing-endpoint",
                &mut self.signing_endpoint,
                "not implemented, refused: tokens are signed with --service-account-signing-key-file",
            )
            .add(
                "aggregator-reject-forwarding-redirect",
                &mut self.aggregator_reject_forwarding_redirect,
                "no effect without aggregated APIs",
            )
            .add(
                "enable-logs-handler",
                &mut self.enable_logs_handler,
                "no effect: /logs is not served",
            )
            .add(
                "coordinated-leadership-lease-duration",
                &mut self.leadership_lease_duration,
                "no effect: no leader is elected for others",
            )
            .add(
                "coordinated-leadership-renew-deadline",
                &mut self.leadership_renew_deadline,
                "no effect: no leader is elected for others",
            )
            .add(
                "coordinated-leadership-retry-period",
                &mut self.leadership_retry_period,
                "no effect: no leader is elected for others",
            )
            .add(
                "peer-advertise-ip",
                &mut self.peer_advertise_ip,
                "no effect: requests are not passed on to servers of other versions",
            )
            .add(
                "peer-advertise-port",
                &mut self.peer_advertise_port,
                "no effect: requests are not passed on to servers of other versions",
            )
            .add(
                "peer-ca-file",
                &mut self.peer_ca_file,
                "no effect: see peer-advertise-ip",
            )
            .add(
                "proxy-client-cert-file",
                &mut self.proxy_client_cert_file,
                "certificate that this server shows to aggregated servers and webhooks",
            )
            .add(
                "proxy-client-key-file",
                &mut self.proxy_client_key_file,
                "key of the certificate that this server shows to aggregated servers and webhooks",
            );
    }
}

#[cfg(test)]
mod tests {
    use super::CompatibleOptions;

    #[test]
    fn what_would_be_missed_is_refused() {
        let with = |change: fn(&mut CompatibleOptions)| {
            let mut options = CompatibleOptions::default();
            change(&mut options);
            options.validate()
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|o| o.emulated_version = vec!["kube=1.36".into()]), Ok(()));
        let cases = [
            (
                with(|o| o.other.tracing_config_file = "x".into()),
                "--tracing-config-file is not implemented by this server",
            ),
            (
                with(|o| o.emulated_version = vec!["1.35".into()]),
                "--emulated-version \"1.35\": this server is version 1.36 and no other",
            ),
            (
                with(|o| o.other.proxy_client_cert_file = "x".into()),
                "--proxy-client-cert-file and --proxy-client-key-file must be specified together",
            ),
        ];
        for (result, message) in cases {
            assert_eq!(result.expect_err(message), message);
        }
    }
}
