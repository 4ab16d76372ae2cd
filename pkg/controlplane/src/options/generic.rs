//! The flags of a server whatever it serves: times, limits, addresses.

use std::{net::IpAddr, time::Duration};

use component_base::{
    GoDuration,
    flags::{FlagSet, Flags},
    options::DebuggingConfiguration,
};

/// Times do not run backwards.
fn not_negative(flag: &str, value: GoDuration) -> Result<(), String> {
    if value < GoDuration::default() {
        return Err(format!("--{flag} can not be negative value"));
    }
    Ok(())
}

/// Times, limits and addresses.
#[derive(Clone, Debug)]
pub struct GenericOptions {
    /// `--advertise-address`
    pub advertise_address: Option<IpAddr>,
    /// `--external-hostname`
    pub external_hostname: String,
    /// `--enable-priority-and-fairness`
    pub priority_and_fairness: bool,
    /// `--max-requests-inflight`
    pub max_requests_inflight: i64,
    /// `--max-mutating-requests-inflight`
    pub max_mutating_requests_inflight: i64,
    /// `--request-timeout`
    pub request_timeout: GoDuration,
    /// `--min-request-timeout`, in seconds.
    pub min_request_timeout: i64,
    /// `--goaway-chance`
    pub goaway_chance: f64,
    /// `--livez-grace-period`
    pub livez_grace_period: GoDuration,
    /// `--shutdown-delay-duration`
    pub shutdown_delay: GoDuration,
    /// `--shutdown-watch-termination-grace-period`
    pub shutdown_watch_grace_period: GoDuration,
    /// `--shutdown-send-retry-after`
    pub shutdown_send_retry_after: bool,
    /// `--send-retry-after-while-not-ready-once`
    pub send_retry_after_while_not_ready_once: bool,
    /// `--strict-transport-security-directives`
    pub hsts_directives: Vec<String>,
    /// `--cors-allowed-origins`: regular expressions.
    pub cors_allowed_origins: Vec<String>,
    /// `--storage-initialization-timeout`
    pub storage_initialization_timeout: GoDuration,
    /// `--profiling`, `--contention-profiling`
    pub debugging: DebuggingConfiguration,
    /// `--debug-socket-path`: a socket that serves `/debug/flags` and `/debug/pprof`; empty for none.
    pub debug_socket_path: String,
    /// `--enable-aggregator-routing`: whether Services are reached by their endpoints, not by their cluster IPs.
    pub aggregator_routing: bool,
}

impl Default for GenericOptions {
    fn default() -> Self {
        Self {
            advertise_address: None,
            external_hostname: String::new(),
            priority_and_fairness: true,
            max_requests_inflight: 400,
            max_mutating_requests_inflight: 200,
            request_timeout: GoDuration::from_secs(60),
            min_request_timeout: 1800,
            goaway_chance: 0.0,
            livez_grace_period: GoDuration::default(),
            shutdown_delay: GoDuration::default(),
            shutdown_watch_grace_period: GoDuration::default(),
            shutdown_send_retry_after: false,
            send_retry_after_while_not_ready_once: false,
            hsts_directives: Vec::new(),
            cors_allowed_origins: Vec::new(),
            storage_initialization_timeout: GoDuration::from_secs(60),
            debugging: DebuggingConfiguration::default(),
            debug_socket_path: String::new(),
            aggregator_routing: false,
        }
    }
}

impl GenericOptions {
    /// Checks ranges, in upstream's words.
    ///
    /// # Errors
    /// The first option that is out of range.
    pub fn validate(&self) -> Result<(), String> {
        for (flag, value) in [
            ("max-requests-inflight", self.max_requests_inflight),
            ("max-mutating-requests-inflight", self.max_mutating_requests_inflight),
            ("min-request-timeout", self.min_request_timeout),
        ] {
            if value < 0 {
                return Err(format!("--{flag} can not be negative value"));
            }
        }
        for (flag, value) in [
            ("request-timeout", self.request_timeout),
            ("livez-grace-period", self.livez_grace_period),
            ("shutdown-delay-duration", self.shutdown_delay),
            (
                "shutdown-watch-termination-grace-period",
                self.shutdown_watch_grace_period,
            ),
            ("storage-initialization-timeout", self.storage_initialization_timeout),
        ] {
            not_negative(flag, value)?;
        }
        if !(0.0..=0.02).contains(&self.goaway_chance) {
            return Err("--goaway-chance can not be less than 0 or greater than 0.02".to_owned());
        }
        self.strict_transport_security().map(drop)
    }

