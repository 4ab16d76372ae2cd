//! The hooks of the store of Services.

use std::sync::{Arc, OnceLock};

use apimachinery::status::StatusError;
use apis_core::core::service::{default_on_read, init_ip_families, normalize_cluster_ips, patch_allocated_values};
use apiserver::{
    registry::{AnyObject, Begun, Hooks},
    request::RequestContext,
};
use async_trait::async_trait;
use component_base::feature_gates::FeatureGates;
use k8s_api::{core::v1::Service, meta::v1::DeleteOptions};

use super::{Allocators, invalid, transaction::Transaction};

const OWN_KIND: &str = "the store of services holds services only";

/// Takes addresses and ports ahead of a Service's write, and gives them back after it.
///
/// The allocators need the stores of other resources, which are there later than the hooks of this one.
#[derive(Debug)]
pub struct ServiceHooks {
    gates: Arc<FeatureGates>,
    allocators: OnceLock<Arc<Allocators>>,
}

impl ServiceHooks {
    /// Hooks that refuse every write until they are [complete](ServiceHooks::complete).
    #[must_use]
    pub fn new(gates: Arc<FeatureGates>) -> Arc<Self> {
        Arc::new(Self {
            gates,
            allocators: OnceLock::new(),
        })
    }

    /// Sets what Services are given of. Only the first call counts.
    pub fn complete(&self, allocators: Arc<Allocators>) {
        self.allocators.get_or_init(|| allocators);
    }

    fn allocators(&self) -> Result<Arc<Allocators>, StatusError> {
        let allocators = self.allocators.get().cloned();
        allocators.ok_or_else(|| StatusError::service_unavailable("the service allocators are not ready"))
    }

    async fn create(&self, transaction: &mut Transaction, service: &mut Service) -> Result<(), StatusError> {
        let families = transaction.allocators.families;
        init_ip_families(service, None, families, &self.gates)
            .map_err(|errors| invalid(&service.metadata.name, &errors))?;
        transaction.take_addresses(service).await?;
        transaction.take_ports(service).await
    }

    async fn update(&self, transaction: &mut Transaction, new: &mut Service, old: &Service) -> Result<(), StatusError> {
        let families = transaction.allocators.families;
        init_ip_families(new, Some(old), families, &self.gates)
            .map_err(|errors| invalid(&new.metadata.name, &errors))?;
        transaction.update_addresses(new, old).await?;
        transaction.update_ports(new, old).await
    }
}

/// Hands the transaction over, or undoes it.
async fn begun(transaction: Transaction, result: Result<(), StatusError>) -> Result<Begun, StatusError> {
    match result {
        Ok(()) => Ok(Some(Box::new(transaction))),
        Err(status) => {
            transaction.end(false).await;
            Err(status)
        }
    }
}

#[async_trait]
impl Hooks for ServiceHooks {
    async fn begin_create(
        &self,
        _context: &RequestContext,
        object: &mut dyn AnyObject,
        dry_run: bool,
    ) -> Result<Begun, StatusError> {
        let service: &mut Service = object.downcast_mut().expect(OWN_KIND);
        normalize_cluster_ips(service, None);
        let mut transaction = Transaction::new(self.allocators()?, service, dry_run);
        let result = self.create(&mut transaction, service).await;
        begun(transaction, result).await
    }

    async fn begin_update(
        &self,
        context: &RequestContext,
        new: &mut dyn AnyObject,
        old: &dyn AnyObject,
        dry_run: bool,
    ) -> Result<Begun, StatusError> {
        if !context.info.subresource.is_empty() {
            return Ok(None);
        }
        let new: &mut Service = new.downcast_mut().expect(OWN_KIND);
        let mut old: Service = old.downcast_ref::<Service>().expect(OWN_KIND).clone();
        let allocators = self.allocators()?;
        // An older server may have stored less.
        default_on_read(&mut old, allocators.families);
        patch_allocated_values(new, &old);
        normalize_cluster_ips(new, Some(&old));
        let mut transaction = Transaction::new(allocators, new, dry_run);
        let result = self.update(&mut transaction, new, &old).await;
        begun(transaction, result).await
    }

    async fn after_delete(&self, object: &dyn AnyObject, dry_run: bool) {
        if dry_run {
            return;
        }
        let Ok(allocators) = self.allocators() else { return };
        let mut service: Service = object.downcast_ref::<Service>().expect(OWN_KIND).clone();
        default_on_read(&mut service, allocators.families);
        let (namespace, name) = (&service.metadata.namespace, &service.metadata.name);
        // A new Service of the name must not find the Endpoints of the old one.
        let deleted = allocators
            .endpoints
            .delete(namespace, name, &DeleteOptions::default())
            .await;
        if let Err(error) = deleted
            && !error.is_not_found()
        {
            tracing::error!(%namespace, %name, %error, "cannot delete the endpoints of a service that is gone");
        }
        let mut transaction = Transaction::new(allocators, &service, false);
        transaction.give_all_back(&service);
        transaction.free_all_ports(&service);
        transaction.end(true).await;
    }
}
