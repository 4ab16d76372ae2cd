//! Jobs.

mod conditions;
mod defaults;
mod indexes;
mod labels;
mod pod_failure_policy;
mod show;
mod spec;
mod status;
mod success_policy;
mod template_update;
#[cfg(test)]
mod tests;
mod validation;

use apimachinery::field::Path;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::batch::v1::{Job, JobSpec};

use crate::common::{SPEC, pod_name_warning, template::template_warnings};

pub use conditions::{is_complete, is_condition_true, is_failed, is_finished};
pub use defaults::{set_defaults, set_spec_nested_defaults};
pub use labels::{
    CONTROLLER_UID_LABEL, JOB_NAME_LABEL, LEGACY_CONTROLLER_UID_LABEL, LEGACY_JOB_NAME_LABEL, generate_selector,
};
pub use status::validate_status_update;
pub use validation::{validate, validate_template_spec, validate_update};

const INDEXED: &str = "Indexed";
const NON_INDEXED: &str = "NonIndexed";
/// From how many completions on it matters how many pods run at a time.
const MANY_COMPLETIONS: i32 = 100_000;
const MANY_COMPLETIONS_PARALLELISM: i32 = 10_000;

/// Whether every completion has a number of its own.
fn is_indexed(spec: &JobSpec) -> bool {
    spec.completion_mode.as_deref() == Some(INDEXED)
}

/// What the author of a job spec should know.
#[must_use]
pub fn spec_warnings(path: &Path<'_>, spec: &JobSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    let (completions, parallelism) = (spec.completions.unwrap_or(0), spec.parallelism.unwrap_or(0));
    if is_indexed(spec) && completions > MANY_COMPLETIONS && parallelism > MANY_COMPLETIONS_PARALLELISM {
        warnings.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than \
             10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    warnings.extend(template_warnings(&path.child("template"), &spec.template));
    warnings
}

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(job: &Job) -> Vec<String> {
    let mut warnings: Vec<_> = pod_name_warning(&job.metadata.name).into_iter().collect();
    warnings.extend(spec_warnings(&SPEC, &job.spec));
    warnings
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(new: &Job, old: &Job) -> Vec<String> {
    if new.metadata.generation == old.metadata.generation {
        return Vec::new();
    }
    spec_warnings(&SPEC, &new.spec)
}

/// Whether the pod template of a job may still change: no pod of it runs, nor will one until it is resumed.
fn is_template_mutable(job: &Job, gates: &FeatureGates) -> Mutable {
    let suspended = job.spec.suspend == Some(true);
    let not_started = job.status.start_time.is_none();
    let idle =
        suspended && (not_started || is_condition_true(&job.status.conditions, "Suspended")) && job.status.active == 0;
    Mutable {
        scheduling: if gates.enabled(Feature::MutableSchedulingDirectivesForSuspendedJobs) {
            idle
        } else {
            suspended && not_started
        },
        resources: idle && gates.enabled(Feature::MutablePodResourcesForSuspendedJobs),
    }
}

/// What of a job's pod template may change.
#[derive(Clone, Copy, Debug)]
struct Mutable {
    /// Labels, annotations, gates, and where pods may run.
    scheduling: bool,
    /// The resources of containers.
    resources: bool,
}
