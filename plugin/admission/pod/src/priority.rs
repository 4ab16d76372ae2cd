//! `Priority`: the number behind a pod's priority class, and one default class at most.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Derived, Lookup, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::{core::v1::Pod, scheduling::v1::PriorityClass};

use crate::{is_pods, pod_mut};

/// The plugin `Priority`.
#[derive(Debug)]
pub struct Priority {
    classes: Derived<PriorityClass, Option<Arc<PriorityClass>>>,
}

/// The default class; of several (two servers may let one through each) that with the lowest value.
fn default_class(classes: &[Arc<PriorityClass>]) -> Option<Arc<PriorityClass>> {
    let defaults = classes.iter().filter(|class| class.global_default);
    defaults.min_by_key(|class| class.value).cloned()
}

/// What a class gives a pod.
struct Established {
    class: String,
    priority: i32,
    preemption: Option<String>,
}

impl Priority {
    /// A plugin that finds classes there.
    #[must_use]
    pub fn new(classes: Arc<dyn Lookup<PriorityClass>>) -> Self {
        Self {
            classes: Derived::new(classes),
        }
    }

    fn establish(&self, attributes: &Attributes<'_>, pod: &Pod) -> Result<Established, StatusError> {
        let name = &pod.spec.priority_class_name;
        let class = if name.is_empty() {
            self.classes.get(default_class)
        } else {
            let found = self.classes.lookup().get("", name);
            let missing = || attributes.forbidden(Some(pod), format!("no PriorityClass with name {name} was found"));
            Some(found.ok_or_else(missing)?)
        };
        Ok(match class {
            Some(class) => Established {
                class: class.metadata.name.clone(),
                priority: class.value,
                preemption: class.preemption_policy.clone(),
            },
            None => Established {
                class: String::new(),
                priority: 0,
                preemption: Some("PreemptLowerPriority".to_owned()),
            },
        })
    }

    fn admit_new(&self, attributes: &Attributes<'_>, pod: &mut Pod) -> Result<(), StatusError> {
        let Established {
            class,
            priority,
            preemption,
        } = self.establish(attributes, pod)?;
        if let Some(given) = pod.spec.priority.filter(|given| *given != priority) {
            let reason = format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
                 computed {priority} from the given PriorityClass name"
            );
            return Err(attributes.forbidden(Some(pod), reason));
        }
        if let Some(policy) = preemption {
            if let Some(given) = pod.spec.preemption_policy.as_ref().filter(|given| **given != policy) {
                let reason = format!(
                    "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
                     controller computed {policy} from the given PriorityClass name"
                );
                return Err(attributes.forbidden(Some(pod), reason));
            }
            pod.spec.preemption_policy = Some(policy);
        }
        pod.spec.priority_class_name = class;
        pod.spec.priority = Some(priority);
        Ok(())
    }
}

#[async_trait]
impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource) || (group == "scheduling.k8s.io" && resource == "priorityclasses")
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.is_main("", "pods") {
            return Ok(());
        }
        let pod = pod_mut(object)?;
        if attributes.operation == Operation::Create {
            self.classes.catch_up().await;
            return self.admit_new(attributes, pod);
        }
        // Clients that do not know the fields leave them as they were.
        if let Some(old) = attributes.old_as::<Pod>() {
            pod.spec.priority = pod.spec.priority.or(old.spec.priority);
            if pod.spec.preemption_policy.is_none() {
                pod.spec.preemption_policy.clone_from(&old.spec.preemption_policy);
            }
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.is_main("scheduling.k8s.io", "priorityclasses") {
            return Ok(());
        }
        let class = object.and_then(|object| object.downcast_ref::<PriorityClass>());
        let Some(class) = class.filter(|class| class.global_default) else {
            return Ok(());
        };
        self.classes.catch_up().await;
        let Some(default) = self.classes.get(default_class) else {
            return Ok(());
        };
        let name = &default.metadata.name;
        if attributes.operation == Operation::Update && *name == class.metadata.name {
            return Ok(());
        }
        let reason = format!("PriorityClass {name} is already marked as default. Only one default can exist");
        Err(attributes.forbidden(object, reason))
    }
}
