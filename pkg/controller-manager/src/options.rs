//! The command line.

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use component_base::logs::LoggingConfiguration;
use component_base::metrics::MetricsOptions;
use component_base::options::{ComponentVersionOptions, EffectiveVersion, SecureServingOptions};
use component_server::{DelegatingAuthenticationOptions, DelegatingAuthorizationOptions};
use controller::KubeControllerManagerConfiguration;

use crate::selection;

/// Flags that make no sense; the text is upstream's.
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
pub struct ControllerManagerOptions {
    /// The manager's and the controllers' settings.
    pub config: KubeControllerManagerConfiguration,
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
    /// The API server's address, over that of the kubeconfig.
    pub master: String,
    /// How the API server is reached.
    pub kubeconfig: String,
    /// How long the controllers have to end.
    pub shutdown_timeout: GoDuration,
}

impl Default for ControllerManagerOptions {
    fn default() -> Self {
        let table = crate::descriptors();
        let mut config = KubeControllerManagerConfiguration::default();
        config.generic.known = table.iter().map(|descriptor| descriptor.name).collect();
        config.generic.known.sort_unstable();
        config.generic.disabled_by_default = table
            .iter()
            .filter(|descriptor| descriptor.disabled_by_default)
            .map(|descriptor| descriptor.name)
            .collect();
        config.generic.absent = crate::ABSENT.iter().map(|absent| absent.name).collect();
        Self {
            config,
            serving: SecureServingOptions::new(10257, "kube-controller-manager", ""),
            authentication: DelegatingAuthenticationOptions::default(),
            authorization: DelegatingAuthorizationOptions::default(),
            metrics: MetricsOptions::default(),
            logging: LoggingConfiguration::default(),
            versions: ComponentVersionOptions::default(),
            master: String::new(),
            kubeconfig: String::new(),
            shutdown_timeout: GoDuration::from_secs(10),
        }
    }
}

impl Flags for ControllerManagerOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.config.add_flags(flags);
        self.serving.add_flags(flags);
        self.authentication.add_flags(flags);
        self.authorization.add_flags(flags);
        self.metrics.add_flags(flags);
        self.logging.add_flags(flags);
        flags.section("misc");
        flags.add(
            "master",
            &mut self.master,
            "the address of the API server, over that of the kubeconfig",
        );
        flags.add(
            "kubeconfig",
            &mut self.kubeconfig,
            "the kubeconfig with which the API server is reached",
        );
        flags.section("generic").add(
            "controller-shutdown-timeout",
            &mut self.shutdown_timeout,
            "how long the controllers have to end before the process does",
        );
        self.versions.add_flags(flags);
    }
}

impl ControllerManagerOptions {
    /// Checks everything and resolves what depends on several flags.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn complete(&mut self) -> Result<EffectiveVersion, OptionsError> {
        let table = crate::descriptors();
        let mut errors = self.config.validate(&selection::known_names(&table));
        if self.config.generic.leader_migration_enabled {
            errors.push("--enable-leader-migration is not supported by this release".to_owned());
        }
        if let Err(error) = self.serving.validate() {
            errors.push(error.to_string());
        }
        if let Err(error) = self.metrics.complete() {
            errors.push(error.to_string());
        }
        let versions = match self.versions.complete() {
            Ok(versions) if errors.is_empty() => versions,
            Ok(_) => return Err(OptionsError(errors)),
            Err(error) => {
                errors.insert(0, error.to_string());
                return Err(OptionsError(errors));
            }
        };
        self.config
            .generic
            .client_connection
            .kubeconfig
            .clone_from(&self.kubeconfig);
        let ranges = self.config.node_ipam_controller.service_cidr.clone();
        if let Some((first, second)) = ranges.split_once(',') {
            first.clone_into(&mut self.config.node_ipam_controller.service_cidr);
            second.clone_into(&mut self.config.node_ipam_controller.secondary_service_cidr);
        }
        Ok(versions)
    }
}
