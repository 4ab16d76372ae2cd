//! Authentication and authorization (upstream: `endpoints/filters/metrics.go`).

use std::time::Instant;

use component_base::metrics::{Children, MetricOpts, MetricsRegistry};
use prometheus::{HistogramVec, IntCounterVec, exponential_buckets};

/// Names of users that are counted by themselves; the rest by what they look like.
const KNOWN_USERS: [&str; 7] = [
    "admin",
    "client",
    "kube_proxy",
    "kubelet",
    "system:serviceaccount:kube-system:default",
    "email_id",
    "other",
];
const EMAIL: usize = 5;
const OTHER: usize = 6;

/// How an authorization ended; its number is that of its name in [`DECISIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Authorized {
    Allowed,
    Denied,
    NoOpinion,
    Error,
}

const DECISIONS: [&str; 4] = ["allowed", "denied", "no-opinion", "error"];

/// How an authentication ended; its number is that of its name in [`OUTCOMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Authenticated<'u> {
    /// As this user.
    Success(&'u str),
    /// Nobody in particular.
    Failure,
    /// A credential does not hold.
    Error,
}

const OUTCOMES: [&str; 3] = ["success", "failure", "error"];

/// Who came in, and who may.
pub(in crate::server) struct AccessMetrics {
    users: Children<IntCounterVec, 7>,
    authentications: Children<IntCounterVec, 3>,
    authentication_seconds: Children<HistogramVec, 3>,
    authorizations: Children<IntCounterVec, 4>,
    authorization_seconds: Children<HistogramVec, 4>,
}

fn user_class(name: &str) -> usize {
    let known = KNOWN_USERS[..EMAIL].iter().position(|known| *known == name);
    known.unwrap_or(if name.contains('@') { EMAIL } else { OTHER })
}

impl AccessMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let buckets = exponential_buckets(0.001, 2.0, 15).expect("bounds that grow");
        let counter = |name, help, label| registry.counter_vec(MetricOpts::new(name, help), &[label]);
        let histogram = |name, help| registry.histogram_vec(MetricOpts::new(name, help), &["result"], &buckets);
        Self {
            users: Children::of_values(
                counter(
                    "authenticated_user_requests",
                    "Authenticated requests, by the kind of user.",
                    "username",
                ),
                KNOWN_USERS,
            ),
            authentications: Children::of_values(
                counter(
                    "authentication_attempts",
                    "Authentications, by how they ended.",
                    "result",
                ),
                OUTCOMES,
            ),
            authentication_seconds: Children::of_values(
                histogram(
                    "authentication_duration_seconds",
                    "Seconds that authentication took, by how it ended.",
                ),
                OUTCOMES,
            ),
            authorizations: Children::of_values(
                counter(
                    "authorization_attempts_total",
                    "Authorizations, by how they ended: allowed, denied, no-opinion or error.",
                    "result",
                ),
                DECISIONS,
            ),
            authorization_seconds: Children::of_values(
                histogram(
                    "authorization_duration_seconds",
                    "Seconds that authorization took, by how it ended.",
                ),
                DECISIONS,
            ),
        }
    }

    /// It was found out who asks, or not.
    pub(in crate::server) fn authenticated(&self, outcome: Authenticated<'_>, begun: Instant) {
        let outcome = match outcome {
            Authenticated::Success(name) => {
                self.users.get(user_class(name)).inc();
                0
            }
            Authenticated::Failure => 1,
            Authenticated::Error => 2,
        };
        self.authentications.get(outcome).inc();
        self.authentication_seconds
            .get(outcome)
            .observe(begun.elapsed().as_secs_f64());
    }

    /// It was decided about a request.
    pub(in crate::server) fn authorized(&self, outcome: Authorized, begun: Instant) {
        self.authorizations.get(outcome as usize).inc();
        self.authorization_seconds
            .get(outcome as usize)
            .observe(begun.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN_USERS, user_class};

    #[test]
    fn users_fall_into_few_classes() {
        for (name, class) in [
            ("admin", "admin"),
            ("kubelet", "kubelet"),
            ("someone@example.com", "email_id"),
            ("email_id", "other"),
            ("system:node:n1", "other"),
        ] {
            assert_eq!(KNOWN_USERS[user_class(name)], class, "{name}");
        }
    }
}