    /// The value of `Strict-Transport-Security`; empty for none.
    ///
    /// # Errors
    /// A directive that does not exist.
    pub fn strict_transport_security(&self) -> Result<String, String> {
        let mut max_age = false;
        for directive in &self.hsts_directives {
            let known = match directive.split_once('=') {
                Some(("max-age", seconds)) => {
                    max_age = true;
                    seconds.parse::<u64>().is_ok()
                }
                _ => matches!(directive.as_str(), "includeSubDomains" | "preload"),
            };
            if !known {
                return Err(format!(
                    "--strict-transport-security-directives invalid, allowed values: max-age=expireTime, \
                     includeSubDomains, preload. see https://tools.ietf.org/html/rfc6797#section-6.1 for more \
                     information; {directive:?} is not one of them"
                ));
            }
        }
        if !self.hsts_directives.is_empty() && !max_age {
            return Err("--strict-transport-security-directives invalid, max-age is required".to_owned());
        }
        Ok(self.hsts_directives.join("; "))
    }

    /// How long requests that are not long-running may take; `None` for ever.
    #[must_use]
    pub fn request_limit(&self) -> Option<Duration> {
        Some(self.request_timeout.to_std()).filter(|limit| !limit.is_zero())
    }
}

impl Flags for GenericOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("generic")
            .add(
                "advertise-address",
                &mut self.advertise_address,
                "address under which the cluster reaches this server; by default the bound one, or the host's",
            )
            .add(
                "external-hostname",
                &mut self.external_hostname,
                "name under which clients outside reach this server",
            )
            .add(
                "enable-priority-and-fairness",
                &mut self.priority_and_fairness,
                "limit requests by flows and priority levels, not by their number",
            )
            .add(
                "max-requests-inflight",
                &mut self.max_requests_inflight,
                "reading requests under way at once; 0 for no limit",
            )
            .add(
                "max-mutating-requests-inflight",
                &mut self.max_mutating_requests_inflight,
                "mutating requests under way at once; 0 for no limit",
            )
            .add(
                "request-timeout",
                &mut self.request_timeout,
                "how long a request may take that is not long-running",
            )
            .add(
                "min-request-timeout",
                &mut self.min_request_timeout,
                "seconds that a watch lasts at least, twice as many at most",
            )
            .add(
                "goaway-chance",
                &mut self.goaway_chance,
                "how likely a request of HTTP/2 ends its connection, so that clients spread over servers: 0 to 0.02",
            )
            .add(
                "livez-grace-period",
                &mut self.livez_grace_period,
                "how long /livez passes after the start whatever the post-start hooks do",
            )
            .add(
                "shutdown-delay-duration",
                &mut self.shutdown_delay,
                "how long everything is served after the signal to end, with /readyz failing",
            )
            .add(
                "shutdown-watch-termination-grace-period",
                &mut self.shutdown_watch_grace_period,
                "how long watches may take to end",
            )
            .add(
                "shutdown-send-retry-after",
                &mut self.shutdown_send_retry_after,
                "at the end, listen until requests under way are answered, and tell new ones to come back",
            )
            .add(
                "send-retry-after-while-not-ready-once",
                &mut self.send_retry_after_while_not_ready_once,
                "no effect: the server listens only once it can answer",
            )
            .add(
                "strict-transport-security-directives",
                &mut self.hsts_directives,
                "directives of the Strict-Transport-Security header",
            )
            .add(
                "cors-allowed-origins",
                &mut self.cors_allowed_origins,
                "regular expressions of origins that browsers may send requests from",
            )
            .add(
                "storage-initialization-timeout",
                &mut self.storage_initialization_timeout,
                "how long the first list of every resource may take",
            );
        self.debugging.add_flags(flags);
        flags.section("features").add(
            "debug-socket-path",
            &mut self.debug_socket_path,
            "a Unix socket that serves /debug/flags and /debug/pprof to whomever may open it",
        );
        flags.section("misc").add(
            "enable-aggregator-routing",
            &mut self.aggregator_routing,
            "reach the Services of webhooks by their endpoints, not by their cluster IPs",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::GenericOptions;

    #[test]
    fn what_is_wrong() {
        let with = |change: fn(&mut GenericOptions)| {
            let mut options = GenericOptions::default();
            change(&mut options);
            options.validate()
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(
            with(|o| o.hsts_directives = vec!["max-age=1".into(), "preload".into()]),
            Ok(())
        );
        let told = |result: Result<(), String>| result.expect_err("a wrong value");
        assert_eq!(
            told(with(|o| o.goaway_chance = 0.1)),
            "--goaway-chance can not be less than 0 or greater than 0.02"
        );
        assert_eq!(
            told(with(|o| o.min_request_timeout = -1)),
            "--min-request-timeout can not be negative value"
        );
        assert!(told(with(|o| o.hsts_directives = vec!["x".into()])).contains("allowed values"));
    }
}
