//! `ResourceQuota`: what a namespace uses in all stays within its quotas.
//!
//! A write is first judged against the quotas as they are ([`check`]): which of them count it, and how
//! much more it uses. What it uses is then charged by the namespace's [`Accountant`], which puts the
//! charges of all writes that come at the same time into one compare-and-swap of each quota's status:
//! concurrent writes, on this server or others, never use more than there is.
//!
//! A namespace without quotas costs a look into the cache. Upstream:
//! `k8s.io/apiserver/pkg/admission/plugin/resourcequota`.

mod accountant;
mod check;
mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::{
    core::v1::{self as core, PersistentVolumeClaim, Pod, Service},
    resource::v1::ResourceClaim,
};
use quota::{Item, Registry, Write};

pub use accountant::QuotaAccess;
use accountant::{Accountant, Refusal};
pub use config::{LimitedResource, ResourceQuotaConfiguration};

/// The plugin `ResourceQuota`.
#[derive(Debug)]
pub struct ResourceQuota {
    configuration: ResourceQuotaConfiguration,
    registry: Registry,
    quotas: Arc<dyn Lookup<core::ResourceQuota>>,
    accountant: Arc<Accountant>,
}

impl ResourceQuota {
    /// A plugin that finds quotas in `quotas`, counts by `registry` and writes what is used through `access`.
    #[must_use]
    pub fn new(
        configuration: ResourceQuotaConfiguration,
        registry: Registry,
        quotas: Arc<dyn Lookup<core::ResourceQuota>>,
        access: Arc<dyn QuotaAccess>,
    ) -> Self {
        Self {
            configuration,
            registry,
            accountant: Accountant::new(quotas.clone(), access),
            quotas,
        }
    }
}

/// An object as evaluators see it.
fn item(object: &dyn AnyObject) -> Item<'_> {
    if let Some(pod) = object.downcast_ref::<Pod>() {
        Item::Pod(pod)
    } else if let Some(claim) = object.downcast_ref::<PersistentVolumeClaim>() {
        Item::PersistentVolumeClaim(claim)
    } else if let Some(service) = object.downcast_ref::<Service>() {
        Item::Service(service)
    } else if let Some(claim) = object.downcast_ref::<ResourceClaim>() {
        Item::ResourceClaim(claim)
    } else {
        Item::Other
    }
}

#[async_trait]
impl Plugin for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        !quota::IGNORED_RESOURCES.contains(&(group, resource)) && (group, resource) != ("", "namespaces")
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        let Some(object) = object.filter(|_| !attributes.namespace.is_empty()) else {
            return Ok(());
        };
        if self.quotas.lags() {
            self.quotas.catch_up().await;
        }
        let quotas = self.quotas.list(attributes.namespace);
        if quotas.is_empty() && self.configuration.limited_resources.is_empty() {
            return Ok(());
        }
        let resource = attributes.resource;
        let Some(evaluator) = self.registry.evaluator(&resource.group, &resource.name) else {
            return Ok(());
        };
        let write = Write {
            operation: if attributes.operation == Operation::Create {
                quota::Operation::Create
            } else {
                quota::Operation::Update
            },
            subresource: attributes.subresource,
            new: item(object),
            old: attributes.old.map(item),
        };
        if !evaluator.handles(&write) {
            return Ok(());
        }
        let question = check::Question {
            attributes,
            object,
            write: &write,
            evaluator: evaluator.as_ref(),
            limited: &self.configuration.limited_resources,
        };
        let charges = question.charges(&quotas)?;
        if charges.is_empty() {
            return Ok(());
        }
        let unbounded = attributes.subresource == "status";
        let charged = if attributes.options.dry_run {
            accountant::rehearse(&quotas, &charges, unbounded)
        } else {
            self.accountant.charge(attributes.namespace, charges, unbounded).await
        };
        charged.map_err(|refusal| match refusal {
            Refusal::Exceeded(_) => attributes.forbidden(Some(object), refusal),
            Refusal::Failed(status) => status,
        })
    }
}
