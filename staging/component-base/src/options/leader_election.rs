//! Leader election and client settings, as configuration files and flags have them. The election itself is client-go's.

use serde::{Deserialize, Serialize};

use crate::GoDuration;
use crate::flags::{FlagSet, Flags};

/// How a component elects its leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LeaderElectionConfiguration {
    /// Whether only the leader of several replicas works.
    pub leader_elect: bool,
    /// How long the others wait after the leader's last renewal before they try to take over.
    pub lease_duration: GoDuration,
    /// How long the leader tries to renew before it gives up.
    pub renew_deadline: GoDuration,
    /// The time between two tries.
    pub retry_period: GoDuration,
    /// The kind of lock; `leases` is the only one there is.
    pub resource_lock: String,
    /// The lock's name.
    pub resource_name: String,
    /// The lock's namespace.
    pub resource_namespace: String,
}

impl Default for LeaderElectionConfiguration {
    fn default() -> Self {
        Self {
            leader_elect: true,
            lease_duration: GoDuration::from_secs(15),
            renew_deadline: GoDuration::from_secs(10),
            retry_period: GoDuration::from_secs(2),
            resource_lock: "leases".to_owned(),
            resource_name: String::new(),
            resource_namespace: "kube-system".to_owned(),
        }
    }
}

/// What is wrong with a leader election configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaderElectionError {
    /// A period that must be positive.
    #[error("{field}: Invalid value: {value:?}: must be greater than zero")]
    NotPositive {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// The lease would end before the leader gives up.
    #[error("leaseDuration: Invalid value: {0:?}: must be greater than `RenewDeadline`")]
    LeaseTooShort(String),
    /// An empty name.
    #[error("{0}: Required value")]
    Required(&'static str),
    /// Another kind of lock than `leases`.
    #[error("resourceLock: Invalid value: {0:?}: resourceLock value must be \"leases\"")]
    Lock(String),
}

impl LeaderElectionConfiguration {
    /// A component's defaults: its own name for the lock.
    #[must_use]
    pub fn for_component(name: &str) -> Self {
        Self {
            resource_name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Checks the configuration; one that is switched off is always right.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(&self) -> Result<(), Vec<LeaderElectionError>> {
        if !self.leader_elect {
            return Ok(());
        }
        let mut errors = Vec::new();
        let periods = [
            ("leaseDuration", self.lease_duration),
            ("renewDeadline", self.renew_deadline),
            ("retryPeriod", self.retry_period),
        ];
        for (field, value) in periods {
            if value <= GoDuration::ZERO {
                errors.push(LeaderElectionError::NotPositive {
                    field,
                    value: value.to_string(),
                });
            }
        }
        if self.lease_duration <= self.renew_deadline {
            errors.push(LeaderElectionError::LeaseTooShort(self.renew_deadline.to_string()));
        }
        let names = [
            ("resourceLock", &self.resource_lock),
            ("resourceNamespace", &self.resource_namespace),
            ("resourceName", &self.resource_name),
        ];
        errors.extend(
            names
                .into_iter()
                .filter(|(_, value)| value.is_empty())
                .map(|(field, _)| LeaderElectionError::Required(field)),
        );
        if !self.resource_lock.is_empty() && self.resource_lock != "leases" {
            errors.push(LeaderElectionError::Lock(self.resource_lock.clone()));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

impl Flags for LeaderElectionConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("leader election");
        flags.add(
            "leader-elect",
            &mut self.leader_elect,
            "work only while leading; for components that run in several replicas",
        );
        flags.add(
            "leader-elect-lease-duration",
            &mut self.lease_duration,
            "how long the others wait after the leader's last renewal before they try to take over",
        );
        flags.add(
            "leader-elect-renew-deadline",
            &mut self.renew_deadline,
            "how long the leader tries to renew before it stops leading; must be less than the lease duration",
        );
        flags.add(
            "leader-elect-retry-period",
            &mut self.retry_period,
            "the time between two tries to take or renew the lease",
        );
        flags.add(
            "leader-elect-resource-lock",
            &mut self.resource_lock,
            "the kind of object that is the lock; only 'leases' is supported",
        );
        flags.add(
            "leader-elect-resource-name",
            &mut self.resource_name,
            "the name of the lock",
        );
        flags.add(
            "leader-elect-resource-namespace",
            &mut self.resource_namespace,
            "the namespace of the lock",
        );
    }
}

/// How a component reaches the API server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientConnectionConfiguration {
    /// The kubeconfig file.
    pub kubeconfig: String,
    /// The Accept header; empty for the client's own.
    pub accept_content_types: String,
    /// The content type of requests.
    pub content_type: String,
    /// Sustained requests a second.
    pub qps: f32,
    /// Requests beyond that in a burst.
    pub burst: i32,
}

impl Default for ClientConnectionConfiguration {
    fn default() -> Self {
        Self {
            kubeconfig: String::new(),
            accept_content_types: String::new(),
            content_type: "application/vnd.kubernetes.protobuf".to_owned(),
            qps: 50.0,
            burst: 100,
        }
    }
}
