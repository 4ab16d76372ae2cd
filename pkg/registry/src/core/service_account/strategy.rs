//! The rules of service accounts.

use apimachinery::field::ErrorList;
use apis_core::core::service_account;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::core::v1::ServiceAccount;

/// The rules of service accounts.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAccountStrategy;

impl Strategy for ServiceAccountStrategy {
    type Object = ServiceAccount;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, account: &mut ServiceAccount) {
        service_account::clean_secret_references(account);
    }

    fn validate(&self, _context: &StrategyContext<'_>, account: &ServiceAccount) -> ErrorList {
        service_account::validate(account)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, account: &ServiceAccount) -> Vec<String> {
        service_account::warnings(account, None)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut ServiceAccount, _old: &ServiceAccount) {
        service_account::clean_secret_references(new);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ServiceAccount, old: &ServiceAccount) -> ErrorList {
        service_account::validate_update(new, old)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ServiceAccount,
        old: &ServiceAccount,
    ) -> Vec<String> {
        service_account::warnings(new, Some(old))
    }
}
