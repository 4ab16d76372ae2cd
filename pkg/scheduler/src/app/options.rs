//! The command line.

use std::path::Path;

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use component_base::logs::LoggingConfiguration;
use component_base::metrics::MetricsOptions;
use component_base::options::{
    ClientConnectionConfiguration, ComponentVersionOptions, DebuggingConfiguration, EffectiveVersion,
    LeaderElectionConfiguration, SecureServingOptions,
};
use component_server::{DelegatingAuthenticationOptions, DelegatingAuthorizationOptions};
use scheduler_framework::config::{self, ConfigGates, KubeSchedulerConfiguration, LOCK_NAME};

const COMPONENT: &str = "kube-scheduler";
const PORT: u16 = 10259;

/// Flags or a file that make no sense; the text is upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", aggregate(.0))]
pub struct OptionsError(pub Vec<String>);

fn aggregate(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// Everything that can be said on the command line.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// The configuration file.
    pub config_file: String,
    /// Where the configuration is written to, for the program to end then.
    pub write_config_to: String,
    /// The API server's address, over that of the kubeconfig.
    pub master: String,
    /// The secure port.
    pub serving: SecureServingOptions,
    /// How callers are found out.
    pub authentication: DelegatingAuthenticationOptions,
    /// What callers may do.
    pub authorization: DelegatingAuthorizationOptions,
    /// Metrics.
    pub metrics: MetricsOptions,
    /// The log.
    pub logging: LoggingConfiguration,
    /// Feature gates and versions.
    pub versions: ComponentVersionOptions,
    election: LeaderElectionConfiguration,
    connection: ClientConnectionConfiguration,
    debugging: DebuggingConfiguration,
    max_unschedulable: GoDuration,
    api_over_localhost: bool,
}

/// The options, checked and put together with the file.
pub struct Complete {
    /// The configuration.
    pub config: KubeSchedulerConfiguration,
    /// The gates and versions.
    pub versions: EffectiveVersion,
    /// After how long an unschedulable pod is tried again without an event.
    pub max_unschedulable: GoDuration,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            config_file: String::new(),
            write_config_to: String::new(),
            master: String::new(),
            serving: SecureServingOptions::new(PORT, COMPONENT, ""),
            authentication: DelegatingAuthenticationOptions::default(),
            authorization: DelegatingAuthorizationOptions::default(),
            metrics: MetricsOptions::default(),
            logging: LoggingConfiguration::default(),
            versions: ComponentVersionOptions::default(),
            election: LeaderElectionConfiguration::for_component(LOCK_NAME),
            connection: ClientConnectionConfiguration::default(),
            debugging: DebuggingConfiguration {
                enable_contention_profiling: true,
                ..DebuggingConfiguration::default()
            },
            max_unschedulable: GoDuration::from_secs(300),
            api_over_localhost: false,
        }
    }
}

impl Flags for SchedulerOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("misc");
        flags.add(
            "config",
            &mut self.config_file,
            "the configuration file; the deprecated flags are not looked at beside it",
        );
        flags.add(
            "write-config-to",
            &mut self.write_config_to,
            "write the configuration to this file and exit",
        );
        flags.add(
            "master",
            &mut self.master,
            "the address of the API server, over that of the kubeconfig",
        );
        flags
            .add(
                "unsupported-kube-api-over-localhost",
                &mut self.api_over_localhost,
                "has no effect",
            )
            .hidden();
        self.serving.add_flags(flags);
        self.authentication.add_flags(flags);
        self.authorization.add_flags(flags);
        self.election.add_flags(flags);
        flags.section("deprecated");
        const ADVICE: &str = "this flag is ignored if a config file is specified in --config.";
        let connection = &mut self.connection;
        flags.add(
            "profiling",
            &mut self.debugging.enable_profiling,
            "serve profiles under host:port/debug/pprof/",
        );
        flags.add(
            "contention-profiling",
            &mut self.debugging.enable_contention_profiling,
            "profile waiting on locks as well, if profiling is on",
        );
        flags.add(
            "kubeconfig",
            &mut connection.kubeconfig,
            "the kubeconfig with which the API server is reached",
        );
        flags.add(
            "kube-api-content-type",
            &mut connection.content_type,
            "the content type of requests to the API server; accepted, requests are JSON",
        );
        flags.add(
            "kube-api-qps",
            &mut connection.qps,
            "how many requests a second are sent; below 0 any number",
        );
        flags.add(
            "kube-api-burst",
            &mut connection.burst,
            "how many requests are sent at once",
        );
        flags
            .add(
                "pod-max-in-unschedulable-pods-duration",
                &mut self.max_unschedulable,
                "after how long an unschedulable pod is tried again without an event that may have helped it",
            )
            .deprecated(ADVICE);
        self.metrics.add_flags(flags);
        self.logging.add_flags(flags);
        self.versions.add_flags(flags);
    }
}

impl SchedulerOptions {
    /// Lays flags over a configuration: of a file only those of the election that were given.
    fn lay_over(&self, config: &mut KubeSchedulerConfiguration, given: &[&str]) {
        if self.config_file.is_empty() {
            config.enable_profiling = self.debugging.enable_profiling;
            config.enable_contention_profiling = self.debugging.enable_contention_profiling;
            config.client_connection = self.connection.clone();
        }
        let (from, to) = (&self.election, &mut config.leader_election);
        for flag in given {
            match *flag {
                "leader-elect" => to.leader_elect = from.leader_elect,
                "leader-elect-lease-duration" => to.lease_duration = from.lease_duration,
                "leader-elect-renew-deadline" => to.renew_deadline = from.renew_deadline,
                "leader-elect-retry-period" => to.retry_period = from.retry_period,
                "leader-elect-resource-lock" => to.resource_lock.clone_from(&from.resource_lock),
                "leader-elect-resource-name" => to.resource_name.clone_from(&from.resource_name),
                "leader-elect-resource-namespace" => to.resource_namespace.clone_from(&from.resource_namespace),
                _ => {}
            }
        }
    }

    /// Checks everything, reads the file and lays the flags over it. `given` are the flags of the command line.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn complete(&mut self, given: &[&str]) -> Result<Complete, OptionsError> {
        let one = |error: &dyn std::error::Error| OptionsError(vec![error.to_string()]);
        let versions = self.versions.complete().map_err(|error| one(&error))?;
        let gates = ConfigGates::from_gates(&versions.gates);
        let mut config = if self.config_file.is_empty() {
            config::default_configuration(gates)
        } else {
            config::load(Path::new(&self.config_file), gates).map_err(|error| one(&error))?
        };
        self.lay_over(&mut config, given);
        let mut errors = config::validation::validate(&config, gates);
        if let Err(error) = self.serving.validate() {
            errors.push(error.to_string());
        }
        if let Err(error) = self.metrics.complete() {
            errors.push(error.to_string());
        }
        if !errors.is_empty() {
            return Err(OptionsError(errors));
        }
        Ok(Complete {
            config,
            versions,
            max_unschedulable: self.max_unschedulable,
        })
    }
}
