//! `PodGroupProtection`, `PodGroupWorkloadExists` and `JobValidation`: pods that are scheduled together.
//!
//! PodGroups and Workloads are alpha kinds that are served only where their gate is on. They have no types
//! here: what the plugins need is read from the dynamic form, and found through a [`DynamicLookup`].

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::batch::v1::Job;
use serde_json::Value;

const GROUP: &str = "scheduling.k8s.io";
const FINALIZER: &str = "scheduling.k8s.io/podgroup-protection";

/// Finds objects of a kind without a type.
#[async_trait]
pub trait DynamicLookup: Send + Sync + Debug + 'static {
    /// The object of this name.
    ///
    /// # Errors
    /// What the store says, but for an object that is not there.
    async fn find(&self, namespace: &str, name: &str) -> Result<Option<Value>, StatusError>;

    /// The objects of a namespace, as the cache has them.
    fn list(&self, namespace: &str) -> Vec<Value>;
}

/// The lookup of a kind that is not served: there are none.
#[derive(Debug)]
pub struct NotServed;

#[async_trait]
impl DynamicLookup for NotServed {
    async fn find(&self, _namespace: &str, _name: &str) -> Result<Option<Value>, StatusError> {
        Ok(None)
    }

    fn list(&self, _namespace: &str) -> Vec<Value> {
        Vec::new()
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The plugin `PodGroupProtection`: a group does not go before its pods.
#[derive(Debug)]
pub struct PodGroupProtection {
    enabled: bool,
}

impl PodGroupProtection {
    /// A plugin under these gates.
    #[must_use]
    pub fn new(gates: &FeatureGates) -> Self {
        Self {
            enabled: gates.enabled(Feature::GenericWorkload),
        }
    }
}

#[async_trait]
impl Plugin for PodGroupProtection {
    fn name(&self) -> &'static str {
        "PodGroupProtection"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && group == GROUP && resource == "podgroups"
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if let Some(object) = object.filter(|_| attributes.subresource.is_empty()) {
            let finalizers = &mut object.metadata_mut().finalizers;
            if !finalizers.iter().any(|own| own == FINALIZER) {
                finalizers.push(FINALIZER.to_owned());
            }
        }
        Ok(())
    }
}

/// The plugin `PodGroupWorkloadExists`: a group is made from a template that is there.
#[derive(Debug)]
pub struct PodGroupWorkloadExists {
    enabled: bool,
    workloads: Arc<dyn DynamicLookup>,
}

impl PodGroupWorkloadExists {
    /// A plugin that finds workloads there.
    #[must_use]
    pub fn new(gates: &FeatureGates, workloads: Arc<dyn DynamicLookup>) -> Self {
        Self {
            enabled: gates.enabled(Feature::GenericWorkload),
            workloads,
        }
    }
}

#[async_trait]
impl Plugin for PodGroupWorkloadExists {
    fn name(&self) -> &'static str {
        "PodGroupWorkloadExists"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && group == GROUP && resource == "podgroups"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        let Some(object) = object.filter(|_| attributes.subresource.is_empty()) else {
            return Ok(());
        };
        let group = object.to_value();
        let Some(reference) = group
            .pointer("/spec/podGroupTemplateRef/workload")
            .filter(|r| !r.is_null())
        else {
            return Ok(());
        };
        let (name, template) = (
            text(reference, "/workloadName"),
            text(reference, "/podGroupTemplateName"),
        );
        let refuse = |reason: String| attributes.forbidden(Some(object), format!("PodGroup rejected: {reason}"));
        let found = self.workloads.find(attributes.namespace, name).await?;
        let workload = found.ok_or_else(|| refuse(format!("Workload {name:?} not found")))?;
        if workload
            .pointer("/metadata/deletionTimestamp")
            .is_some_and(|at| !at.is_null())
        {
            return Err(refuse(format!("Workload {name:?} is being deleted")));
        }
        let templates = workload.pointer("/spec/podGroupTemplates").and_then(Value::as_array);
        let mut templates = templates.into_iter().flatten();
        if templates.any(|known| text(known, "/name") == template) {
            return Ok(());
        }
        Err(refuse(format!(
            "PodGroupTemplate {template:?} not found in Workload {name:?}"
        )))
    }
}

/// The plugin `JobValidation`: a job whose pods start together keeps their number.
#[derive(Debug)]
pub struct JobValidation {
    enabled: bool,
    groups: Arc<dyn DynamicLookup>,
}

impl JobValidation {
    /// A plugin that finds pod groups there.
    #[must_use]
    pub fn new(gates: &FeatureGates, groups: Arc<dyn DynamicLookup>) -> Self {
        Self {
            enabled: gates.enabled(Feature::GenericWorkload) || gates.enabled(Feature::WorkloadWithJob),
            groups,
        }
    }

    /// The gang that the job's pods belong to: the one it names, or one that it controls.
    async fn gang(&self, job: &Job) -> Result<Option<String>, StatusError> {
        let namespace = &job.metadata.namespace;
        let is_gang = |group: &Value| {
            group
                .pointer("/spec/schedulingPolicy/gang")
                .is_some_and(|gang| !gang.is_null())
        };
        let named = job.spec.template.spec.scheduling_group.as_ref();
        if let Some(name) = named.and_then(|group| group.pod_group_name.as_ref()) {
            let group = self.groups.find(namespace, name).await?;
            return Ok(group.filter(|group| is_gang(group)).map(|_| name.clone()));
        }
        let controls = |group: &Value| {
            let owners = group.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            owners.into_iter().flatten().any(|owner| {
                let controller = owner.get("controller").and_then(Value::as_bool) == Some(true);
                controller && text(owner, "/uid") == job.metadata.uid
            })
        };
        let groups = self.groups.list(namespace);
        let gang = groups.iter().find(|group| controls(group) && is_gang(group));
        Ok(gang.map(|group| text(group, "/metadata/name").to_owned()))
    }
}

#[async_trait]
impl Plugin for JobValidation {
    fn name(&self) -> &'static str {
        "JobValidation"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && group == "batch" && resource == "jobs"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let new = object.and_then(|object| object.downcast_ref::<Job>());
        let (Some(new), Some(old)) = (new, attributes.old_as::<Job>()) else {
            return Ok(());
        };
        if new.spec.parallelism == old.spec.parallelism {
            return Ok(());
        }
        match self.gang(old).await? {
            None => Ok(()),
            Some(group) => {
                let reason =
                    format!("cannot change parallelism for a Job referencing gang-scheduled PodGroup {group:?}");
                Err(attributes.forbidden(object, reason))
            }
        }
    }
}
