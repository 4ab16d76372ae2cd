//! `EventRateLimit`: how many events are written in a time, by server, namespace, user, or what they are about.

mod buckets;
mod config;
#[cfg(test)]
mod tests;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::core::v1::Event;
use std::time::Instant;

use crate::aggregate;
use buckets::Buckets;
pub use config::{EventRateLimitConfiguration, RateLimit};
use config::{LimitType, RateLimitError};

#[derive(Debug)]
struct Enforcer {
    kind: LimitType,
    buckets: Buckets,
}

/// The plugin `EventRateLimit`.
#[derive(Debug)]
pub struct EventRateLimit(Vec<Enforcer>);

impl EventRateLimit {
    /// A plugin with this configuration.
    ///
    /// # Errors
    /// If the configuration makes no sense.
    pub fn new(configuration: &EventRateLimitConfiguration) -> Result<Self, RateLimitError> {
        let limits = configuration.check()?;
        let enforcer = |(kind, limit): (LimitType, &RateLimit)| Enforcer {
            kind,
            buckets: Buckets::new(limit.qps, limit.burst, kind.most_buckets(limit)),
        };
        Ok(Self(limits.into_iter().map(enforcer).collect()))
    }

    fn judge(&self, attributes: &Attributes<'_>, event: Option<&Event>, now: Instant) -> Option<String> {
        let faults = self.0.iter().filter_map(|enforcer| {
            let key = key(enforcer.kind, attributes, event);
            let allowed = enforcer.buckets.take(&key, now);
            (!allowed).then(|| format!("limit reached on type {} for key {key}", enforcer.kind.as_str()))
        });
        aggregate(faults.collect())
    }
}

/// Whose bucket an event is taken from.
fn key(kind: LimitType, attributes: &Attributes<'_>, event: Option<&Event>) -> String {
    match kind {
        LimitType::Server => String::new(),
        LimitType::Namespace => attributes.namespace.to_owned(),
        LimitType::User => attributes.user().name.clone(),
        LimitType::SourceAndObject => event.map_or_else(String::new, |event| {
            let (source, object) = (&event.source, &event.involved_object);
            [
                source.component.as_str(),
                &source.host,
                &object.kind,
                &object.namespace,
                &object.name,
                &object.uid,
                &object.api_version,
            ]
            .concat()
        }),
    }
}

#[async_trait]
impl Plugin for EventRateLimit {
    fn name(&self) -> &'static str {
        "EventRateLimit"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        group.is_empty() && resource == "events"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if attributes.kind.name != "Event" || attributes.options.dry_run {
            return Ok(());
        }
        let event = object.and_then(|object| object.downcast_ref());
        match self.judge(attributes, event, Instant::now()) {
            Some(faults) => Err(StatusError::too_many_requests_error(faults)),
            None => Ok(()),
        }
    }
}
