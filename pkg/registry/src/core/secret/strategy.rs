//! The rules of secrets.

use apimachinery::field::ErrorList;
use apis_core::core::secret;
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::core::v1::Secret;

/// The rules of secrets.
#[derive(Clone, Copy, Debug)]
pub struct SecretStrategy;

impl Strategy for SecretStrategy {
    type Object = Secret;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, secret: &Secret) -> ErrorList {
        secret::validate(secret)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, secret: &Secret) -> Vec<String> {
        secret::warnings(secret)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Secret, old: &Secret) {
        if new.type_.is_empty() {
            new.type_.clone_from(&old.type_);
        }
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Secret, old: &Secret) -> ErrorList {
        secret::validate_update(new, old)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Secret, _old: &Secret) -> Vec<String> {
        secret::warnings(new)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        const FIELDS: &[SelectableField] = &[SelectableField::new("type", &["type"])];
        FIELDS
    }
}
