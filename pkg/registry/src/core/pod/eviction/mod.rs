//! `pods/eviction`: deleting a pod unless a disruption budget forbids it.
//!
//! Upstream counterpart: `pkg/registry/core/pod/storage/eviction.go`.

mod budget;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use apimachinery::{
    field::{Error, ErrorList, Path},
    status::{GroupResource, StatusError},
};
use apiserver::{
    endpoints::{Call, Created, Creater},
    registry::{
        Existing, HubCodec, Local, ObjectBox, ResourceStrategy, Store, Unjudged, UpdateFlags, UpdateSource,
        ValidateObject, VersionCodec,
    },
    request::RequestContext,
};
use async_trait::async_trait;
use k8s_api::{
    core::v1::{Pod, PodCondition},
    meta::v1::{DeleteOptions, Preconditions, Status},
    policy::v1::{Eviction, PodDisruptionBudget},
};

use super::conditions::set_condition;
use budget::{Verdict, judge, matching};

/// How often, and how far apart, a write that lost against another is tried again.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

const DISRUPTION_TARGET: &str = "DisruptionTarget";

/// Evicts pods.
#[derive(Debug)]
pub struct Evictions {
    pods: Local<Pod>,
    pod_status: Arc<dyn ResourceStrategy>,
    budgets: Local<PodDisruptionBudget>,
    budget_status: Arc<dyn ResourceStrategy>,
}

impl Evictions {
    /// Evictions of the pods in one store under the budgets in another, with the rules of both kinds' statuses.
    #[must_use]
    pub fn new(
        (pods, pod_status): (Arc<Store>, Arc<dyn ResourceStrategy>),
        (budgets, budget_status): (Arc<Store>, Arc<dyn ResourceStrategy>),
    ) -> Arc<Self> {
        Arc::new(Self {
            pods: Local::new(pods),
            pod_status,
            budgets: Local::new(budgets),
            budget_status,
        })
    }
}

/// What an eviction may delete.
struct Attempt<'a> {
    request: &'a RequestContext,
    namespace: &'a str,
    name: &'a str,
    /// The client's options, with its dry run.
    options: DeleteOptions,
}

impl Attempt<'_> {
    fn dry_run(&self) -> bool {
        !self.options.dry_run.is_empty()
    }

    /// The client did not say which state of the pod it means.
    fn any_version(&self) -> bool {
        self.options
            .preconditions
            .as_ref()
            .is_none_or(|preconditions| preconditions.resource_version.is_none())
    }

    /// The options with this state of the pod as a precondition.
    fn at(&self, pod: &Pod) -> DeleteOptions {
        let mut options = self.options.clone();
        options.preconditions.get_or_insert_default().resource_version = Some(pod.metadata.resource_version.clone());
        options
    }
}

#[async_trait]
impl Creater for Evictions {
    fn codec(&self) -> Arc<dyn VersionCodec> {
        Arc::new(HubCodec::<Eviction>::new(|_| {}))
    }

