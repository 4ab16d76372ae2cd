//! The rules of deployments.

use apimachinery::field::ErrorList;
use apis_pod::pod::drop_disabled_template_fields;
use apis_workloads::apps::deployment;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::apps::v1::{Deployment, DeploymentStatus};

/// The rules of deployments.
#[derive(Clone, Copy, Debug)]
pub struct DeploymentStrategy;

impl Strategy for DeploymentStrategy {
    type Object = Deployment;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, deployment: &mut Deployment) {
        deployment.status = DeploymentStatus::default();
        deployment.metadata.generation = 1;
        drop_disabled_template_fields(&mut deployment.spec.template, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, deployment: &Deployment) -> ErrorList {
        deployment::validate(deployment, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, deployment: &Deployment) -> Vec<String> {
        deployment::warnings_on_create(deployment)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Deployment, old: &Deployment) {
        new.status.clone_from(&old.status);
        let before = Some(&old.spec.template);
        drop_disabled_template_fields(&mut new.spec.template, before, context.gates);
        // Annotations count too: replica sets get copies of them.
        if new.spec != old.spec || new.metadata.annotations != old.metadata.annotations {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Deployment, old: &Deployment) -> ErrorList {
        deployment::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Deployment, old: &Deployment) -> Vec<String> {
        deployment::warnings_on_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a deployment's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = Deployment;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, deployment: &Deployment) -> ErrorList {
        DeploymentStrategy.validate(context, deployment)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Deployment, old: &Deployment) {
        new.spec.clone_from(&old.spec);
        new.metadata.labels.clone_from(&old.metadata.labels);
        deployment::drop_disabled_status_fields(&mut new.status, &old.status, context.gates);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Deployment, old: &Deployment) -> ErrorList {
        deployment::validate_status_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"], &["metadata", "labels"]]
    }
}
