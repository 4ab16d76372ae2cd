//! The rules of cron jobs.

use apimachinery::field::ErrorList;
use apis_pod::pod::drop_disabled_template_fields;
use apis_workloads::batch::cron_job;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::batch::v1::{CronJob, CronJobStatus};

/// The rules of cron jobs.
#[derive(Clone, Copy, Debug)]
pub struct CronJobStrategy;

impl Strategy for CronJobStrategy {
    type Object = CronJob;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, cron_job: &mut CronJob) {
        cron_job.status = CronJobStatus::default();
        cron_job.metadata.generation = 1;
        let template = &mut cron_job.spec.job_template.spec.template;
        drop_disabled_template_fields(template, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, cron_job: &CronJob) -> ErrorList {
        cron_job::validate(cron_job, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, cron_job: &CronJob) -> Vec<String> {
        cron_job::warnings_on_create(cron_job)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut CronJob, old: &CronJob) {
        new.status.clone_from(&old.status);
        let template = &mut new.spec.job_template.spec.template;
        let before = Some(&old.spec.job_template.spec.template);
        drop_disabled_template_fields(template, before, context.gates);
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &CronJob, old: &CronJob) -> ErrorList {
        cron_job::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &CronJob, old: &CronJob) -> Vec<String> {
        cron_job::warnings_on_update(new, old)
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a cron job's status: none.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = CronJob;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, cron_job: &CronJob) -> ErrorList {
        CronJobStrategy.validate(context, cron_job)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut CronJob, old: &CronJob) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, _new: &CronJob, _old: &CronJob) -> ErrorList {
        ErrorList::new()
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