    fn also_accepts(&self) -> &'static [&'static str] {
        &["policy/v1beta1"]
    }

    async fn create(
        &self,
        call: &Call<'_>,
        name: &str,
        object: ObjectBox,
        validation: &dyn ValidateObject,
        dry_run: bool,
    ) -> Result<Created, StatusError> {
        let eviction: &Eviction = object.downcast_ref().expect("the codec makes objects of its kind");
        if name != eviction.metadata.name {
            return Err(StatusError::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let options = delete_options(eviction, dry_run)?;
        validation.validate(eviction).await?;
        let attempt = Attempt {
            request: call.context,
            namespace: &call.context.info.namespace,
            name,
            options,
        };
        let pod = match self.delete_unguarded(&attempt).await? {
            None => return Ok(Created::Success),
            Some(pod) => pod,
        };
        self.delete_guarded(&attempt, &pod).await
    }
}

/// The options of the deletion: those in the eviction, dry as the request wants it.
fn delete_options(eviction: &Eviction, dry_run: bool) -> Result<DeleteOptions, StatusError> {
    let mut options = eviction.delete_options.as_deref().cloned().unwrap_or_default();
    if options.ignore_store_read_error_with_cluster_breaking_potential == Some(true) {
        let path = Path::new("deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential");
        let detail = "can not be set for pod eviction, try after removing the option";
        let errors = ErrorList::from(Error::invalid(&path, true, detail));
        let kind = GroupResource::new("policy", "Eviction");
        return Err(StatusError::invalid(kind, &eviction.metadata.name, &errors));
    }
    if dry_run && options.dry_run.is_empty() {
        options.dry_run = vec!["All".to_owned()];
    }
    Ok(options)
}

/// Pods that disrupt nothing: they have not begun, have ended, or are ending.
fn ignores_budgets(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Succeeded" | "Failed" | "Pending") || pod.metadata.deletion_timestamp.is_some()
}

fn is_ready(pod: &Pod) -> bool {
    pod.status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The budget has not been judged for the pods as they are.
fn still_processed(budget: &str) -> StatusError {
    budget::violated(
        format!("The disruption budget {budget} is still being processed by the server."),
        10,
    )
}

impl Evictions {
    async fn pod(&self, attempt: &Attempt<'_>) -> Result<Pod, StatusError> {
        let not_found = || StatusError::not_found(GroupResource::new("", "pods"), attempt.name);
        self.pods
            .get(attempt.namespace, attempt.name)
            .await?
            .ok_or_else(not_found)
    }

    /// Deletes a pod that no budget guards; otherwise returns it.
    async fn delete_unguarded(&self, attempt: &Attempt<'_>) -> Result<Option<Pod>, StatusError> {
        let mut left = ATTEMPTS;
        loop {
            let pod = self.pod(attempt).await?;
            if !ignores_budgets(&pod) {
                return Ok(Some(pod));
            }
            // A pending pod may become one that a budget guards.
            let may_change = pod.status.phase == "Pending" && pod.metadata.deletion_timestamp.is_none();
            let options = if may_change && attempt.any_version() {
                attempt.at(&pod)
            } else {
                attempt.options.clone()
            };
            match self.delete(attempt, options).await {
                Err(status) if status.is_conflict() && attempt.any_version() && left > 1 => left -= 1,
                other => return other.map(|()| None),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Deletes a pod if its budget allows it.
    async fn delete_guarded(&self, attempt: &Attempt<'_>, pod: &Pod) -> Result<Created, StatusError> {
        let budgets = matching(self.budgets.list(attempt.namespace).await?, pod);
        let budget = match budgets.as_slice() {
            [] => {
                self.delete(attempt, attempt.options.clone()).await?;
                return Ok(Created::Success);
            }
            [budget] => budget,
            _ => {
                return Ok(Created::Status(Status {
                    status: "Failure".to_owned(),
                    message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not \
                              support."
                        .to_owned(),
                    code: 500,
                    ..Status::default()
                }));
            }
        };
        if !is_ready(pod) && budget::spares_unhealthy(budget) {
            let deleted = self.delete(attempt, attempt.at(pod)).await;
            return match deleted {
                // It may have become healthy.
                Err(status) if status.is_conflict() && attempt.any_version() => {
                    Err(still_processed(&budget.metadata.name))
                }
                other => other.map(|()| Created::Success),
            };
        }
        self.decrement(attempt, budget.clone()).await?;
        self.delete(attempt, attempt.options.clone()).await?;
        Ok(Created::Success)
    }

    /// Takes one disruption of the budget's.
    async fn decrement(&self, attempt: &Attempt<'_>, mut budget: PodDisruptionBudget) -> Result<(), StatusError> {
        let name = budget.metadata.name.clone();
        for _ in 0..ATTEMPTS {
            let taken = match judge(budget, attempt.name, attempt.request.received) {
                Verdict::Refused(status) => return Err(*status),
                Verdict::Taken(budget) => *budget,
            };
            if attempt.dry_run() {
                return Ok(());
            }
            let updated = self
                .budgets
                .update_with(self.budget_status.as_ref(), "status", &taken)
                .await;
            match updated {
                Err(status) if status.is_conflict() => {}
                other => return other.map(drop),
            }
            tokio::time::sleep(PAUSE).await;
            budget =
                self.budgets.get(attempt.namespace, &name).await?.ok_or_else(|| {
                    StatusError::not_found(GroupResource::new("policy", "poddisruptionbudgets"), &name)
                })?;
        }
        Err(StatusError::timeout(
            format!("couldn't update PodDisruptionBudget {name:?} due to conflicts"),
            10,
        ))
    }

    /// Says in the pod why it goes, and deletes it.
    async fn delete(&self, attempt: &Attempt<'_>, mut options: DeleteOptions) -> Result<(), StatusError> {
        let store = self.pods.store();
        if !attempt.dry_run() {
            let mark = Mark {
                options: &options,
                now: attempt.request.received,
            };
            let marked = store
                .update_with(
                    self.pod_status.as_ref(),
                    attempt.request,
                    attempt.namespace,
                    attempt.name,
                    &mark,
                    &Unjudged,
                    &Unjudged,
                    UpdateFlags::default(),
                )
                .await?;
            let preconditions = options.preconditions.as_mut();
            if let Some(version) = preconditions.and_then(|those| those.resource_version.as_mut()) {
                *version = marked.stored.cached.resource_version.to_string();
            }
        }
        store
            .delete(attempt.request, attempt.namespace, attempt.name, &Unjudged, &options)
            .await
            .map(drop)
    }
}

/// The condition by which a pod says that it is evicted.
struct Mark<'a> {
    options: &'a DeleteOptions,
    now: jiff::Timestamp,
}

#[async_trait]
impl UpdateSource for Mark<'_> {
    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let kind = GroupResource::new("", "Pod");
        let existing = existing.ok_or_else(|| StatusError::not_found(kind, ""))?;
        let mut object = existing.object.clone_boxed();
        let pod: &mut Pod = object.downcast_mut().expect("the store of pods holds pods only");
        check(self.options.preconditions.as_deref(), pod)?;
        let condition = PodCondition {
            type_: DISRUPTION_TARGET.to_owned(),
            status: "True".to_owned(),
            reason: "EvictionByEvictionAPI".to_owned(),
            message: "Eviction API: evicting".to_owned(),
            ..PodCondition::default()
        };
        set_condition(&mut pod.status, condition, self.now);
        Ok(object)
    }
}

fn check(preconditions: Option<&Preconditions>, pod: &Pod) -> Result<(), StatusError> {
    let kind = GroupResource::new("", "Pod");
    let Some(preconditions) = preconditions else {
        return Ok(());
    };
    let metadata = &pod.metadata;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(uid) = given(&preconditions.uid).filter(|uid| *uid != metadata.uid) {
        let message = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been \
             deleted and then recreated",
            metadata.uid
        );
        return Err(StatusError::conflict(kind, &metadata.name, &message));
    }
    let version = given(&preconditions.resource_version);
    if let Some(version) = version.filter(|version| *version != metadata.resource_version) {
        let message = format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The \
             object might have been modified",
            metadata.resource_version
        );
        return Err(StatusError::conflict(kind, &metadata.name, &message));
    }
    Ok(())
}
