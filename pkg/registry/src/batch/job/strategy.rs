//! The rules of jobs.

use apimachinery::field::ErrorList;
use apis_pod::pod::drop_disabled_template_fields;
use apis_workloads::batch::job;
use apiserver::registry::{GarbageCollectionPolicy, SelectableField, Strategy, StrategyContext};
use k8s_api::batch::v1::{Job, JobStatus};

const FIELDS: &[SelectableField] = &[SelectableField::new("status.successful", &["status", "succeeded"]).default("0")];

/// The pods of a job stay behind unless the request says otherwise, for clients that are older than
/// garbage collection.
fn garbage_collection_policy(context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
    match (context.api_group, context.api_version) {
        ("batch", "v1") => GarbageCollectionPolicy::OrphanDependents,
        _ => GarbageCollectionPolicy::DeleteDependents,
    }
}

/// The rules of jobs.
#[derive(Clone, Copy, Debug)]
pub struct JobStrategy;

impl Strategy for JobStrategy {
    type Object = Job;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, job: &mut Job) {
        job::generate_selector(job);
        job.status = JobStatus::default();
        job.metadata.generation = 1;
        drop_disabled_template_fields(&mut job.spec.template, None, context.gates);
    }

    fn validate(&self, context: &StrategyContext<'_>, job: &Job) -> ErrorList {
        job::validate(job, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, job: &Job) -> Vec<String> {
        job::warnings_on_create(job)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Job, old: &Job) {
        new.status.clone_from(&old.status);
        let before = Some(&old.spec.template);
        drop_disabled_template_fields(&mut new.spec.template, before, context.gates);
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Job, old: &Job) -> ErrorList {
        job::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Job, old: &Job) -> Vec<String> {
        job::warnings_on_update(new, old)
    }

    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        garbage_collection_policy(context)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a job's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = Job;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, job: &Job) -> ErrorList {
        JobStrategy.validate(context, job)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut Job, old: &Job) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Job, old: &Job) -> ErrorList {
        job::validate_status_update(new, old)
    }

    fn default_garbage_collection_policy(&self, context: &StrategyContext<'_>) -> GarbageCollectionPolicy {
        garbage_collection_policy(context)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
