//! The rules of services. Their addresses and ports are allocated elsewhere, before these rules.

use apimachinery::field::ErrorList;
use apis_core::core::service;
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::core::v1::{Service, ServiceStatus};

const FIELDS: &[SelectableField] = &[
    SelectableField::new("spec.clusterIP", &["spec", "clusterIP"]),
    SelectableField::new("spec.type", &["spec", "type"]),
];

/// The rules of services.
#[derive(Clone, Copy, Debug)]
pub struct ServiceStrategy;

impl Strategy for ServiceStrategy {
    type Object = Service;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, service: &mut Service) {
        service.status = ServiceStatus::default();
    }

    fn validate(&self, context: &StrategyContext<'_>, service: &Service) -> ErrorList {
        service::validate(service, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, service: &Service) -> Vec<String> {
        service::warnings(service)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Service, old: &Service) {
        new.status.clone_from(&old.status);
        service::drop_type_dependent_fields(new, old);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Service, old: &Service) -> ErrorList {
        service::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Service, _old: &Service) -> Vec<String> {
        service::warnings(new)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a service's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = Service;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, service: &Service) -> ErrorList {
        service::validate(service, context.gates)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Service, old: &Service) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Service, old: &Service) -> ErrorList {
        service::validate_status_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Service, _old: &Service) -> Vec<String> {
        service::status_warnings(new)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
